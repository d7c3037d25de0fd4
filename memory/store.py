"""Memory: what the bot knows of people, read and written in one place.

Every method takes the caller's transaction first, and binds it to the person it is given
(`memory.row_security`). Those that write need `db.write()`; on PostgreSQL they lock the person's row until
the transaction ends. They return values: rows of the database stay inside.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from memory import forgetting, history, keywords
from memory.denials import Denials
from memory.edits import check_quota, check_receipt, propose
from memory.errors import EditRefused
from memory.exchange import Exchange
from memory.model import Limits, Person, Revise
from memory.people import HIDDEN, People, lock_person
from memory.recollection import Recollection, render, reviewed
from memory.retrieval import NO_NAMES, Retrieval
from memory.reviews import Reviews
from memory.row_security import for_person, only
from memory.rows import notes as rows
from memory.rows import passages
from memory.rows.notes import NOTE
from memory.rules.budget import POLICY, Tier, compiled
from memory.transfer import document, transfer
from memory.zeitgeist import Zeitgeist

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from memory.db import Tx
    from memory.encoders import Encoder
    from memory.model import Diff, Edit, Note, Point, Receipt, Revision, Rollback

DAY = timedelta(hours=24)
RECENT = 200  # posts and answers that the buffer is made of
CANDIDATES = 60  # passages found for a prompt; some stand in it already


class Memory:
    """What the bot knows of people, within `limits`; a person's block has at most `block_tokens`.

    `people` knows who is who, `denials` what they declare; `retrieval` records and finds passages;
    `zeitgeist` has no lines until it is refreshed. Without an `encoder` retrieval compares words only.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        block_tokens: int = 2000,
        encoder: Encoder | None = None,
    ) -> None:
        self.limits = limits
        self.block_tokens = block_tokens
        self.people = People()
        self.denials = Denials()
        self.retrieval = Retrieval(encoder)
        self.zeitgeist = Zeitgeist()
        self.reviews = Reviews(self.retrieval)

    # --- reading ---------------------------------------------------------------------------------

    @for_person
    def recall(self, tx: Tx, did: str) -> Recollection:
        """The person's active notes and their block; none while the account is not active.

        Raises UnknownPerson.
        """
        return self._of(tx, self.people.get(tx, did))

    def _of(self, tx: Tx, person: Person) -> Recollection:
        notes = () if person.status else rows.active(tx, person.did)
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
        names: Mapping[str, str] = NO_NAMES,
    ) -> Recollection:
        """What a prompt shows of this person for `total` tokens, when `query` is the post to answer.

        `seen`: URIs of posts that stand in the prompt anyway. `names`: see `Retrieval.find`. `tx` must not be
        bound yet: the zeitgeist counts all. `memory.rules.budget` shares the tokens. Of a stranger: nothing.
        """
        tiers = {**POLICY, Tier.CORE: replace(POLICY[Tier.CORE], ceiling=self.block_tokens)}
        shared = [f"{text} ({people} people)" for text, people in self.zeitgeist.lines(tx)]
        with only(tx, did):
            person = self.people.find(tx, did) or Person(did, None, now, now)
            return compiled(
                reviewed(self._of(tx, person), self.block_tokens),
                passages.recent(tx, did, RECENT),
                self.retrieval.find(tx, did, query, CANDIDATES, now=now, names=names),
                shared,
                total,
                seen,
                tiers,
            )

    def search(self, tx: Tx, query: str, did: str | None = None, limit: int = 10) -> tuple[Note, ...]:
        """The active notes that share words with the query, best first; not of accounts that are not active.

        Without `did` it searches everyone's notes: for the operator only.
        """
        with only(tx, did):
            notes = rows.active(tx, did, NOTE.did.not_in(HIDDEN))
        return keywords.search(notes, query, limit)

    def note(self, tx: Tx, note_id: int) -> Note:
        """Raises UnknownNote."""
        return rows.get(tx, note_id)

    @for_person
    def notes(self, tx: Tx, did: str) -> tuple[Note, ...]:
        """Every note of this person that was not forgotten, also superseded ones."""
        return rows.of_person(tx, did)

    def all_notes(self, tx: Tx) -> Iterator[Note]:
        """The same of everyone, read in parts."""
        return rows.of_everyone(tx)

    def held_posts(self, tx: Tx, did: str | None) -> Iterator[tuple[str, str, datetime]]:
        """The posts of this person of which something is held: see `memory.forgetting.held_posts`."""
        return forgetting.held_posts(tx, did)

    def chain(self, tx: Tx, note_id: int) -> tuple[Note, ...]:
        """The note, all that it replaced and all that replaced it, oldest first. Raises UnknownNote."""
        notes = rows.by_id(self.notes(tx, self.note(tx, note_id).did))
        *older, _ = reversed(list(rows.predecessors(notes, note_id)))
        return tuple(notes[each] for each in (*older, *rows.successors(notes, note_id)))

    @for_person
    def source_posts(self, tx: Tx, did: str) -> dict[str, str]:
        """The posts that this person's notes come from: URI to CID."""
        mine = select(NOTE.source_uri, NOTE.source_cid).where(NOTE.did == did).order_by(NOTE.id)
        return {row.source_uri: row.source_cid for row in tx.execute(mine)}

    @for_person
    def remaining_limits(self, tx: Tx, did: str, at: datetime) -> Limits:
        """The limits of an exchange at `at`: `per_exchange` is lowered to what the day has left."""
        left = self.limits.per_day - rows.written_since(tx, did, at - DAY, without=())
        return replace(self.limits, per_exchange=max(0, min(self.limits.per_exchange, left)))

    # --- history ---------------------------------------------------------------------------------

    @for_person
    def history(self, tx: Tx, did: str) -> tuple[Revision, ...]:
        """Every revision of this person's notes, oldest first."""
        return rows.history(tx, did)

    @for_person
    def notes_at(self, tx: Tx, did: str, point: Point) -> tuple[Note, ...]:
        """The notes that were active at `point`, without those forgotten since. Raises UnknownRevision."""
        return history.notes_at(tx, did, point)

    @for_person
    def diff(self, tx: Tx, did: str, a: Point, b: Point) -> Diff:
        """What changed from point `a` to point `b`. Raises UnknownRevision."""
        notes = rows.by_id(self.notes(tx, did))
        return history.compare(notes, history.notes_at(tx, did, a), history.notes_at(tx, did, b))

    @for_person
    def rollback(self, tx: Tx, did: str, to: Point, *, actor: str, at: datetime) -> Rollback:
        """Make active again what was active at point `to`, by new revisions: this can be rolled back, too.

        What was forgotten since stays forgotten. Raises UnknownPerson, UnknownRevision.
        """
        lock_person(tx, did)
        done = history.roll_back(tx, did, to, actor=actor, now=at)
        self.retrieval.sync(tx, did)
        return done

    # --- editing ---------------------------------------------------------------------------------

    @for_person
    def apply(
        self,
        tx: Tx,
        did: str,
        edits: Sequence[Edit],
        receipt: Receipt,
        *,
        key: str,
        actor: str,
        at: datetime,
        waits: bool = False,
    ) -> tuple[Note, ...]:
        """Make the edits that a post of this person led to: all of them, or none.

        `key` names the exchange: edit i is made once under `key#i`, however often the call is repeated.
        Negative ids name notes proposed earlier in `edits`, numbered as `propose` does. `waits`: until the
        operator's review. Returns the notes these edits wrote that are still there.
        Raises EditRefused, UnknownPerson.
        """
        lock_person(tx, did)
        check_receipt(did, receipt)
        keys = [f"{key}#{index}" for index in range(len(edits))]
        done = rows.applied(tx, keys)
        if len(done) < len(keys):
            check_quota(edits, rows.written_since(tx, did, at - DAY, without=keys), self.limits)
        exchange = Exchange(tx, did, receipt, actor, at, self.limits, waits=waits)
        with tx.begin_nested():
            for edit_key, edit in zip(keys, edits, strict=True):
                if edit_key in done:
                    exchange.skip(*done[edit_key])
                else:
                    exchange.apply(edit, edit_key)
        self.retrieval.sync(tx, did)
        ids = exchange.written_ids.values()
        written = rows.by_id(rows.find(tx, NOTE.did == did, NOTE.id.in_(ids)))
        return tuple(written[each] for each in ids if each in written)

    def edit(self, tx: Tx, note_id: int, text: str, *, actor: str, at: datetime) -> Note:
        """Correct a note: a new one with the same receipts supersedes it. Raises UnknownNote, EditRefused."""
        did = self.note(tx, note_id).did
        lock_person(tx, did)
        old = self.note(tx, note_id)
        if old.superseded_by is not None:
            raise EditRefused(f"{old.name} was replaced by n{old.superseded_by}. Edit that one.")
        if old.withdrawn_at is not None:
            raise EditRefused(f"{old.name} was withdrawn by a rollback. Roll back to when it held.")
        after = propose(rows.active(tx, did), Revise(note_id, text), old.receipt, at, self.limits)
        note = replace(after[-1], also=old.also)
        new = replace(note, id=rows.add(tx, note))
        rows.log(tx, "revise", new, key=f"edit#{new.id}", actor=actor, at=at, before=old.text)
        self.retrieval.sync(tx, did)
        return new

    # --- export and import -----------------------------------------------------------------------

    @for_person
    def export(self, tx: Tx, did: str) -> dict[str, Any]:
        """All that is held about this person, ready for JSON; the form is `memory.transfer.document`'s.

        Raises UnknownPerson.
        """
        return transfer.export(tx, self.people, did)

    def import_(self, tx: Tx, text: str | bytes) -> bool:
        """Write what `export` returned, as JSON. False if all of it is here already.

        Raises ImportRefused if it is malformed or foreign, or if the person has another memory here.
        """
        imported = document.read(text)
        if not transfer.import_(tx, self.people, imported):
            return False
        self.retrieval.record(tx, *transfer.passages_of(imported))
        self.retrieval.sync(tx, imported.person.did)
        return True

    # --- forgetting ------------------------------------------------------------------------------

    def forget_note(self, tx: Tx, note_id: int, *, actor: str, at: datetime) -> int:
        """Erase a note and all that it replaced; a revision without text is left. Returns how many notes.

        Raises UnknownNote.
        """
        did = self.note(tx, note_id).did
        lock_person(tx, did)
        note = self.note(tx, note_id)
        erased = forgetting.forget_note(tx, note, key=f"forget#{note_id}", actor=actor, at=at)
        self.retrieval.sync(tx, did)
        return erased

    def forget_post(self, tx: Tx, uri: str, at: datetime, *, except_cid: str = "") -> int:
        """A post was deleted: erase it, its notes and all that replaced them. Returns how many notes.

        If the post was edited, `except_cid` is its new CID: what came from that version stays.

        What replaced a note may repeat its words, so it goes, too. What the deleted post itself had replaced
        comes from a post that still stands, so it is active again. A note that other posts said as well
        keeps those as its receipts.
        """
        passages.erase(tx, passages.of_post(uri))
        notes = forgetting.notes_of_post(tx, uri, except_cid)
        if not notes:
            return 0
        did = notes[0].did  # the schema lets all notes of a post be by its author
        lock_person(tx, did)
        erased = forgetting.forget_post(tx, uri, at, except_cid)
        self.retrieval.sync(tx, did)
        return erased

    @for_person
    def erase(self, tx: Tx, did: str) -> int:
        """Erase everything about this person. Returns how many rows."""
        self.retrieval.drop_index(did)
        return forgetting.erase_person(tx, did)
