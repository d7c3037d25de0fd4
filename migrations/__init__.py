"""Alembic's migrations. They are in the wheel, so that an installed scrubjay upgrades its own database."""
