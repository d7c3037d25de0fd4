"""Backups, their restoration, the move to PostgreSQL, and what shows that a store is whole."""
