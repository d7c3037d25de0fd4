"""What is done for one person must not depend on anybody else, nor change anything of theirs.

Each of OPERATIONS is about Mia. It runs in a store with Ben, Mia and Zoe, and in the same store without the
rows of Ben and Zoe. What it returns, and Mia's rows after it, must be the same; and the others' rows stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import delete, insert, or_, select, update

from bot.domain.declarations import Declared, Level, Statement
from bot.domain.limits import Pace
from bot.domain.mention import Command, Relation, State, StrongRef
from bot.domain.turn import TurnOutcome, TurnRecord
from bot.storage import (
    consent,
    direct_messages,
    drafts,
    edits,
    facts,
    mentions,
    merging,
    outbox,
    queue,
    sources,
    stances,
    turns,
    views,
)
from bot.storage.spending import Attempt
from bot.storage.tables import (
    BlockRow,
    MemoryWishRow,
    MentionRow,
    OutboxRow,
    PersonQueueRow,
    StopRow,
    ThreadStopRow,
    TurnRow,
)
from memory.encoders import NoEncoder
from memory.model import Denied, Forget, Limits, Passage, Remember, Revise
from memory.rows import notes, passages
from memory.store import Memory
from memory.tables import Base, IndexStampRow, NoteRow, PassageRow, PersonRow, RevisionRow, tables_of_people
from support.factory import LIMITS, mention
from support.factory import NOW as TODAY
from support.memory_people import NOW, later, receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from memory.db import Database, Tx

UNKNOWN = "edits of somebody unknown"  # the only operation that is refused
BEN, MIA, ZOE = "did:plc:ben", "did:plc:mia", "did:plc:zoe"
OTHERS = (BEN, ZOE)
ENDS, TOMORROW = later(30), TODAY + timedelta(days=1)
SLOW = Pace(timedelta(0), timedelta(hours=1), timedelta(minutes=1), timedelta(0))


class Undone(Exception):
    """Ends a transaction without a trace."""


def new_memory() -> Memory:
    """With limits that three people together have passed."""
    return Memory(Limits(notes=5, per_exchange=3, per_day=6))


# --- who was there -------------------------------------------------------------------------------


def fill(db: Database, *, alone: bool) -> None:
    """Let all three say the same, Mia in between; if `alone`, remove all rows of the others again."""
    with db.write() as tx:
        for number, did in enumerate((BEN, MIA, ZOE)):
            remember(tx, did)
            speak(tx, did, number)
        tx.execute(update(Base.metadata.tables["person"]).where(PERSON.did == BEN).values(status="takendown"))
        tx.execute(update(Base.metadata.tables["person"]).where(PERSON.did != MIA).values(status_at=ENDS))
        if alone:
            for table in reversed(tables_of_people()):
                if "did" in table.c:
                    tx.execute(delete(table).where(table.c.did != MIA))


PERSON = Base.metadata.tables["person"].c


def remember(tx: Tx, did: str) -> None:
    memory, name = new_memory(), did.rpartition(":")[2]
    at = NOW if did == MIA else later(20)
    memory.people.meet(tx, did, at)
    memory.people.rename(tx, did, f"{name}.test", at)
    home = "Lisbon" if did == MIA else "a cello"  # a word of the answer to Mia
    told = [Remember("has a dog named Rex"), Remember(f"lives in {home}")]
    dog, _ = memory.apply(tx, did, told, receipt(did, "p1"), key=f"{did} 1", actor="rules", at=NOW)
    revised = [Revise(dog.id, "has a cat named Tom"), Remember(f"lives in {home}")]
    memory.apply(tx, did, revised, receipt(did, "p2", later(1)), key=f"{did} 2", actor="rules", at=later(1))
    said = Passage(did, "said", did, "my dog Rex barks", 7, receipt(did, "p3").uri, later(2))
    answer = replace(said, kind="answer", author="did:plc:jay", text="Rex is no cat, and your cello?")
    memory.retrieval.record(tx, said, answer)
    if did != MIA:  # rows that a repair would write, if it were about them
        tx.execute(delete(PassageRow).where(PassageRow.did == did, PassageRow.text.contains("lives in")))


def speak(tx: Tx, did: str, number: int) -> None:
    """Three mentions: answered; waiting, as a reply to that answer; a wish and a stop. And a turn."""
    first, second, third, stop = (mention(10 * number + each, did, "a dog") for each in range(4))
    posted = StrongRef(f"at://did:plc:jay/app.bsky.feed.post/{number}", "bafy")
    second = replace(second, parent=posted)
    third = replace(third, command=Command.FORGET)
    stop = replace(stop, command=Command.STOP, said_at=TODAY + timedelta(hours=-9 if did == MIA else 9))
    for each in (first, second, third, stop):
        mentions.accept(tx, each, now=NOW, due_at=NOW + timedelta(minutes=number))
    tx.execute(
        update(MentionRow)
        .where(MentionRow.uri == first.uri)
        .values(state=State.ANSWERED if did != MIA else State.DECLINED, post_at=NOW, due_at=None)
    )
    part = {"mention_uri": first.uri, "part": 0, "text": "x", "facets": "[]", "rkey": str(number)}
    tx.execute(insert(OutboxRow).values(**part, uri=posted.uri, posted_at=NOW))
    direct_messages.put(tx, second.uri, ["has a dog", "has a cat"])
    direct_messages.mark_sent(tx, second.uri, 0, str(number))
    record = TurnRecord(
        *(0, first.uri, did, NOW, "rules", "", "", TurnOutcome.REPLY, None, None, (), "x", None, ()),
        *(1, 1, 0, 1),
    )
    turns.add(tx, record)
    sources.add(tx, first.uri, [second.uri], NOW)
    turns.add(tx, replace(record, uri=mention(12, MIA).uri if did == BEN else second.uri))
    if did != MIA:
        tx.execute(insert(MemoryWishRow).values(did=did, at=NOW, wanted=True))
        asked = replace(mention(10 * number + 4, did, "a cat"), command=Command.MAY_FORGET)
        mentions.accept(tx, replace(asked, said_at=TOMORROW + timedelta(days=9)), now=NOW, due_at=NOW)
        sources.add(tx, asked.uri, [second.uri], NOW)
        ended = {"state": State.ANSWERED, "ended_at": NOW, "due_at": None}
        tx.execute(update(MentionRow).where(MentionRow.uri == asked.uri).values(**ended))
        held = mention(10 * number + 5, did, "a bird")
        mentions.accept(tx, held, now=NOW, due_at=NOW)
        waits = {"state": State.DRAFTED, "due_at": None}
        tx.execute(update(MentionRow).where(MentionRow.uri == held.uri).values(**waits))
    tx.execute(insert(StopRow).values(did=did, at=NOW))
    tx.execute(insert(ThreadStopRow).values(root_uri=first.uri, did=did, at=NOW))
    tx.execute(insert(BlockRow).values(uri=f"at://{did}/app.bsky.graph.block/1", did=did, at=NOW))
    if did != MIA:
        denied = Declared(inference=False, embedding=False if did == ZOE else None)
        statement = Statement(Level.GLOBAL, is_clear=True, **asdict(denied))
        uri = f"at://{did}/community.lexicon.preference.ai/self"
        stances.put_statements(tx, new_memory(), did, {uri: statement}, NOW)
        stances.put_relation(tx, did, Relation(blocks=True, muted=True), NOW)
    tx.execute(update(TurnRow).where(TurnRow.did == did).values(calls="[]"))


# --- what is done for Mia ------------------------------------------------------------------------


def alien_revision(tx: Tx) -> None:
    """A revision of Mia's that names a note of Ben's."""
    values = {"did": MIA, "note_id": 1, "op": "remember", "after": "x", "actor": "x", "key": "k#0", "at": NOW}
    tx.execute(insert(RevisionRow).values(values))


def alien_chain(tx: Tx) -> None:
    """Mia's first note names notes of Ben and Zoe as those before and after it."""
    linked = update(NoteRow).where(NoteRow.id == first_note(tx))
    tx.execute(linked.values(replaces=1, superseded_by=7, valid_to=NOW))


