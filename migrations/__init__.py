"""The schema's history. It is installed as memory/migrations, so that nobody else's is taken for it."""
