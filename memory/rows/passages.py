"""The rows of passages: read as values, written, erased."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Integer,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from memory.db import mark_erased
from memory.errors import EditRefused
from memory.identifiers import hash_64
from memory.model import Passage
from memory.prepared import per_database, table_of
from memory.search.index import build
from memory.tables import DenialRow, IndexStampRow, NoteRow, PassageRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from memory.db import Tx
    from memory.model import Kind
    from memory.search.index import PassageIndex

QUESTION_MARKS = "?\N{FULLWIDTH QUESTION MARK}\N{ARABIC QUESTION MARK}"
STATEMENT_MARKS = ".!\n\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH EXCLAMATION MARK}\N{HORIZONTAL ELLIPSIS}"
PASSAGE = PassageRow.__table__.c
DENIED = select(DenialRow.did).where(DenialRow.embedding)  # of whom no vectors are made
AUTHOR = func.coalesce(PASSAGE.author, PASSAGE.did).label("author")
URI = (literal("at://") + PASSAGE.did + "/" + PASSAGE.source).label("uri")
PASSAGE_COLUMNS = (  # in the order of Passage's fields
    *(PASSAGE.did, PASSAGE.kind, AUTHOR, PASSAGE.text, PASSAGE.thread, URI, PASSAGE.at, PASSAGE.id),
    *(PASSAGE[name] for name in ("note_id", "valid_from", "valid_to", "superseded_by", "lang")),
)
INDEX_COLUMNS = (
    AUTHOR,
    *(PASSAGE[name] for name in ("id", "thread", "lang", "stems", "emb", "emb_model")),
    *(type_coerce(PASSAGE[name], BigInteger).label(name) for name in ("at", "valid_to")),
    and_(
        or_(*(PASSAGE.text.contains(mark) for mark in QUESTION_MARKS)),
        *(~PASSAGE.text.contains(mark) for mark in STATEMENT_MARKS),
    ).label("is_question"),
)
NEWEST = PASSAGE.at.desc(), PASSAGE.id.desc()
MINE = PASSAGE.did == bindparam("who")
LAST: Any = bindparam("most", type_=Integer)
EXCHANGES = select(*PASSAGE_COLUMNS).where(MINE, PASSAGE.note_id.is_(None)).order_by(*NEWEST).limit(LAST)
ANSWERS = (
    select(PASSAGE.text)
    .where(MINE, PASSAGE.kind == "answer", PASSAGE.at >= bindparam("since"))
    .order_by(*NEWEST)
    .limit(LAST)
)
BY_ID = select(*PASSAGE_COLUMNS).where(MINE, PASSAGE.id.in_(bindparam("ids", expanding=True)))
INDEXED = select(*INDEX_COLUMNS).where(MINE, PASSAGE.id > bindparam("after"))
CHANGING = ("at", "thread", "valid_from", "valid_to", "superseded_by")  # what an edit changes, beside the URI

UPDATE = update(table_of(PassageRow)).where(PASSAGE.note_id == bindparam("which"))


def key_of(kind: Kind, uri: str, note_id: int | None = None) -> int:
    """The unique key of a passage, so that each is stored once."""
    return hash_64(f"{kind} {uri}" if note_id is None else f"{kind} {note_id}")


def of_post(uri: str) -> ColumnElement[bool]:
    """The condition for the passage of this post and for the answer to it."""
    return PASSAGE.key.in_((key_of("said", uri), key_of("answer", uri)))


def find(tx: Tx, *where: Any, limit: int | None = None, newest: bool = False) -> tuple[Passage, ...]:
    """The passages that meet every condition, oldest first.

    With `newest`, a `limit` cuts off the oldest ones.
    """
    order = NEWEST if newest else (PASSAGE.at, PASSAGE.id)
    query = select(*PASSAGE_COLUMNS).where(*where).order_by(*order).limit(limit)
    rows = [Passage(*row) for row in tx.execute(query)]
    return tuple(reversed(rows) if newest else rows)


def recent(tx: Tx, did: str, limit: int) -> tuple[Passage, ...]:
    """The last posts of this person and answers to them, oldest first."""
    rows = tx.execute(EXCHANGES, {"who": did, "most": limit}).all()
    return tuple(Passage(*row) for row in reversed(rows))


def answers(tx: Tx, did: str, since: datetime, limit: int) -> tuple[str, ...]:
    """The texts of the last answers to this person since then, oldest first."""
    return tuple(reversed(tx.scalars(ANSWERS, {"who": did, "since": since, "most": limit}).all()))


def to_row(passage: Passage) -> dict[str, Any]:
    """The columns of a passage, without those that are computed from the text.

    Raises EditRefused if its receipt is somebody else's post.
    """
    home = f"at://{passage.did}/"
    if not passage.uri.startswith(home):
        raise EditRefused("the source post is by somebody else. Keep what people say themselves.")
    return {
        "did": passage.did,
        "kind": passage.kind,
        "author": passage.author if passage.kind == "answer" else None,
        "text": passage.text,
        "thread": passage.thread,
        "source": passage.uri.removeprefix(home),
        "key": key_of(passage.kind, passage.uri, passage.note_id),
        "note_id": passage.note_id,
        "at": passage.at,
        "valid_from": passage.valid_from,
        "valid_to": passage.valid_to,
        "superseded_by": passage.superseded_by,
    }


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `passage`; one that is stored already stays as it is."""
    if rows:
        _lock(tx, {row["did"] for row in rows})
        tx.execute(_adding(tx), rows)


def differs(one: Passage, other: Passage) -> bool:
    """Do two passages of one note differ in its receipt, its validity or its chain?"""
    return any(getattr(one, name) != getattr(other, name) for name in ("uri", *CHANGING))


