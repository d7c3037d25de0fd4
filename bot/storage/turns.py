"""Turn records: add, read, redact, erase, expire."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select, update

from bot.domain.turn import Call, TurnInput, TurnOutcome, TurnRecord
from bot.errors import NotFound
from bot.storage.tables import TurnRow
from memory.db import mark_erased, stream
from memory.model import Forget, Remember, Revise
from memory.prepared import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from memory.db import Tx
    from memory.model import Edit

T = TypeVar("T")
TURN_INPUT: TypeAdapter[TurnInput] = TypeAdapter(TurnInput)
CALLS: TypeAdapter[tuple[Call, ...]] = TypeAdapter(tuple[Call, ...])
EDITS = MappingProxyType({"remember": Remember, "revise": Revise, "forget": Forget})
REDACTED_COLUMNS: Any = dict.fromkeys(("told", "calls", "reply", "why", "edits"))


def add(tx: Tx, turn: TurnRecord) -> None:
    """Store the turn; its id is a new one."""
    row = {
        "uri": turn.uri,
        "did": turn.did,
        "at": turn.at,
        "brain": turn.brain,
        "model": turn.model,
        "persona": turn.persona,
        "outcome": turn.outcome,
        "error": turn.error,
        "told": _dump(TURN_INPUT, turn.told) if turn.told else None,
        "calls": _dump(CALLS, turn.calls),
        "reply": turn.reply,
        "why": turn.why,
        "edits": dump_edits(turn.edits),
        "tokens_in": turn.tokens_in,
        "tokens_out": turn.tokens_out,
        "cost": turn.cost,
        "took_ms": turn.took_ms,
    }
    tx.execute(insert(table_of(TurnRow)), row)


def of_mention(tx: Tx, uri: str) -> tuple[TurnRecord, ...]:
    """All turns about this mention, oldest first, also those that failed. Raises NotFound."""
    rows = tx.execute(select(TurnRow.__table__).where(TurnRow.uri == uri).order_by(TurnRow.id)).all()
    if not rows:
        raise NotFound(f"turn over {uri}. `scrubjay turn list` shows what is kept.")
    return tuple(map(_turn, rows))


def latest(
    tx: Tx, *, did: str | None = None, since: datetime | None = None, limit: int = 50
) -> tuple[TurnRecord, ...]:
    """The newest turns first; `since` is inclusive."""
    rows = select(TurnRow.__table__).order_by(TurnRow.id.desc()).limit(limit)
    if did is not None:
        rows = rows.where(TurnRow.did == did)
    if since is not None:
        rows = rows.where(TurnRow.at >= since)
    return tuple(map(_turn, tx.execute(rows)))


def posts(tx: Tx, did: str | None) -> Iterator[tuple[str, str, datetime]]:
    """The mentions that turns of this person (None: of everyone) are about: (DID, AT URI, turn's time)."""
    found = select(TurnRow.did, TurnRow.uri, TurnRow.at)
    for row in stream(tx, found if did is None else found.where(TurnRow.did == did)):
        yield row.did, row.uri, row.at


def redact(tx: Tx, uris: Collection[str]) -> None:
    """Erase all texts from the turns about these mentions."""
    _redact(tx, TurnRow.uri.in_(uris))


def redact_of_person(tx: Tx, did: str) -> None:
    """Erase all texts from the turns about this person's mentions."""
    _redact(tx, TurnRow.did == did)


def _redact(tx: Tx, which: ColumnElement[bool]) -> None:
    blanked = update(TurnRow).where(which, TurnRow.calls.is_not(None))
    if tx.execute(blanked.values(REDACTED_COLUMNS)).rowcount:
        mark_erased(tx)


def erase(tx: Tx, did: str) -> None:
    """Delete this person's turns.

    Call it after `outcomes.anonymize`, in the same transaction. Whoever adds a turn locks its mention, so no
    turn can be added meanwhile.
    """
    tx.execute(delete(TurnRow).where(TurnRow.did == did))
    mark_erased(tx)


def expire(tx: Tx, before: datetime, limit: int | None = None) -> int:
    """Delete turns from before this time, at most `limit`, the oldest. Returns how many."""
    oldest = select(TurnRow.id).where(TurnRow.at < before).order_by(TurnRow.at).limit(limit)
    if count := tx.execute(delete(TurnRow).where(TurnRow.id.in_(oldest))).rowcount:
        mark_erased(tx)
    return count


def redacted(turn: TurnRecord) -> TurnRecord:
    """The turn without its texts, as `redact` leaves it."""
    return replace(turn, told=None, calls=(), reply=None, why=None, edits=())


def _turn(row: Any) -> TurnRecord:
    return TurnRecord(
        **{
            **row._mapping,  # noqa: SLF001 - SQLAlchemy's name for the row as a mapping
            "outcome": TurnOutcome(row.outcome),
            "told": _load(TURN_INPUT, row.told) if row.told else None,
            "calls": _load(CALLS, row.calls) if row.calls else (),
            "edits": load_edits(row.edits) if row.edits else (),
        }
    )


# --- JSON ----------------------------------------------------------------------------------------
# In ASCII, so that every database takes any text. A field that a row lacks gets its default; a field that the
# program no longer has is ignored.


def _dump(kind: TypeAdapter[T], value: T) -> str:
    return json.dumps(kind.dump_python(value, mode="json"), separators=(",", ":"))


def _load(kind: TypeAdapter[T], text: str) -> T:
    return kind.validate_python(json.loads(text))


def dump_edits(edits: Iterable[Edit]) -> str:
    return json.dumps([{"op": type(edit).__name__.lower(), **asdict(edit)} for edit in edits])


def load_edits(text: str) -> tuple[Edit, ...]:
    return tuple(EDITS[edit.pop("op")](**edit) for edit in json.loads(text))
