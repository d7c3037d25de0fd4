"""The rows of passages: read as values, written, erased. Reached through `memory.store`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam, delete, func, literal, or_, select, type_coerce, update

from memory.db import insert, mark_erased
from memory.errors import EditRefused
from memory.identifiers import hash_64
from memory.model import Passage
from memory.search.index import build
from memory.search.stems import pack, read, unpack
from memory.tables import IndexStampRow, NoteRow, PassageRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from memory.db import Tx
    from memory.model import Kind
    from memory.search.index import PassageIndex

PASSAGE = PassageRow.__table__.c
AUTHOR = func.coalesce(PASSAGE.author, PASSAGE.did).label("author")
URI = (literal("at://") + PASSAGE.did + "/" + PASSAGE.source).label("uri")
VALUES = (
    *(PASSAGE.did, PASSAGE.kind, AUTHOR, PASSAGE.text, PASSAGE.thread, URI, PASSAGE.at, PASSAGE.id),
    *(PASSAGE[name] for name in ("note_id", "valid_from", "valid_to", "superseded_by", "lang")),
)
CHANGING = ("at", "thread", "valid_from", "valid_to", "superseded_by")
ARRAYS = (
    AUTHOR,
    *(PASSAGE[name] for name in ("id", "thread", "lang", "stems", "emb", "emb_model")),
    *(type_coerce(PASSAGE[name], BigInteger).label(name) for name in ("at", "valid_to")),
)


def key_of(kind: Kind, uri: str, note_id: int | None = None) -> int:
    """Under this number a passage is recorded once."""
    return hash_64(f"{kind} {uri}" if note_id is None else f"{kind} {note_id}")


def of_post(uri: str) -> ColumnElement[bool]:
    """What was said in this post, and what answered it."""
    return PASSAGE.key.in_((key_of("said", uri), key_of("answer", uri)))


def find(tx: Tx, *where: Any, limit: int | None = None, newest: bool = False) -> tuple[Passage, ...]:
    """The passages that meet every condition, in the order in which they were said.

    With `newest` and a `limit` it is the last ones, still oldest first.
    """
    order = (PASSAGE.at.desc(), PASSAGE.id.desc()) if newest else (PASSAGE.at, PASSAGE.id)
    rows = [Passage(*row) for row in tx.execute(select(*VALUES).where(*where).order_by(*order).limit(limit))]
    return tuple(reversed(rows) if newest else rows)


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `passage`; what is recorded already stays as it is."""
    if rows:
        tx.execute(insert(tx, PassageRow).on_conflict_do_nothing(), rows)
        touch(tx, {row["did"] for row in rows})


def values(passage: Passage) -> dict[str, Any]:
    """A passage as its row, without what is made from the text.

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


def as_of(passage: Passage) -> tuple[object, ...]:
    """What of a note's passage may change: its receipt, when it holds, and what it replaced."""
    return tuple(getattr(passage, name) for name in ("uri", *CHANGING))


def change(tx: Tx, passage: Passage) -> None:
    """Let the passage of a note tell of it as `passage` does. Its text is the same."""
    new = {name: value for name, value in values(passage).items() if name in ("source", *CHANGING)}
    tx.execute(update(PassageRow).where(PassageRow.note_id == passage.note_id).values(new))
    touch(tx, {passage.did})


def erase(tx: Tx, *where: Any) -> int:
    """Erase the passages that meet every condition. Returns how many."""
    dids = tx.execute(delete(PassageRow).where(*where).returning(PASSAGE.did)).scalars().all()
    touch(tx, set(dids))
    if dids:
        mark_erased(tx)
    return len(dids)