def alien_keys(tx: Tx) -> None:
    """Passages of Mia's under the keys of posts of Ben's."""
    rows = update(PassageRow).where(PassageRow.did == MIA)
    for text, post in (("my dog Rex barks", "p1"), ("Rex is no cat, and your cello?", "p2")):
        key = passages.key_of("said", receipt(BEN, post).uri)
        tx.execute(rows.where(PassageRow.text == text).values(key=key))


def next_turn(tx: Tx, now: datetime) -> Any:
    """Whose mention comes, if it is Mia's turn since long ago. She goes behind others, wherever that is."""
    first = update(PersonQueueRow).where(PersonQueueRow.did == MIA).values(turn_at=later(-99))
    tx.execute(first)
    row = queue.next_waiting(tx, now)
    tx.execute(first)
    return row and row.uri


def drop_stamp(tx: Tx) -> None:
    tx.execute(delete(IndexStampRow).where(IndexStampRow.did == MIA))


def drop_person(tx: Tx) -> None:
    tx.execute(delete(PersonRow).where(PersonRow.did == MIA))


def drop_passages(tx: Tx) -> None:
    tx.execute(delete(PassageRow).where(PassageRow.did == MIA))


def drop_wishes(tx: Tx) -> None:
    for table in (StopRow, BlockRow):
        tx.execute(delete(table).where(table.did == MIA))


