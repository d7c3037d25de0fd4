"""The kind of the reason for which a mention ended, from a small set: a label of metrics. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.errors import PermanentBrainError, PermanentNetworkError, ProtocolFact

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE, OTHER = "none", "other"
WORDS = frozenset({*PolicyReason, "adopted", "deleted", "edited", "forgotten", "in the ledger", "stop"})
FAILURES: Mapping[str, str] = MappingProxyType(  # how the reason of a failure begins
    {
        "bug:": "bug",
        str(PermanentNetworkError.__doc__): "network",
        str(ProtocolFact.__doc__): "network",
        str(PermanentBrainError.__doc__): "brain",
    }
)


def kind_of_reason(state: State, why: str | None) -> str:
    """One of WORDS, of FAILURES, NONE or OTHER: never what `why` quotes."""
    if why is None or state is State.SILENT:  # a brain may quote the person in it
        return NONE
    if why in WORDS:
        return str(why)
    found = (kind for begin, kind in FAILURES.items() if why.startswith(begin))
    return next(found, OTHER) if state is State.FAILED else OTHER
