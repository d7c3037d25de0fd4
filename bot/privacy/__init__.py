"""Erasure and retention: what is deleted, when, and in which places."""
