"""The settings: their fields, their types, and where their values come from."""
