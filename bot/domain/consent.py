"""Whether a person is remembered, by what the operator chose and what the person wished. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memory.model import Person


class Consent(StrEnum):
    """When the bot remembers people: once they were told, once they asked for it, or never."""

    ASK = "ask"
    OPT_IN = "opt-in"
    OFF = "off"


def may_remember(consent: Consent, wish: bool | None) -> bool:  # noqa: FBT001 - a wish, not a switch
    """Whether the bot may remember the person. `wish`: their last word about it; None if there is none."""
    match consent:
        case Consent.ASK:
            return wish is not False
        case Consent.OPT_IN:
            return wish is True
        case Consent.OFF:
            return False


def must_tell(consent: Consent, person: Person) -> bool:
    """Whether the next reply must tell the person what this is.

    Who was told that nothing is remembered is told again once that has changed.
    """
    return person.introduced_at is None or (consent is Consent.ASK and not person.told_of_memory)
