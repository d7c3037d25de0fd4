"""Erasure and retention: what is deleted, when, and everywhere it stands."""
