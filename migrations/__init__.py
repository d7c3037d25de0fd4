"""The schema's history. It ships in the wheel, so that an installed scrubjay upgrades its own database."""
