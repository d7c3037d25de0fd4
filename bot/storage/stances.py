"""Where people stand towards the bot: what they declare, whether they block it, and when that was read."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, exists, or_, select

from bot.domain.declarations import MAX_RECORDS, Level, Statement, resolve
from bot.domain.uris import author
from bot.storage import turns
from bot.storage.tables import StanceRow
from memory.db import insert, mark_erased
from memory.model import Denied
from memory.tables import EPOCH, DenialRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from bot.domain.mention import Relation
    from memory.db import Tx
    from memory.store import Memory

STANCE = StanceRow.__table__.c
DENIAL = DenialRow.__table__.c
PERSON = PersonRow.__table__.c
KNOWN = select(STANCE.blocks, STANCE.muted, STANCE.declared_at, STANCE.blocks_at).where(
    STANCE.did == bindparam("who")
)
NEW = {"statements": "{}", "blocks": False, "muted": False}


@dataclass(frozen=True, slots=True)
class Stance:
    """What is known of one person. A time is None if it was never read."""

    blocks: bool = False
    muted: bool = False
    declared_at: datetime | None = None
    blocks_at: datetime | None = None


UNKNOWN = Stance()


def get(tx: Tx, did: str) -> Stance:
    row = tx.execute(KNOWN, {"who": did}).first()
    return Stance(*row) if row else UNKNOWN


def put_statements(
    tx: Tx, memory: Memory, did: str, statements: Mapping[str, Statement], at: datetime
) -> None:
    """Store all that this person declares, as it was read at `at`. `statements` by AT URI of the record."""
    statements = dict(islice(statements.items(), MAX_RECORDS))
    _put(tx, did, statements=_to_json(statements), declared_at=at)
    _resolve(tx, memory, did, statements)


def change_statement(tx: Tx, memory: Memory, uri: str, statement: Statement | None) -> bool:
    """Store one record that was written, or (None) deleted. False if nothing changes.

    What was read before is out of date then: the person may have other records.
    """
    did = author(uri)
    found = select(STANCE.statements, STANCE.declared_at).where(STANCE.did == did).with_for_update()
    row = tx.execute(found).first()
    known = _from_json(row.statements) if row else {}
    if known.get(uri) == statement or (uri not in known and len(known) == MAX_RECORDS):
        return False
    changed = {key: one for key, one in {**known, uri: statement}.items() if one is not None}
    _put(
        tx,
        did,
        statements=_to_json(changed),
        declared_at=EPOCH if row and row.declared_at is not None else None,
    )
    _resolve(tx, memory, did, changed)
    return True


def put_relation(tx: Tx, did: str, relation: Relation, at: datetime) -> None:
    """Store what the AppView said at `at`, when the blocks in the person's repo were read as well."""
    _put(tx, did, blocks=relation.blocks, muted=relation.muted, blocks_at=at)


def says_so(known: Stance, relation: Relation, since: datetime) -> bool:
    """Whether this is what was stored, and was read since then."""
    fresh = known.blocks_at is not None and known.blocks_at > since
    return fresh and (known.blocks, known.muted) == (relation.blocks, relation.muted)


def erase(tx: Tx, did: str) -> None:
    """Keep nothing of this person. What they declare is read again if they come back."""
    if tx.execute(delete(StanceRow).where(STANCE.did == did)).rowcount:
        mark_erased(tx)


def expire(tx: Tx, before: datetime, among: Collection[str] | None = None) -> int:
    """Erase what was last read before then of people whom memory does not know. Returns how many rows.

    `among`: of these people only (DIDs).
    """
    which = [] if among is None else [STANCE.did.in_(among)]
    erased = tx.execute(delete(StanceRow).where(_is_stale(before), *which)).rowcount
    which = [] if among is None else [DENIAL.did.in_(among)]
    erased += tx.execute(delete(DenialRow).where(_is_left(), *which)).rowcount
    if erased:
        mark_erased(tx)
    return erased


def stale(tx: Tx, before: datetime, after: str, limit: int) -> tuple[list[str], str | None]:
    """Of the next people after this DID those that `expire` erases, and the last of them all.

    None: there are no more. At most `limit` people are looked at in each table, as none of them may be stale.
    """
    looks = (
        select(STANCE.did, _is_stale(before).label("stale")),
        select(DENIAL.did, _is_left().label("stale")),
    )
    pages = []
    for look in looks:
        did = look.selected_columns.did
        pages.append(tx.execute(look.where(did > after).order_by(did).limit(limit)).all())
    full = [page[-1].did for page in pages if len(page) == limit]
    last = min(full, default=None)
    rows = [row for page in pages for row in page if last is None or row.did <= last]
    return sorted({row.did for row in rows if row.stale}), last


def _is_stale(before: datetime) -> ColumnElement[bool]:
    old = (or_(column.is_(None), column < before) for column in (STANCE.declared_at, STANCE.blocks_at))
    return and_(*old, ~exists().where(PERSON.did == STANCE.did))


def _is_left() -> ColumnElement[bool]:
    """A denial of somebody of whom nothing else is stored."""
    known = (exists().where(PERSON.did == DENIAL.did), exists().where(STANCE.did == DENIAL.did))
    return and_(*(~each for each in known))


def _put(tx: Tx, did: str, **values: object) -> None:
    row = insert(tx, StanceRow).values(did=did, **{**NEW, **values})
    tx.execute(row.on_conflict_do_update(index_elements=["did"], set_=values))


def _resolve(tx: Tx, memory: Memory, did: str, statements: Mapping[str, Statement]) -> None:
    declared = resolve(statements.values())
    denied = Denied(declared.inference is False, declared.embedding is False)
    if denied.inference and not memory.denials.get(tx, did).inference:
        turns.redact_of_person(tx, did)  # a turn can be thought again
    memory.denials.put(tx, did, denied)


def _to_json(statements: Mapping[str, Statement]) -> str:
    return json.dumps({uri: astuple(one) for uri, one in statements.items()})


def _from_json(text: str) -> dict[str, Statement]:
    return {
        uri: Statement(None if level is None else Level(level), *rest)
        for uri, (level, *rest) in json.loads(text).items()
    }
