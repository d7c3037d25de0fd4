"""Numbers that look drawn by lot, and are the same wherever and whenever they are asked for. Pure."""

from __future__ import annotations

from hashlib import sha256

SCALE = 2.0**64


def chance(*names: str) -> float:
    """A number from 0 to below 1 for these names. Other names have one that has nothing to do with it."""
    digest = sha256("\0".join(names).encode()).digest()
    return min(int.from_bytes(digest[:8]) / SCALE, 1 - 2**-53)
