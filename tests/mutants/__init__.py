"""Seeded bugs, and the tests that kill them: `make mutants` runs them all.

The catalogue is data: a TOML file for each area beside this one. CONTRIBUTING.md tells how to add a bug.
"""
