"""What was looked at in a store, and whether it is right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` is None for what could not be looked at; `detail` says why."""

    name: str
    ok: bool | None
    detail: str


def judge(name: str, wrong: str, right: str) -> Finding:
    """A finding that is right if nothing is `wrong`."""
    return Finding(name, not wrong, wrong or right)
