"""The only SQL of turns. Every function takes the caller's transaction."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, or_, select, update

from bot.domain.turn import Call, TurnInput, TurnOutcome, TurnRecord
from bot.errors import NotFound
from bot.storage.tables import TurnRow, TurnSourceRow
from memory.db import mark_erased
from memory.model import Forget, Remember, Revise

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Edit

T = TypeVar("T")
TOLD: TypeAdapter[TurnInput] = TypeAdapter(TurnInput)
CALLS: TypeAdapter[tuple[Call, ...]] = TypeAdapter(tuple[Call, ...])
EDITS = MappingProxyType({"remember": Remember, "revise": Revise, "forget": Forget})
NO_WORDS: Any = dict.fromkeys(("told", "calls", "reply", "why", "edits"))


def keep(tx: Tx, turn: TurnRecord, sources: Collection[str]) -> int:
    """Write the turn (its `id` is given here) and the posts whose words it has seen."""
    added = tx.execute(
        insert(TurnRow).values(
            uri=turn.uri,
            did=turn.did,
            at=turn.at,
            brain=turn.brain,
            model=turn.model,
            persona=turn.persona,
            outcome=turn.outcome,
            error=turn.error,
            told=_dump(TOLD, turn.told) if turn.told else None,
            calls=_dump(CALLS, turn.calls),
            reply=turn.reply,
            why=turn.why,
            edits=_dump_edits(turn.edits),
            tokens_in=turn.tokens_in,
            tokens_out=turn.tokens_out,
            cost=turn.cost,
            took_ms=turn.took_ms,
        )
    )
    assert added.inserted_primary_key is not None
    number: int = added.inserted_primary_key[0]
    if sources:
        tx.execute(insert(TurnSourceRow), [{"turn_id": number, "uri": uri} for uri in sorted(sources)])
    return number


def of(tx: Tx, uri: str) -> tuple[TurnRecord, ...]:
    """Every turn over this mention, oldest first: attempts that failed, too. Raises NotFound."""
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


def shown(tx: Tx) -> list[str]:
    """Every post, of anybody, whose words stand in a turn."""
    return list(tx.scalars(select(TurnSourceRow.uri).distinct()))


def redact(tx: Tx, uris: Collection[str]) -> int:
    """Take all words out of the turns that have seen one of these posts. Returns how many turns."""
    return _redact(tx, TurnSourceRow.uri.in_(uris)) if uris else 0


def erase(tx: Tx, did: str) -> int:
    """Erase this person's turns, and their words in the turns of others. Returns how many turns.

    Call it when their mentions are scrubbed: who keeps a turn holds its mention, and either sees the other.
    """
    shown = _redact(tx, TurnSourceRow.uri.startswith(f"at://{did}/", autoescape=True))
    mine = select(TurnRow.id).where(TurnRow.did == did)
    tx.execute(delete(TurnSourceRow).where(TurnSourceRow.turn_id.in_(mine)))
    tx.execute(delete(TurnRow).where(TurnRow.did == did))
    mark_erased(tx)
    return shown


def expire(tx: Tx, before: datetime) -> int:
    """Drop the turns from before this time. Returns how many."""
    if count := tx.execute(delete(TurnRow).where(TurnRow.at < before)).rowcount:
        mark_erased(tx)
    return count


def _redact(tx: Tx, *which: Any) -> int:
    seen = list(tx.scalars(select(TurnSourceRow.turn_id).where(or_(*which)).distinct()))
    if seen:
        tx.execute(update(TurnRow).where(TurnRow.id.in_(seen)).values(NO_WORDS))
        tx.execute(delete(TurnSourceRow).where(TurnSourceRow.turn_id.in_(seen)))
        mark_erased(tx)
    return len(seen)


def without_words(turn: TurnRecord) -> TurnRecord:
    """The turn as redaction leaves it."""
    return replace(turn, told=None, calls=(), reply=None, why=None, edits=())


def _turn(row: Any) -> TurnRecord:
    return TurnRecord(
        **{
            **row._mapping,  # noqa: SLF001 - SQLAlchemy's name for the row as a mapping
            "outcome": TurnOutcome(row.outcome),
            "told": _load(TOLD, row.told) if row.told else None,
            "calls": _load(CALLS, row.calls) if row.calls else (),
            "edits": _load_edits(row.edits) if row.edits else (),
        }
    )


# --- JSON ----------------------------------------------------------------------------------------
# In ASCII, so that no database minds what a stranger wrote. Fields that came later take their defaults, those
# that are gone are not read.


def _dump(kind: TypeAdapter[T], value: T) -> str:
    return json.dumps(kind.dump_python(value, mode="json"), separators=(",", ":"))


def _load(kind: TypeAdapter[T], text: str) -> T:
    return kind.validate_python(json.loads(text))


def _dump_edits(edits: Iterable[Edit]) -> str:
    return json.dumps([{"op": type(edit).__name__.lower(), **asdict(edit)} for edit in edits])


def _load_edits(text: str) -> tuple[Edit, ...]:
    return tuple(EDITS[edit.pop("op")](**edit) for edit in json.loads(text))