class Asked(NoEncoder):
    """Keeps the queries that it was given."""

    name, dims = "asked", 1

    def __init__(self) -> None:
        self.queries: list[str] = []

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:
        self.queries.append(" ".join(words))
        return np.zeros(1, np.float32)


def queries_encoded(tx: Tx) -> list[str]:
    encoder = Asked()
    Memory(encoder=encoder).retrieval.find(tx, MIA, QUERY, now=later(9))
    return encoder.queries


def after(_before: None, result: Any) -> Any:
    return result


EDIT = {"actor": "rules", "at": later(3)}
SAID = receipt(MIA, "p9", later(3))
ASKED = mention(11, MIA)
REPEATED = mention(12, MIA, root=ASKED.root)
UNDER_BENS = mention(13, MIA, root=mention(1, BEN).root)  # of whom a mention waits there
STANDING_OF_MIA = {
    "uri": ASKED.uri,
    "did": MIA,
    "root": ASKED.root.uri,
    "author": MIA,
    "thread": "t",
}
DECLARATION = f"at://{MIA}/community.lexicon.preference.ai/self"
ALLOWED = Statement(Level.GLOBAL, is_clear=True, inference=True, embedding=True)
QUERY = "what of the dog Rex?"


def standing(tx: Tx) -> Any:
    """What is known of Mia's mention, by a statement that is built anew."""
    return tx.execute(
        facts._standing(),
        STANDING_OF_MIA
        | merging.window(LIMITS, NOW)
        | {"since": NOW - timedelta(days=1), "now": NOW, "said_at": NOW},
    ).all()


def first_note(tx: Tx) -> int:
    return notes.find(tx, NoteRow.did == MIA)[0].id


def last_note(tx: Tx) -> int:
    return notes.active(tx, MIA)[-1].id