def update_notes(tx: Tx, did: str, changed: Sequence[Passage]) -> None:
    """Change the rows of the passages of this person's notes to these. Their texts are the same."""
    rows = [{"which": each.note_id, **to_row(each)} for each in changed]
    if rows:
        tx.execute(UPDATE, [{name: row[name] for name in ("which", "source", *CHANGING)} for row in rows])
        mark_changed(tx, {did})


def erase(tx: Tx, *where: Any) -> int:
    """Erase the passages that meet every condition. Returns how many."""
    dids = tx.execute(delete(PassageRow).where(*where).returning(PASSAGE.did)).scalars().all()
    mark_changed(tx, set(dids))
    if dids:
        mark_erased(tx)
    return len(dids)


def erase_with_notes(tx: Tx, did: str, note_ids: Collection[int]) -> None:
    """Erase the passages of these notes, the posts they come from, and the answers to those."""
    first = select(NoteRow.source_uri).where(NoteRow.did == did, NoteRow.id.in_(note_ids))
    again = select(ReceiptRow.uri).where(ReceiptRow.did == did, ReceiptRow.note_id.in_(note_ids))
    posts = [of_post(uri) for uri in tx.scalars(first.union(again))]
    erase(tx, PASSAGE.did == did, or_(PASSAGE.note_id.in_(note_ids), *posts))


# --- the index -----------------------------------------------------------------------------------


def mark_changed(tx: Tx, dids: Collection[str]) -> None:
    """Give the passages of these people a new stamp: an index that was decoded before is out of date.

    The stamp is random, because a counter could repeat a value after a rollback, or when an erased person
    returns. What is only added needs no new one: whoever has an index adds what has greater ids.
    """
    _stamp(tx, dids, _marking)


def _lock(tx: Tx, dids: Collection[str]) -> None:
    """Until the transaction ends nobody else adds passages of these people: ids must follow the commits."""
    _stamp(tx, dids, _locking)


def _stamp(tx: Tx, dids: Collection[str], statement: Callable[[Tx], Any]) -> None:
    if dids:
        tx.execute(statement(tx), [{"did": did, "stamp": secrets.randbits(62)} for did in sorted(dids)])


@per_database
def _marking(insert: Any) -> Any:
    row = insert(IndexStampRow.__table__)
    return row.on_conflict_do_update(index_elements=["did"], set_={"stamp": row.excluded.stamp})


@per_database
def _locking(insert: Any) -> Any:
    row = insert(IndexStampRow.__table__)
    return row.on_conflict_do_update(index_elements=["did"], set_={"stamp": IndexStampRow.stamp})


@per_database
def _adding(insert: Any) -> Any:
    return insert(PassageRow.__table__).on_conflict_do_nothing()


def load_index(tx: Tx, did: str, encoder: str, after: int = 0) -> PassageIndex:
    """The passages of this person with ids above `after` as an index, with the vectors of this encoder."""
    return build(tx.execute(INDEXED, {"who": did, "after": after}).all(), encoder)


def with_scores(tx: Tx, did: str, scores: Mapping[int, float]) -> tuple[Passage, ...]:
    """The passages of these ids, with their scores and in their order; only those of this person."""
    if not scores:
        return ()
    rows = tx.execute(BY_ID, {"who": did, "ids": list(scores)})
    found = {each.id: each for each in (Passage(*row) for row in rows)}
    return tuple(replace(found[each], score=value) for each, value in scores.items() if each in found)


# --- vectors -------------------------------------------------------------------------------------


def not_encoded_by(encoder: str) -> ColumnElement[bool]:
    """The condition for passages that lack a vector by this encoder and may have one."""
    return and_(PASSAGE.emb_model.is_distinct_from(encoder), PASSAGE.did.not_in(DENIED))


def erase_vectors(tx: Tx, did: str) -> None:
    """Erase the vectors of this person's passages."""
    mine = (PASSAGE.did == did, PASSAGE.emb_model.is_not(None))
    if tx.execute(update(PassageRow).where(*mine).values(emb=None, emb_model=None)).rowcount:
        mark_changed(tx, {did})
        mark_erased(tx)


def count(tx: Tx, *where: Any) -> int:
    return tx.scalar(select(func.count()).select_from(PassageRow).where(*where)) or 0


def texts(tx: Tx, *where: Any, limit: int) -> dict[int, str]:
    """The texts of the first passages that meet every condition, by passage id."""
    rows = tx.execute(select(PASSAGE.id, PASSAGE.text).where(*where).order_by(PASSAGE.id).limit(limit))
    return {row.id: row.text for row in rows}


def set_vectors(tx: Tx, vectors: Mapping[int, bytes | None], encoder: str) -> None:
    """Set the vectors of these passages, but for those that were erased or denied meanwhile."""
    wanted = update(PassageRow).where(PASSAGE.id == bindparam("row"), PASSAGE.did.not_in(DENIED))
    tx.execute(
        wanted.values(emb=bindparam("vector"), emb_model=encoder),
        [{"row": row, "vector": vector} for row, vector in vectors.items()],
    )
    mark_changed(tx, set(tx.scalars(select(PASSAGE.did).where(PASSAGE.id.in_(vectors)))))


def people_without(tx: Tx) -> tuple[str, ...]:
    """The people who have a note without a passage, by DID."""
    noted = select(PASSAGE.note_id).where(PASSAGE.note_id.is_not(None))
    missing = NoteRow.id.not_in(noted) & NoteRow.withdrawn_at.is_(None)
    return tuple(tx.scalars(select(NoteRow.did).where(missing).distinct().order_by("did")))
