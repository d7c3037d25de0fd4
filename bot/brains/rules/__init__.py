"""The `rules` brain: deterministic, without a key or a network."""
