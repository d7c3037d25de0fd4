"""Alembic's migrations. Installed as memory/migrations, so that no other package of that name is taken."""
