"""Persona, memory and thread become one prompt. Pure."""
