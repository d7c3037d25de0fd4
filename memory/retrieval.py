"""The part of Memory that records what was said, and finds it again."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from memory.encoders import NoEncoder, quantised
from memory.model import Passage
from memory.people import PERSON
from memory.rows import notes, passages
from memory.rows.passages import PASSAGE
from memory.search.index import IndexCache
from memory.search.ranking import ask, best, score
from memory.search.stems import pack, read
from memory.tables import EPOCH, MICROSECOND, IndexStampRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from memory.db import Database, Tx
    from memory.encoders import Encoder

SHELF = IndexStampRow.__table__.c
NOBODY: Mapping[str, str] = MappingProxyType({})
FOUND = 10
BATCH = 64  # texts whose vectors are rebuilt between two transactions


class Retrieval:
    """Passages: recorded in the transaction of what they tell of, found among one person's only."""

    def __init__(self, encoder: Encoder | None = None) -> None:
        self.encoder: Encoder = encoder or NoEncoder()
        self._shelves = IndexCache()

    # --- recording -------------------------------------------------------------------------------

    def record(self, tx: Tx, *said: Passage) -> None:
        """Keep what was said, so that it is found again. A post and its answer are recorded once.

        `id` and `score` are not looked at; `lang` is what the post says of itself.
        """
        passages.add(tx, self._rows(said))

    def sync(self, tx: Tx, did: str) -> None:
        """Let this person's notes be found as they stand now. Every edit of notes ends with it.

        A withdrawn note is found no more.
        """
        known = {each.note_id: each for each in passages.find(tx, PASSAGE.did == did, PASSAGE.kind == "note")}
        mine = notes.by_id(notes.find(tx, notes.NOTE.did == did))
        there = [note for note in mine.values() if note.withdrawn_at is None]
        wanted = [Passage.of_note(note, min(notes.replaced(mine, note.id))) for note in there]
        if gone := set(known) - {note.id for note in there}:
            passages.erase(tx, PASSAGE.note_id.in_(gone))
        passages.add(tx, self._rows([each for each in wanted if each.note_id not in known]))
        for each in wanted:
            if each.note_id in known and passages.as_of(each) != passages.as_of(known[each.note_id]):
                passages.change(tx, each)

    def _rows(self, said: Sequence[Passage]) -> list[dict[str, Any]]:
        vectors = quantised(self.encoder.passages([each.text for each in said])) if said else []
        rows = []
        for each, vector in zip(said, vectors, strict=True):
            words = read(each.text, each.lang)
            made = {"lang": words.lang, "stems": pack(words), "emb": vector, "emb_model": self.encoder.name}
            rows.append(passages.values(each) | made)
        return rows

    # --- finding ---------------------------------------------------------------------------------

    def find(
        self,
        tx: Tx,
        did: str,
        query: str,
        limit: int = FOUND,
        *,
        now: datetime,
        names: Mapping[str, str] = NOBODY,
    ) -> tuple[Passage, ...]:
        """What this person and the bot said, and what is noted of them, that answers `query`: best first.

        `names` tells how those who spoke (DIDs) are called; the person's handle is known. What was said after
        `now` is not found. A note that was replaced comes last, unless the question is about the past.
        """
        whose = select(SHELF.stamp, PERSON.handle).join_from(IndexStampRow, PersonRow).where(SHELF.did == did)
        if (known := tx.execute(whose).first()) is None:
            return ()
        shelf = self._shelves.get(did, known.stamp, lambda: passages.shelf(tx, did, self.encoder.name))
        question = ask(query, {did: (known.handle or "").split(".")[0], **names})
        vector = self.encoder.query(question.unnamed) if self.encoder.dims and question.unnamed else None
        scores = score(shelf, question, vector, did, (now - EPOCH) // MICROSECOND)
        rows = best(shelf, scores, limit)
        return passages.scored(tx, did, {int(shelf.ids[row]): float(scores[row]) for row in rows})

    # --- upkeep ----------------------------------------------------------------------------------

    def stale(self, tx: Tx) -> int:
        """How many passages have no vector of this encoder yet."""
        return passages.count(tx, passages.not_of(self.encoder.name))

    def reembed(self, db: Database, batch: int = BATCH) -> Iterator[tuple[int, int]]:
        """Make the vectors of every passage by this encoder; yields (done, all) as it goes.

        Each batch is committed, so it goes on where it was stopped. The encoder works in no transaction.
        Notes that are older than search are taken up, too.
        """
        with db.write() as tx:
            for did in passages.unsynced(tx):
                self.sync(tx, did)
            total = self.stale(tx)
        done = 0
        yield done, total
        while True:
            with db.read() as tx:
                texts = passages.texts(tx, passages.not_of(self.encoder.name), limit=batch)
            if not texts:
                return
            vectors = quantised(self.encoder.passages(list(texts.values())))
            with db.write() as tx:
                passages.embed(tx, dict(zip(texts, vectors, strict=True)), self.encoder.name)
            done += len(texts)
            yield done, max(total, done)
