"""Whether a person is remembered, by what the operator chose and what the person wished. Pure."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain import commands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from memory.model import Person


class Consent(StrEnum):
    """When the bot remembers people: once they were told, once they asked for it, or never."""

    ASK = "ask"
    OPT_IN = "opt-in"
    OFF = "off"


NOTICES: Mapping[Consent, str] = MappingProxyType(
    {
        Consent.ASK: commands.NOTICE,
        Consent.OPT_IN: (
            "(I'm a bot. I keep no notes about you unless you write “remember me”. "
            "Write “stop” and I'll leave you alone.)"
        ),
        Consent.OFF: "(I'm a bot, and I keep no memory of people. Write “stop” and I'll leave you alone.)",
    }
)


def may_remember(consent: Consent, wish: bool | None) -> bool:  # noqa: FBT001 - a wish, not a switch
    """Whether the bot may remember the person. `wish`: their last word about it; None if there is none."""
    match consent:
        case Consent.ASK:
            return wish is not False
        case Consent.OPT_IN:
            return wish is True
        case Consent.OFF:
            return False


def notice(consent: Consent, person: Person) -> str:
    """What the next reply must tell the person; empty if they were told.

    Who was told that nothing is remembered is told again once that has changed.
    """
    told = person.introduced_at is not None and (person.told_of_memory or consent is not Consent.ASK)
    return "" if told else NOTICES[consent]
