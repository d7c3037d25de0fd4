"""What holds of memory whatever is done to it, by many people and many threads."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.memory_people import ALICE, NOW, ROOMY, later, receipt

from memory.edits import propose
from memory.errors import EditRefused, MemoryFault, UnknownPerson
from memory.model import Forget, Remember, Revise
from memory.store import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from memory.db import Database
    from memory.model import Edit, Note

pytestmark = pytest.mark.slow

MEMORY = Memory(ROOMY)
NUMBERS = itertools.count()
ON_A_DATABASE = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

asked = st.tuples(
    st.sampled_from(["remember", "revise", "forget"]),
    st.integers(0, 9),
    st.text("abc", min_size=1, max_size=2),
)
exchanges = st.lists(st.lists(asked, min_size=1, max_size=3), min_size=1, max_size=6)


def meant(notes: tuple[Note, ...], op: str, which: int, text: str) -> Edit:
    """The edit that a brain would ask for, which sees `notes`."""
    if op == "remember" or not notes:
        return Remember(text)
    target = notes[which % len(notes)].id
    return Revise(target, text) if op == "revise" else Forget(target)


@ON_A_DATABASE
@given(exchanges)
def test_what_is_stored_is_what_was_proposed(db: Database, exchanges):
    did = f"did:plc:p{next(NUMBERS)}"
    with db.write() as tx:
        MEMORY.people.meet(tx, did, NOW)
    for hours, exchange in enumerate(exchanges):
        said, edits = receipt(did, f"p{hours}", later(hours)), []
        with db.write() as tx:
            overlay = MEMORY.recall(tx, did).notes
            for op, which, text in exchange:
                edit = meant(overlay, op, which, text)
                try:
                    overlay = propose(overlay, edit, said, said.said_at, ROOMY)
                except EditRefused:
                    continue
                edits.append(edit)
            for _ in range(2):
                MEMORY.apply(tx, did, edits, said, key=said.uri, actor="rules", at=said.said_at)
            stored = MEMORY.recall(tx, did).notes
        assert sorted((note.text, note.receipt) for note in stored) == sorted(
            (note.text, note.receipt) for note in overlay
        )
        assert all(note.id > 0 for note in stored)


@ON_A_DATABASE
@given(exchanges)
def test_a_chain_is_told_alike_from_each_of_its_notes(db: Database, exchanges):
    did = f"did:plc:p{next(NUMBERS)}"
    with db.write() as tx:
        MEMORY.people.meet(tx, did, NOW)
        for hours, exchange in enumerate(exchanges):
            for number, (op, which, text) in enumerate(exchange):
                edit = meant(MEMORY.recall(tx, did).notes, op, which, text)
                said = receipt(did, f"p{hours}", later(hours))
                try:
                    MEMORY.apply(tx, did, [edit], said, key=f"{did}{hours}{number}", actor="rules", at=NOW)
                except EditRefused:
                    continue
        notes = {each.id for each in MEMORY.notes(tx, did)}
        for note in notes:
            chain = MEMORY.chain(tx, note)
            assert note in {each.id for each in chain} <= notes
            assert all(MEMORY.chain(tx, each.id) == chain for each in chain)
            assert [each.superseded_by for each in chain] == [*[each.id for each in chain[1:]], None]


ACTIONS = ("say", "revise", "edit", "forget", "unsay", "rename", "erase")
many = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 3), st.integers(0, 3)), min_size=5, max_size=25
)


@ON_A_DATABASE
@given(many)
def test_no_reading_of_one_person_ever_tells_of_another(db: Database, many):
    turn = next(NUMBERS)
    dids = [f"did:plc:t{turn}p{each}" for each in range(4)]
    for step, (action, who, other) in enumerate(many):
        with db.write() as tx:
            MEMORY.people.meet(tx, dids[who], NOW)
            MEMORY.people.rename(tx, dids[who], f"h{turn}x{other}.test", later(step))  # handles change hands
            act(tx, action, dids[who], dids[other], f"t{turn}s{step}")
    with db.read() as tx:
        for did in dids:
            check_privacy(tx, did, [each for each in dids if each != did])


def act(tx, action: str, did: str, other: str, step: str) -> None:
    """One step: texts carry the DID of whom they are about, and aim now and then at somebody else's note."""
    said = receipt(did, step)
    mine, theirs = (MEMORY.search(tx, each, each, limit=1) for each in (did, other))
    target = (theirs or mine or (None,))[0]
    try:
        if action == "say":
            MEMORY.apply(tx, did, [Remember(f"{did} {step}")], said, key=step, actor="rules", at=NOW)
        elif action == "revise" and target:
            MEMORY.apply(tx, did, [Revise(target.id, f"{did} {step}")], said, key=step, actor="rules", at=NOW)
        elif action == "edit" and mine:
            MEMORY.edit(tx, mine[0].id, f"{did} {step}", actor="operator", at=NOW)
        elif action == "forget" and target:
            MEMORY.apply(tx, did, [Forget(target.id)], said, key=step, actor="rules", at=NOW)
        elif action == "unsay" and mine:
            MEMORY.forget_post(tx, mine[0].receipt.uri, NOW)
        elif action == "erase":
            MEMORY.erase(tx, did)
    except MemoryFault:
        pass