READING: Mapping[str, Any] = {  # what memory tells of Mia, for a prompt, for a tool, for her
    "recall": lambda tx, memory: memory.recall(tx, MIA),
    "compile": lambda tx, memory: memory.compile(tx, MIA, QUERY, now=later(9), total=4000),
    "find": lambda tx, memory: memory.retrieval.find(tx, MIA, QUERY, now=later(9)),
    "answers": lambda tx, memory: memory.retrieval.answers(tx, MIA, NOW, 9),
    "search": lambda tx, memory: memory.search(tx, "dog cat Lisbon", MIA),
    "notes": lambda tx, memory: memory.notes(tx, MIA),
    "source_posts": lambda tx, memory: memory.source_posts(tx, MIA),
    "limits": lambda tx, memory: memory.remaining_limits(tx, MIA, later(3)),
    "history": lambda tx, memory: memory.history(tx, MIA),
    "notes_at": lambda tx, memory: memory.notes_at(tx, MIA, later(0.5)),
    "diff": lambda tx, memory: memory.diff(tx, MIA, later(0.5), later(9)),
    "export": lambda tx, memory: memory.export(tx, MIA),
}
EDITING: Mapping[str, Any] = {
    "sync": lambda tx, memory: memory.retrieval.sync(tx, MIA),
    "sync anew": lambda tx, memory: after(drop_passages(tx), memory.retrieval.sync(tx, MIA)),
    "remember": lambda tx, memory: memory.apply(tx, MIA, [Remember("sings")], SAID, key="k", **EDIT),
    "an edit whose revision is alien": lambda tx, memory: after(
        alien_revision(tx), memory.apply(tx, MIA, [Remember("sings")], SAID, key="k", **EDIT)
    ),
    "forget": lambda tx, memory: memory.apply(tx, MIA, [Forget(last_note(tx))], SAID, key="k", **EDIT),
    "forget_note": lambda tx, memory: memory.forget_note(tx, last_note(tx), **EDIT),
    "forget_post": lambda tx, memory: memory.forget_post(tx, receipt(MIA, "p1").uri, later(3)),
    "forget_post of a passage": lambda tx, memory: memory.forget_post(tx, receipt(MIA, "p3").uri, later(3)),
    "edit": lambda tx, memory: memory.edit(tx, last_note(tx), "swims", **EDIT),
    "rollback": lambda tx, memory: memory.rollback(tx, MIA, later(0.5), **EDIT),
    "erase": lambda tx, memory: memory.erase(tx, MIA),
    "find what has no stamp": lambda tx, memory: after(
        drop_stamp(tx), memory.retrieval.find(tx, MIA, QUERY, now=later(9))
    ),
    UNKNOWN: lambda tx, memory: after(drop_person(tx), memory.apply(tx, MIA, [], SAID, key="k", **EDIT)),
    "held_posts": lambda tx, memory: memory.held_posts(tx, MIA),
    "notes_at with an alien revision": lambda tx, memory: after(
        alien_revision(tx), memory.notes_at(tx, MIA, later(0.5))
    ),
    "rollback with an alien chain": lambda tx, memory: after(
        alien_chain(tx), memory.rollback(tx, MIA, later(0.5), **EDIT)
    ),
    "forget_note with an alien chain": lambda tx, memory: after(
        alien_chain(tx), memory.forget_note(tx, first_note(tx), **EDIT)
    ),
    "forget_post with an alien chain": lambda tx, memory: after(
        alien_chain(tx), memory.forget_post(tx, receipt(MIA, "p1").uri, later(3))
    ),
    "erase_with_notes of Ben's": lambda tx, memory: passages.erase_with_notes(tx, MIA, (1, 2, 3)),
    "erase_with_notes of Ben's with alien keys": lambda tx, memory: after(
        alien_keys(tx), passages.erase_with_notes(tx, MIA, (1, 2, 3))
    ),
    "with_scores of all": lambda tx, memory: passages.with_scores(tx, MIA, dict.fromkeys(range(1, 20), 1.0)),
}
PEOPLE: Mapping[str, Any] = {
    "get": lambda tx, memory: memory.people.get(tx, MIA),
    "handles": lambda tx, memory: memory.people.handles(tx, MIA),
    "status": lambda tx, memory: memory.people.status(tx, MIA),
    "set_status": lambda tx, memory: memory.people.set_status(tx, MIA, "suspended", later(5)),
    "mark_introduced": lambda tx, memory: memory.people.mark_introduced(tx, MIA, later(5)),
    "rename": lambda tx, memory: memory.people.rename(tx, MIA, "mia2.test", later(5)),
    "denials.get": lambda tx, memory: memory.denials.get(tx, MIA),
    "denials.put": lambda tx, memory: memory.denials.put(tx, MIA, Denied()),
    "denials.put embedding": lambda tx, memory: memory.denials.put(tx, MIA, Denied(embedding=True)),
    "find by vectors": lambda tx, _: queries_encoded(tx),
}
STORAGE: Mapping[str, Any] = {
    "retrieval.answered": lambda tx, memory: memory.retrieval.answered(tx, MIA),
    "direct_messages.drop_unsent": lambda tx, _: direct_messages.drop_unsent(tx, [MIA]),
    "sources.by_author": lambda tx, _: sources.by_author(tx, MIA),
    "turns.latest": lambda tx, _: turns.latest(tx, did=MIA),
    "turns.posts": lambda tx, _: turns.posts(tx, MIA),
    "turns.erase": lambda tx, _: turns.erase(tx, MIA),
    "mentions.uris_of": lambda tx, _: mentions.uris_of(tx, MIA),
    "mentions.posts": lambda tx, _: mentions.posts(tx, MIA),
    "mentions.open_wishes": lambda tx, _: mentions.open_wishes(tx, MIA),
    "edits.cids_with_text": lambda tx, _: edits.cids_with_text(tx, MIA),
    "views.entries": lambda tx, _: views.entries(tx, did=MIA),
    "views.posts": lambda tx, _: views.posts(tx, did=MIA),
    "drafts.held": lambda tx, _: drafts.held(tx, MIA, 9),
    "drafts.is_new": lambda tx, _: drafts.is_new(tx, MIA),
    "consent.stop": lambda tx, _: consent.stop(tx, MIA, NOW),
    "consent.start": lambda tx, _: consent.start(tx, MIA),
    "consent.is_overruled": lambda tx, _: consent.is_overruled(tx, ASKED, Command.STOP, Command.START),
    "consent.set_memory_wish": lambda tx, _: consent.set_memory_wish(tx, MIA, NOW, wanted=True),
    "consent.memory_wish": lambda tx, _: consent.memory_wish(tx, MIA),
    "consent.forget_memory_wish": lambda tx, _: consent.forget_memory_wish(tx, MIA),
    "mentions.is_asked": lambda tx, _: mentions.is_asked(tx, ASKED, TODAY - timedelta(days=999)),
    "sources.of_last_answer": lambda tx, _: sources.of_last_answer(tx, ASKED),
    "consent.block": lambda tx, _: consent.block(tx, f"at://{MIA}/app.bsky.graph.block/2", TOMORROW, NOW),
    "consent.blocks_of": lambda tx, _: consent.blocks_of(tx, MIA),
    "facts.gather": lambda tx, _: facts.gather(tx, ASKED, Attempt("p", "t", "m", 0), LIMITS, NOW).automatic,
    "consent.deny_inference": lambda tx, _: consent.deny_inference(tx, MIA, NOW),
    "merging.merge": lambda tx, _: merging.merge(tx, UNDER_BENS, NOW, heated=True),
    "mentions.accept": lambda tx, _: mentions.accept(
        tx, REPEATED, now=NOW, due_at=NOW, limits=replace(LIMITS, heated_thread=1)
    ),
    "facts.is_withheld": lambda tx, _: after(drop_wishes(tx), facts.is_withheld(tx, MIA)),
    "facts._standing": lambda tx, _: standing(tx),
    "facts._standing without wishes": lambda tx, _: after(drop_wishes(tx), standing(tx)),
    "facts.gather, read": lambda tx, _: replace(
        facts.gather(tx, ASKED, Attempt("p", "t", "m", 0), LIMITS, NOW, read=True, spent=False)
    ),
    "stances.get": lambda tx, _: stances.get(tx, MIA),
    "stances.erase": lambda tx, _: stances.erase(tx, MIA),
    "stances.change_statement": lambda tx, memory: stances.change_statement(tx, memory, DECLARATION, ALLOWED),
    "turns.redact_of_person": lambda tx, _: turns.redact_of_person(tx, MIA),
    "outbox._free_time": lambda tx, _: outbox._free_time(tx, ASKED, NOW, SLOW),
    "queue.next_waiting": lambda tx, _: next_turn(tx, later(9)),
    "queue.next_waiting before it is due": lambda tx, _: next_turn(tx, later(-9)),
    "queue.enqueue": lambda tx, _: queue.enqueue(tx, MIA, later(5)),
    "queue.hold": lambda tx, _: queue.hold(tx, later(5), MIA),
    "queue._end_turn": lambda tx, _: queue._end_turn(tx, MIA, later(5)),
}
OPERATIONS: Mapping[str, Any] = {**READING, **EDITING, **PEOPLE, **STORAGE}


