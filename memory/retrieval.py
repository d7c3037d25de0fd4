"""Passages: recorded when something is said or noted, and found again by a query. `Memory.retrieval`."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from memory.db import is_writing, stream
from memory.denials import DENIAL, without_vectors
from memory.encoders import NoEncoder, quantised
from memory.errors import UnknownNote
from memory.model import Passage
from memory.people import PERSON
from memory.row_security import for_person
from memory.rows import notes, passages, shingles
from memory.rows.notes import LARGEST_ID
from memory.rows.passages import PASSAGE
from memory.search.index import IndexCache
from memory.search.ranking import best, parse_query, score
from memory.search.stems import pack, read
from memory.shingles import SHORTEST, of_text
from memory.tables import EPOCH, MICROSECOND, IndexStampRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from memory.db import Database, Tx
    from memory.encoders import Encoder

STAMP = IndexStampRow.__table__.c
DENIED = select(DENIAL.did).where(DENIAL.did == bindparam("who"), DENIAL.embedding).exists().label("denied")
WHOSE = (
    select(STAMP.stamp, PERSON.handle, DENIED)
    .join_from(IndexStampRow, PersonRow)
    .where(STAMP.did == bindparam("who"))
)
NO_NAMES: Mapping[str, str] = MappingProxyType({})
FOUND = 10
BATCH = 64  # texts that `reindex` encodes between two transactions


class Retrieval:
    """Records passages in the caller's transaction, and finds them among one person's only."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self.encoder: Encoder = encoder or NoEncoder()
        self._indexes = IndexCache()

    # --- recording -------------------------------------------------------------------------------

    def record(self, tx: Tx, *said: Passage) -> None:
        """Store posts and answers, so that they can be found. Each is stored once.

        `id` and `score` are ignored. `lang` is the language that the post declares.
        """
        passages.add(tx, self._to_rows(tx, said))

    @for_person
    def sync(self, tx: Tx, did: str) -> None:
        """Bring the passages of this person's notes up to date. Whatever edits notes calls it at the end.

        A note that is withdrawn, or waits for the operator's review, has no passage.
        """
        stored = {
            each.note_id: each for each in passages.find(tx, PASSAGE.did == did, PASSAGE.kind == "note")
        }
        all_notes = notes.by_id(notes.find(tx, notes.NOTE.did == did))
        there = [note for note in all_notes.values() if note.withdrawn_at is None and not note.waits]
        wanted = [Passage.of_note(note, min(notes.predecessors(all_notes, note.id))) for note in there]
        if surplus := set(stored) - {note.id for note in there}:
            passages.erase(tx, PASSAGE.note_id.in_(surplus))
        passages.add(tx, self._to_rows(tx, [each for each in wanted if each.note_id not in stored]))
        known = [each for each in wanted if each.note_id in stored]
        passages.update_notes(
            tx, did, [each for each in known if passages.differs(each, stored[each.note_id])]
        )

    def _to_rows(self, tx: Tx, new: Sequence[Passage]) -> list[dict[str, Any]]:
        denied = without_vectors(tx, {each.did for each in new}) if new else frozenset()
        texts = [each.text for each in new if each.did not in denied]
        vectors = iter(quantised(self.encoder.passages(texts)) if texts else [])
        rows = []
        for each in new:
            words = read(each.text, each.lang)
            made = (None, None) if each.did in denied else (next(vectors), self.encoder.name)
            vector = dict(zip(("emb", "emb_model"), made, strict=True))
            rows.append(passages.to_row(each) | {"lang": words.lang, "stems": pack(words)} | vector)
        return rows

    # --- finding ---------------------------------------------------------------------------------

    @for_person
    def find(
        self,
        tx: Tx,
        did: str,
        query: str,
        limit: int = FOUND,
        *,
        now: datetime,
        names: Mapping[str, str] = NO_NAMES,
    ) -> tuple[Passage, ...]:
        """The posts, answers and notes of this person that answer `query`, best first.

        `names` maps the DID of a speaker to a name; the person's handle is known. What was said after `now`
        is not found. A superseded note ranks low, unless the query asks about the past.
        """
        if (known := tx.execute(WHOSE, {"who": did}).first()) is None:
            return ()
        load = partial(passages.load_index, tx, did, self.encoder.name)
        index = self._indexes.get(did, known.stamp, load, keep=not is_writing(tx))  # it may be undone
        parsed = parse_query(query, {did: (known.handle or "").split(".")[0], **names})
        encodes = self.encoder.dims and not known.denied  # the query may be the person's own words
        vector = self.encoder.query(parsed.unnamed) if encodes and parsed.unnamed else None
        scores = score(index, parsed, vector, did, (now - EPOCH) // MICROSECOND)
        rows = best(index, scores, limit)
        return passages.with_scores(tx, did, {int(index.ids[row]): float(scores[row]) for row in rows})

    def passage(self, tx: Tx, passage_id: int) -> Passage:
        """Raises UnknownNote."""
        found = passages.find(tx, PASSAGE.id == passage_id) if 0 < passage_id <= LARGEST_ID else ()
        if not found:
            raise UnknownNote(f"p{passage_id}")
        return found[0]

    def erase_answers(self, tx: Tx, uris: Sequence[str]) -> int:
        """Erase the bot's answers to these posts. Returns how many."""
        return passages.erase(tx, PASSAGE.key.in_([passages.key_of("answer", uri) for uri in uris]))

    def expire(self, tx: Tx, before: datetime, limit: int | None = None) -> int:
        """Erase the posts and answers from before then, at most `limit`, the oldest. Returns how many."""
        old = select(PASSAGE.id).where(PASSAGE.note_id.is_(None), PASSAGE.at < before)
        return passages.erase(tx, PASSAGE.id.in_(old.order_by(PASSAGE.at).limit(limit)))

    @for_person
    def answered(self, tx: Tx, did: str | None) -> list[tuple[str, datetime]]:
        """The posts of this person (None: of everyone) to which an answer is kept: (AT URI, its time)."""
        found = select(passages.URI, PASSAGE.at).where(PASSAGE.kind == "answer")
        mine = found if did is None else found.where(PASSAGE.did == did)
        return [(row.uri, row.at) for row in stream(tx, mine)]

    def is_others(
        self, tx: Tx, did: str, text: str, own: Collection[str] = (), shortest: int = SHORTEST
    ) -> bool:
        """Whether `text` repeats a note of somebody else; a note that three others have is nobody's own.

        `own` are texts of the person whose words may be repeated. Notes of fewer than `shortest` letters do
        not count.
        """
        return shingles.others(tx, did, of_text(text, own, shortest))

    @for_person
    def answers(self, tx: Tx, did: str, since: datetime, limit: int) -> tuple[str, ...]:
        """The last answers to this person since then, oldest first."""
        return passages.answers(tx, did, since, limit)

    def drop_index(self, did: str) -> None:
        """Keep nothing of this person in this process."""
        self._indexes.drop(did)

    # --- another encoder -------------------------------------------------------------------------

    def reindex(self, db: Database, batch: int = BATCH) -> Iterator[tuple[int, int]]:
        """Make all vectors that are not by this encoder; yields (done, all) after each batch.

        Each batch is committed, so a run that was stopped can be continued. No transaction is open while
        the encoder works. Notes from before there were passages get theirs, too.
        """
        outdated = passages.not_encoded_by(self.encoder.name)
        with db.write() as tx:
            for did in passages.people_without(tx):
                self.sync(tx, did)
            total = passages.count(tx, outdated)
        done = 0
        yield done, total
        while True:
            with db.read() as tx:
                texts = passages.texts(tx, outdated, limit=batch)
            if not texts:
                return
            vectors = quantised(self.encoder.passages(list(texts.values())))
            with db.write() as tx:
                passages.set_vectors(tx, dict(zip(texts, vectors, strict=True)), self.encoder.name)
            done += len(texts)
            yield done, max(total, done)
