"""The `letta` brain: a model behind a Letta server."""