def check_privacy(tx, did: str, others: list[str]) -> None:
    try:
        export = MEMORY.export(tx, did)
    except MemoryFault:
        assert MEMORY.search(tx, did, did) == MEMORY.history(tx, did) == MEMORY.people.handles(tx, did) == ()
        return
    found = MEMORY.search(tx, "did plc", did, limit=1000)
    chains = [MEMORY.chain(tx, note.id) for note in found]
    read = repr((export, MEMORY.recall(tx, did), found, chains, MEMORY.history(tx, did)))
    assert len(found) == len(MEMORY.recall(tx, did).notes)
    assert not [other for other in others if other in read]


# --- threads -------------------------------------------------------------------------------------


def together(*tasks: Callable[[], object]) -> list[Exception]:
    """Run the tasks at once, each in its thread; what they raised."""
    raised: list[Exception] = []
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> None:
        barrier.wait()
        try:
            task()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def meet(db: Database) -> None:
    with db.write() as tx:
        MEMORY.people.meet(tx, ALICE, NOW)


def apply(db: Database, key: str, *edits: Edit, memory: Memory = MEMORY) -> None:
    with db.write() as tx:
        memory.apply(tx, ALICE, edits, receipt(), key=key, actor="rules", at=NOW)


def texts(db: Database) -> list[str]:
    with db.read() as tx:
        return sorted(note.text for note in MEMORY.recall(tx, ALICE).notes)


def test_concurrent_writers_lose_no_note(db: Database):
    meet(db)

    def write(writer: int) -> None:
        for number in range(5):
            apply(db, f"{writer}.{number}", Remember(f"{writer}.{number}"))

    assert together(*(lambda writer=writer: write(writer) for writer in range(6))) == []
    assert texts(db) == sorted(f"{writer}.{number}" for writer in range(6) for number in range(5))


def test_one_exchange_applied_by_many_at_once_counts_once(db: Database):
    meet(db)
    assert together(*[lambda: apply(db, "m", Remember("a"), Remember("b"))] * 5) == []
    assert texts(db) == ["a", "b"]


def test_of_concurrent_revisions_of_one_note_one_wins_and_the_others_are_told(db: Database):
    meet(db)
    apply(db, "first", Remember("a"))
    with db.read() as tx:
        (note,) = MEMORY.recall(tx, ALICE).notes
    tasks = [lambda each=each: apply(db, f"k{each}", Revise(note.id, f"b{each}")) for each in range(5)]
    assert [type(error) for error in together(*tasks)] == [EditRefused] * 4
    with db.read() as tx:
        assert len(MEMORY.recall(tx, ALICE).notes) == 1
        assert len(MEMORY.chain(tx, note.id)) == 2


def test_the_limit_of_a_day_holds_against_concurrent_writers(db: Database):
    meet(db)
    usual = Memory()
    tasks = [
        lambda each=each: [apply(db, f"{each}.{i}", Remember(f"{each}.{i}"), memory=usual) for i in range(8)]
        for each in range(4)
    ]
    assert {type(error) for error in together(*tasks)} == {EditRefused}
    assert len(texts(db)) == usual.limits.per_day


def test_a_race_of_erasure_and_extraction_leaves_all_or_nothing(db: Database):
    def erase() -> None:
        with db.write() as tx:
            MEMORY.erase(tx, ALICE)

    for number in range(6):
        meet(db)
        raised = together(lambda k=number: apply(db, f"k{k}", Remember(f"a{k}"), Remember(f"b{k}")), erase)
        assert [type(error) for error in raised] in ([], [UnknownPerson])
        assert everything_of_alice(db) == 0


def everything_of_alice(db: Database) -> int:
    with db.write() as tx:
        return MEMORY.erase(tx, ALICE)