# --- what came of it -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """`result` is what the operation returned or raised, `mine` are Mia's rows after it, and nobody's."""

    result: Any
    mine: Any
    others_changed: bool


def outcome(db: Database, operation: Callable[[Tx, Memory], Any]) -> Outcome:
    """Run the operation, and undo it."""
    found: list[Outcome] = []
    with suppress(Undone), db.write() as tx:
        before = rows_of(tx, OTHERS)
        result = result_of(tx, operation)
        mine = [*rows_of(tx, (MIA,), IndexStampRow.__table__), *rows_of_nobody(tx)]
        found.append(Outcome(result, mine, rows_of(tx, OTHERS) != before))
        raise Undone
    return found[0]


def result_of(tx: Tx, operation: Callable[[Tx, Memory], Any]) -> Any:
    try:
        return run(tx, new_memory(), operation)
    except Exception as error:  # noqa: BLE001 - it is compared
        return repr(error)


def run(tx: Tx, memory: Memory, operation: Callable[[Tx, Memory], Any]) -> Any:
    result = operation(tx, memory)
    return list(result) if isinstance(result, Iterator) else result


def rows_of(tx: Tx, dids: tuple[str, ...], *without: Any) -> list[Any]:
    """The rows of these people in all tables, but for stamps: those are random."""
    found = []
    for table in tables_of_people():
        if table in without:
            continue
        rows = select(table)
        if "did" in table.c:
            rows = rows.where(table.c.did.in_(dids))
        elif table.foreign_keys:
            parent = next(iter(table.foreign_keys)).column.table
            rows = rows.join(parent).where(parent.c.did.in_(dids))
        else:
            rows = rows.where(or_(*(table.c.mention_uri.startswith(f"at://{did}/") for did in dids)))
        found.append((table.name, sorted(tx.execute(rows).all(), key=repr)))
    return found


def rows_of_nobody(tx: Tx) -> list[Any]:
    others = [table for table in Base.metadata.sorted_tables if table not in tables_of_people()]
    return [(table.name, tx.execute(select(table)).all()) for table in others]


def outcomes(both: Database, alone: Database, name: str) -> tuple[Outcome, Outcome]:
    """What comes of the operation beside the others, and without them."""
    seen, expected = (outcome(db, OPERATIONS[name]) for db in (both, alone))
    return seen, expected


def interferes(both: Database, alone: Database, name: str) -> bool:
    """Whether the operation shows or changes anything of the others."""
    seen, expected = outcomes(both, alone, name)
    return seen != expected