def erase_told(tx: Tx, did: str, note_ids: Collection[int]) -> None:
    """These notes are forgotten: erase the posts they come from, what answered those, and what repeats them.

    An answer of the bot repeats a note if it has a word of it that this person's own words no longer have.
    """
    first = select(NoteRow.source_uri).where(NoteRow.did == did, NoteRow.id.in_(note_ids))
    again = select(ReceiptRow.uri).where(ReceiptRow.did == did, ReceiptRow.note_id.in_(note_ids))
    posts = [of_post(uri) for uri in tx.scalars(first.union(again))]
    forgotten = or_(PASSAGE.note_id.in_(note_ids), *posts)
    mine = tx.execute(select(PASSAGE.id, PASSAGE.kind, PASSAGE.stems, forgotten).where(PASSAGE.did == did))
    rows = [(row[0], row[1], frozenset(unpack(row[2])[0].tolist()), bool(row[3])) for row in mine]
    texts = tx.scalars(select(NoteRow.text).where(NoteRow.did == did, NoteRow.id.in_(note_ids)))
    told = {stem for text in texts for stem in unpack(pack(read(text)))[0].tolist()}
    kept = {stem for _, kind, stems, out in rows if not out and kind != "answer" for stem in stems}
    out_now = [row for row, kind, stems, out in rows if out or (kind == "answer" and (told - kept) & stems)]
    erase(tx, PASSAGE.did == did, PASSAGE.id.in_(out_now))


# --- what search works on ------------------------------------------------------------------------


def touch(tx: Tx, dids: Collection[str]) -> None:
    """These people's passages changed: nothing that was decoded of them before holds.

    The stamp is random: a counter would come again after a rollback, or when an erased person returns.
    """
    if dids:
        statement = insert(tx, IndexStampRow)
        fresh = statement.on_conflict_do_update(
            index_elements=["did"], set_={"stamp": statement.excluded.stamp}
        )
        tx.execute(fresh, [{"did": did, "stamp": secrets.randbits(62)} for did in sorted(dids)])


def shelf(tx: Tx, did: str, model: str) -> PassageIndex:
    """All passages of this person, decoded, with the vectors of this model."""
    return build(tx.execute(select(*ARRAYS).where(PASSAGE.did == did)).all(), model)


def scored(tx: Tx, did: str, scores: Mapping[int, float]) -> tuple[Passage, ...]:
    """These passages, as far as they are this person's, best first (in the order of `scores`)."""
    there = {each.id: each for each in find(tx, PASSAGE.did == did, PASSAGE.id.in_(scores))}
    return tuple(replace(there[each], score=value) for each, value in scores.items() if each in there)


# --- upkeep --------------------------------------------------------------------------------------


def not_of(model: str) -> ColumnElement[bool]:
    return PASSAGE.emb_model.is_distinct_from(model)


def count(tx: Tx, *where: Any) -> int:
    return tx.scalar(select(func.count()).select_from(PassageRow).where(*where)) or 0


def texts(tx: Tx, *where: Any, limit: int) -> dict[int, str]:
    rows = tx.execute(select(PASSAGE.id, PASSAGE.text).where(*where).order_by(PASSAGE.id).limit(limit))
    return {row.id: row.text for row in rows}


def embed(tx: Tx, vectors: Mapping[int, bytes | None], model: str) -> None:
    """Set the vectors of these passages; those that were erased meanwhile stay erased."""
    wanted = update(PassageRow).where(PASSAGE.id == bindparam("row"))
    tx.execute(
        wanted.values(emb=bindparam("vector"), emb_model=model),
        [{"row": row, "vector": vector} for row, vector in vectors.items()],
    )
    touch(tx, set(tx.scalars(select(PASSAGE.did).where(PASSAGE.id.in_(vectors)))))


def unsynced(tx: Tx) -> tuple[str, ...]:
    """Who has notes without a passage."""
    noted = select(PASSAGE.note_id).where(PASSAGE.note_id.is_not(None))
    missing = NoteRow.id.not_in(noted) & NoteRow.withdrawn_at.is_(None)
    return tuple(tx.scalars(select(NoteRow.did).where(missing).distinct().order_by("did")))
