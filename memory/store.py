"""Memory: the only door to what is known of people.

Every method takes the transaction first; those that write need `db.write()`, on PostgreSQL they hold the
person's row until it ends. ORM rows never leave.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from memory import history, keywords, zeitgeist
from memory.db import mark_erased
from memory.edits import check_quota, check_receipt, propose
from memory.errors import EditRefused, UnknownNote, UnknownPerson
from memory.exchange import Exchange, forget, forget_sourced
from memory.model import Limits, RetentionResult, Revise
from memory.people import HIDDEN, PERSON, People
from memory.recollection import Recollection, render
from memory.retrieval import NOBODY, Retrieval
from memory.rows import notes as rows
from memory.rows import passages
from memory.rows.notes import NOTE
from memory.rows.passages import PASSAGE
from memory.rules.budget import POLICY, Tier, compiled
from memory.tables import HandleRow, NoteRow, PassageRow, PersonRow, ReceiptRow, RevisionRow
from memory.transfer import document, transfer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from memory.db import Tx
    from memory.encoders import Encoder
    from memory.model import Diff, Edit, Note, Passage, Point, Receipt, RetentionPolicy, Revision, Rollback

DAY = timedelta(hours=24)
LARGEST_ID = 2**31 - 1
RECENT = 200  # posts that the buffer is made of
CANDIDATES = 60  # passages searched for a prompt; some stand in it already


class Memory(People, Retrieval):
    """What the bot knows of people, within `limits`; `block_tokens` is the budget of a person's block.

    `encoder` makes the vectors by which passages are found; without one they are found by words alone.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        block_tokens: int = 2000,
        encoder: Encoder | None = None,
    ) -> None:
        super().__init__(encoder)
        self.limits = limits
        self.block_tokens = block_tokens

    # --- reading ---------------------------------------------------------------------------------

    def recall(self, tx: Tx, did: str) -> Recollection:
        """What is known of this person, and no other; nothing while their account is not active.

        Raises UnknownPerson.
        """
        person = self.person(tx, did)
        notes = () if person.status else rows.active(tx, did)
        return Recollection(person, notes, render(notes, self.block_tokens))

    def compile(
        self,
        tx: Tx,
        did: str,
        query: str,
        *,
        now: datetime,
        total: int,
        seen: Collection[str] = (),
        names: Mapping[str, str] = NOBODY,
    ) -> Recollection:
        """What a prompt is shown of this person for `total` tokens, when `query` is what they said.

        `seen`: URIs of posts that stand in the prompt anyway. `names`: see `find`. `memory.rules.budget`
        tells how the tokens are shared.
        Raises UnknownPerson.
        """
        core = replace(POLICY[Tier.CORE], ceiling=self.block_tokens)
        return compiled(
            self.recall(tx, did),
            passages.find(tx, PASSAGE.did == did, PASSAGE.note_id.is_(None), limit=RECENT, newest=True),
            self.find(tx, did, query, CANDIDATES, now=now, names=names),
            [f"{text} ({people} people)" for text, people in self.zeitgeist(tx)],
            total,
            seen,
            {**POLICY, Tier.CORE: core},
        )

    def search(self, tx: Tx, query: str, did: str | None = None, limit: int = 10) -> tuple[Note, ...]:
        """Active notes of people whose accounts are active that share words with the query, best first.

        Without `did` it goes over everyone: for the operator only.
        """
        hidden = set(tx.scalars(HIDDEN))
        return keywords.search(
            (note for note in rows.active(tx, did) if note.did not in hidden), query, limit
        )

    def note(self, tx: Tx, note_id: int) -> Note:
        """Raises UnknownNote."""
        found = rows.find(tx, NOTE.id == note_id) if 0 < note_id <= LARGEST_ID else ()
        if not found:
            raise UnknownNote(f"n{note_id}")
        return found[0]

    def passage(self, tx: Tx, passage_id: int) -> Passage:
        """Raises UnknownNote."""
        found = passages.find(tx, PASSAGE.id == passage_id) if 0 < passage_id <= LARGEST_ID else ()
        if not found:
            raise UnknownNote(f"p{passage_id}")
        return found[0]

    def chain(self, tx: Tx, note_id: int) -> tuple[Note, ...]:
        """The note, all that it replaced and all that replaced it, oldest first. Raises UnknownNote."""
        notes = rows.by_id(rows.find(tx, NOTE.did == self.note(tx, note_id).did))
        *older, _ = reversed(list(rows.replaced(notes, note_id)))
        return tuple(notes[each] for each in (*older, *rows.replacing(notes, note_id)))

    def notes(self, tx: Tx, did: str) -> tuple[Note, ...]:
        """Every note of this person that was not forgotten, also those that hold no longer."""
        return rows.find(tx, NOTE.did == did)

    def at(self, tx: Tx, did: str, point: Point) -> tuple[Note, ...]:
        """What was known of this person after the revision (its number), or at the time, `point`.

        What was forgotten since is not told. Raises UnknownRevision.
        """
        return history.at(tx, did, point)

    def diff(self, tx: Tx, did: str, a: Point, b: Point) -> Diff:
        """What changed from point `a` to point `b`. Raises UnknownRevision."""
        notes = rows.by_id(self.notes(tx, did))
        return history.compare(notes, history.at(tx, did, a), history.at(tx, did, b))

    def history(self, tx: Tx, did: str) -> tuple[Revision, ...]:
        """Every edit of this person's notes, oldest first."""
        return rows.history(tx, did)

    def sources(self, tx: Tx, did: str) -> frozenset[tuple[int, str]]:
        """Each note that is held of this person, as its id and the AT URI of its post."""
        return frozenset((note.id, note.receipt.uri) for note in rows.find(tx, NOTE.did == did))

    def export(self, tx: Tx, did: str) -> dict[str, Any]:
        """All that is held about this person, ready for JSON (`memory.transfer.document` tells the form).

        Raises UnknownPerson.
        """
        return transfer.export(tx, self, did)

    def import_(self, tx: Tx, text: str | bytes) -> bool:
        """Take in what `export` wrote, as JSON. False if all of it is here already.

        Raises ImportRefused if it is malformed, foreign, or the person has another memory here.
        """
        taken = document.read(text)
        if not transfer.import_(tx, self, taken):
            return False
        self.record(tx, *transfer.said(taken))
        self.sync(tx, taken.person.did)
        return True

    def room(self, tx: Tx, did: str, at: datetime) -> Limits:
        """The limits of one exchange now: `per_exchange` is lowered to what the last 24 hours left."""
        left = self.limits.per_day - rows.written_since(tx, did, at - DAY, but=())
        return replace(self.limits, per_exchange=max(0, min(self.limits.per_exchange, left)))

    def zeitgeist(self, tx: Tx) -> tuple[tuple[str, int], ...]:
        """What at least three people say, and how many; it names nobody and goes when they are fewer."""
        return zeitgeist.find(tx)

    # --- editing ---------------------------------------------------------------------------------

    def apply(
        self, tx: Tx, did: str, edits: Sequence[Edit], receipt: Receipt, *, key: str, actor: str, at: datetime
    ) -> tuple[Note, ...]:
        """Make the edits that a post of this person led to: all of them, or none.

        `key` names the exchange: edit i is made once under `key#i`, however often the call is repeated.
        Negative ids name notes proposed earlier in `edits`, as `propose` numbers them.
        Returns the notes these edits wrote, as far as they still stand. Raises EditRefused, UnknownPerson.
        """
        _hold(tx, did)
        check_receipt(did, receipt)
        keys = [f"{key}#{index}" for index in range(len(edits))]
        done = rows.applied(tx, keys)
        if len(done) < len(keys):
            check_quota(edits, rows.written_since(tx, did, at - DAY, but=keys), self.limits)
        turn = Exchange(tx, did, receipt, actor, at, self.limits)
        with tx.begin_nested():
            for edit_key, edit in zip(keys, edits, strict=True):
                if edit_key in done:
                    turn.skip(*done[edit_key])
                else:
                    turn.make(edit, edit_key)
        self.sync(tx, did)
        written = rows.by_id(rows.find(tx, NOTE.did == did, NOTE.id.in_(turn.ids.values())))
        return tuple(written[real] for real in turn.ids.values() if real in written)

    def edit(self, tx: Tx, note_id: int, text: str, *, actor: str, at: datetime) -> Note:
        """Correct a note: a new one with the same receipt supersedes it. Raises UnknownNote, EditRefused."""
        did = self.note(tx, note_id).did
        _hold(tx, did)
        old = self.note(tx, note_id)
        if old.superseded_by is not None:
            raise EditRefused(f"{old.name} was replaced by n{old.superseded_by}. Edit that one.")
        if old.withdrawn_at is not None:
            raise EditRefused(f"{old.name} was withdrawn by a rollback. Roll back to when it held.")
        after = propose(rows.active(tx, did), Revise(note_id, text), old.receipt, at, self.limits)
        note = replace(after[-1], also=old.also)
        new = replace(note, id=rows.add(tx, note))
        rows.log(tx, "revise", new, key=f"edit#{new.id}", actor=actor, at=at, before=old.text)
        self.sync(tx, did)
        return new

    def rollback(self, tx: Tx, did: str, to: Point, *, actor: str, at: datetime) -> Rollback:
        """Let hold again what held at point `to`, by new revisions: this too can be rolled back.

        What was forgotten since stays forgotten. Raises UnknownPerson, UnknownRevision.
        """
        _hold(tx, did)
        done = history.roll_back(tx, did, to, actor=actor, now=at)
        self.sync(tx, did)
        return done

    # --- forgetting ------------------------------------------------------------------------------

    def forget_note(self, tx: Tx, note_id: int, *, actor: str, at: datetime) -> int:
        """Erase a note and all that it replaced; a revision without text tells. Returns how many notes.

        Raises UnknownNote.
        """
        did = self.note(tx, note_id).did
        _hold(tx, did)
        gone = forget(tx, self.note(tx, note_id), key=f"forget#{note_id}", actor=actor, at=at)
        self.sync(tx, did)
        return gone

    def forget_source(self, tx: Tx, uri: str, at: datetime, *, but_cid: str = "") -> int:
        """A post was deleted: erase it, its notes and all that replaced them. Returns how many notes.

        An edited post stands as `but_cid`: what was read from that stays.

        What replaced a note may repeat it, so it goes too. What the deleted post itself had replaced was said
        in a post that still stands, so it holds again. A note that others posts said too stays on those.
        """
        passages.erase(tx, passages.of_post(uri))
        sourced = _said_in(rows.by_source(tx, uri), uri, but_cid)
        if not sourced:
            return 0
        did = sourced[0].did  # the schema lets all notes of a post be by its author
        _hold(tx, did)
        sourced = _said_in(rows.by_source(tx, uri), uri, but_cid)
        for note in sourced:
            if note.also:
                rows.drop_receipt(tx, note, uri)
        gone = forget_sourced(tx, [note for note in sourced if not note.also], at)
        self.sync(tx, did)
        return gone

    def retain(self, tx: Tx, now: datetime, keep: RetentionPolicy) -> RetentionResult:
        """Erase what was kept for its time. Notes of who still speaks stay."""
        told = passages.erase(tx, PASSAGE.note_id.is_(None), PASSAGE.at < now - keep.text)
        silent = select(PERSON.did).where(PERSON.last_seen < now - keep.idle).order_by(PERSON.did)
        idle = tuple(tx.scalars(silent.with_for_update()))
        for did in idle:
            self.erase(tx, did)
        return RetentionResult(told, idle)

    def source_posts(self, tx: Tx, did: str) -> dict[str, str]:
        """The posts that this person's notes come from: URI to CID."""
        mine = select(NOTE.source_uri, NOTE.source_cid).where(NOTE.did == did).order_by(NOTE.id)
        return {row.source_uri: row.source_cid for row in tx.execute(mine)}

    def erase(self, tx: Tx, did: str) -> int:
        """Erase everything about this person. Returns how many rows."""
        mark_erased(tx)
        tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update())
        self._shelves.drop(did)
        tables = (PassageRow, ReceiptRow, RevisionRow, NoteRow, HandleRow, PersonRow)
        return sum(tx.execute(delete(table).where(table.did == did)).rowcount for table in tables)


def _hold(tx: Tx, did: str) -> None:
    """Let nobody else edit this person's notes until the transaction ends. Raises UnknownPerson."""
    if tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update()).first() is None:
        raise UnknownPerson(did)


def _said_in(notes: Iterable[Note], uri: str, but_cid: str) -> list[Note]:
    """Those that rest on this post as it stood before it became `but_cid`."""
    receipts = ((note, (note.receipt, *note.also)) for note in notes)
    return [note for note, told in receipts if not any(it.uri == uri and it.cid == but_cid for it in told)]
