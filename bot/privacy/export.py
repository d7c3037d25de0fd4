"""All that is held about one person, as one JSON object: what the operator and the person themself get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.domain.as_json import to_json, turn_json
from bot.storage import turns, views

if TYPE_CHECKING:
    from bot.domain.turn import TurnRecord
    from memory.db import Tx
    from memory.store import Memory

MAX_ROWS = 1_000_000


def document(tx: Tx, memory: Memory, did: str) -> dict[str, Any]:
    """Memory's export document with the person's mentions and turns. Raises UnknownPerson.

    What a turn was shown is left out: it has the words of others in the thread, and the operator's persona.
    """
    found = memory.export(tx, did) | {
        "mentions": views.entries(tx, did=did, limit=MAX_ROWS),
        "turns": [_without_prompt(turn) for turn in turns.latest(tx, did=did, limit=MAX_ROWS)],
    }
    return dict(to_json(found))


def _without_prompt(record: TurnRecord) -> dict[str, Any]:
    return {name: value for name, value in turn_json(record).items() if name != "told"}
