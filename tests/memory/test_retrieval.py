"""What is recorded is found, by the person it is about only, until it is erased."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say
from support.memory_walk import ON_A_DATABASE, STEPS, walk
from support.passages import BOT, answer, find, record, said

from memory.db import Database
from memory.encoders import WordLlama
from memory.errors import EditRefused
from memory.identifiers import thread_id
from memory.model import Forget, Passage, Remember, Revise
from memory.rows import passages
from memory.rows.passages import PASSAGE
from memory.store import Memory
from memory.tables import IndexStampRow

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = itertools.count()
words = st.text("abcde ", min_size=1, max_size=12)
WORDLLAMA = WordLlama()


# --- the passages of notes -----------------------------------------------------------------------


@pytest.mark.slow
@ON_A_DATABASE
@given(STEPS)
def test_whatever_is_done_notes_are_found_as_if_they_were_recorded_now(db: Database, steps):
    did = f"did:plc:again{next(NUMBERS)}"

    def noted() -> list[Passage]:
        found = passages.find(tx, PASSAGE.did == did, PASSAGE.kind == "note")
        return sorted((replace(each, id=0) for each in found), key=lambda each: each.note_id)

    with db.write() as tx:
        walk(tx, did, steps)
        before = noted()
        passages.erase(tx, PASSAGE.did == did, PASSAGE.kind == "note")
        MEMORY.retrieval.sync(tx, did)
        assert noted() == before
        MEMORY.erase(tx, did)


def test_what_is_left_of_a_chain_stays_one_thread(known: Database):
    (old,) = say(known, Remember("works as a nurse"))
    (mid,) = say(known, Revise(old.id, "works as a pilot"), post="p2", hours=1)
    (new,) = say(known, Revise(mid.id, "writes novels"), post="p3", hours=2)
    (last,) = say(known, Revise(new.id, "paints"), post="p4", hours=3)
    with known.write() as tx:
        MEMORY.forget_note(tx, mid.id, actor="operator", at=later(4))
        threads = {each.note_id: each.thread for each in passages.find(tx, PASSAGE.did == ALICE)}
    assert threads == dict.fromkeys((new.id, last.id), thread_id(f"note:{new.id}"))


def test_notes_older_than_search_are_taken_up_by_reindexing(known: Database):
    say(known, Remember("lives in Porto"))
    with known.write() as tx:
        passages.erase(tx, PASSAGE.did == ALICE)
    assert find(known, "Porto") == []
    list(MEMORY.retrieval.reindex(known))
    assert find(known, "Porto") == ["lives in Porto"]


# --- forgetting ----------------------------------------------------------------------------------


def test_with_a_note_go_the_post_it_came_from_and_the_answer_to_that(known: Database):
    first = said("I live in Porto", "p1")
    record(known, first, answer(first, "Porto is lovely!"), said("I have a dog", "p3"))
    record(known, answer(said("hi", "p4"), "How is the dog?"))
    (note,) = say(known, Remember("lives in Porto"))
    say(known, Forget(note.id), post="p6")
    with known.read() as tx:
        left = {each.text for each in passages.find(tx)}
    assert left == {"I have a dog", "How is the dog?"}


def test_with_a_post_go_its_passage_its_answer_and_its_notes(known: Database):
    first = said("I live in Porto", "p1")
    record(known, first, answer(first, "lovely"), said("tea", "p2"))
    say(known, Remember("lives in Porto"))
    with known.write() as tx:
        MEMORY.forget_post(tx, first.uri, NOW)
        assert [each.text for each in passages.find(tx)] == ["tea"]


def test_no_byte_of_a_forgotten_passage_is_left_in_sqlites_files(tmp_path: Path):
    db, memory = Database(f"sqlite:///{tmp_path}/scrubjay.db"), Memory(encoder=WORDLLAMA)
    db.upgrade()
    kept, gone = said("the kept kestrel", "p1"), said("canary-7Yq " + "x" * 500, "p2")
    with db.write() as tx:
        memory.people.meet(tx, ALICE, NOW)
        memory.retrieval.record(tx, kept, gone, answer(gone, "canary-7Yq, really?"))
        (vector,) = tx.scalars(select(PASSAGE.emb).where(PASSAGE.text == gone.text))
    with db.write() as tx:
        memory.forget_post(tx, gone.uri, NOW)
    assert db.scrub()
    left = b"".join(file.read_bytes() for file in sorted(tmp_path.glob("scrubjay.db*")))
    assert (b"canary-7Yq" in left, vector in left, b"kestrel" in left) == (False, False, True)
    db.close()


# --- whose it is ---------------------------------------------------------------------------------


moves = st.lists(
    st.tuples(
        st.sampled_from(["say", "note", "revise", "forget", "unsay", "erase"]), st.integers(0, 2), words
    ),
    min_size=3,
    max_size=15,
)


@pytest.mark.slow
@ON_A_DATABASE
@given(moves, words)
def test_nobody_finds_anothers_words_or_what_is_forgotten(db: Database, moves, query):
    turn, memory = next(NUMBERS), Memory()
    dids = [f"did:plc:f{turn}p{each}" for each in range(3)]
    for step, (move, who, text) in enumerate(moves):
        did = dids[who]
        with db.write() as tx:
            memory.people.meet(tx, did, NOW)
            act(tx, memory, move, did, f"x{text} {who}", f"f{turn}s{step}")
    with db.read() as tx:
        for number, did in enumerate(dids):
            there = {each.id for each in passages.find(tx, PASSAGE.did == did)}
            found = memory.retrieval.find(tx, did, f"{query} {number}", limit=1000, now=later(1))
            assert {each.id for each in found} <= there
            assert all(each.did == did and each.text.endswith(f" {number}") for each in found)
            fresh = Memory().retrieval.find(tx, did, f"{query} {number}", limit=1000, now=later(1))
            assert found == fresh  # what was decoded before is never stale
            notes = {note.id for note in memory.recall(tx, did).notes} if there else set()
            assert notes <= {each.note_id for each in passages.find(tx, PASSAGE.did == did)}


def act(tx, memory: Memory, move: str, did: str, text: str, step: str) -> None:
    memory.retrieval.find(tx, did, text, now=later(1))
    notes, source = memory.recall(tx, did).notes, receipt(did, step)
    edits = {
        "note": [Remember(text)],
        "revise": [Revise(note.id, f"x {text}") for note in notes[:1]],
        "forget": [Forget(note.id) for note in notes[:1]],
    }
    if move == "say":
        memory.retrieval.record(
            tx, said(text, step, did=did), answer(said(text, step, did=did), f"so {text}")
        )
    elif move == "unsay":
        for each in passages.find(tx, PASSAGE.did == did)[:1]:
            memory.forget_post(tx, each.uri, NOW)
    elif move == "erase":
        memory.erase(tx, did)
    else:
        with suppress(EditRefused):
            memory.apply(tx, did, edits[move], source, key=step, actor="rules", at=NOW)


def test_what_others_say_changes_nothing_in_what_one_person_finds(known: Database):
    record(known, said("my dog likes rain", thread="a"), said("rain again", thread="b"))
    with known.read() as tx:
        before = MEMORY.retrieval.find(tx, ALICE, "dog in the rain", now=later(1))
    record(known, *(said(f"rain rain {n}", did=BOB) for n in range(30)))
    with known.read() as tx:
        assert Memory().retrieval.find(tx, ALICE, "dog in the rain", now=later(1)) == before
        assert len(before) == 2


def test_a_passage_with_somebody_elses_receipt_is_refused(known: Database):
    foreign = replace(said("mine"), uri=f"at://{BOB}/app.bsky.feed.post/1")
    with known.write() as tx, pytest.raises(EditRefused, match="somebody else"):
        MEMORY.retrieval.record(tx, foreign)


def test_an_exchange_is_recorded_once(known: Database):
    first = said("tea", "p1")
    for _ in range(2):
        record(known, first, answer(first, "fine"))
    with known.read() as tx:
        assert [(each.kind, each.author) for each in passages.find(tx)] == [("said", ALICE), ("answer", BOT)]


class Remade(Exception):
    """The index was not cached."""


def remake(after: int) -> NoReturn:
    raise Remade(after)


def test_what_another_process_writes_is_found_at_once(known: Database):
    record(known, said("tea"))
    other = Memory()
    assert find(known, "tea") == ["tea"]
    more = said("more tea")
    record(known, more, memory=other)
    assert len(find(known, "tea")) == 2
    with known.write() as tx:
        other.forget_post(tx, more.uri, NOW)
        stamp = tx.scalar(select(IndexStampRow.stamp).where(IndexStampRow.did == ALICE))
        with pytest.raises(Remade, match=r"^0$"):  # what was decoded before the erasure is stale
            MEMORY.retrieval._indexes.get(ALICE, stamp, remake)
    with known.write() as tx:
        other.erase(tx, ALICE)
    assert find(known, "tea") == []


def test_what_was_rolled_back_is_not_found(known: Database):
    record(known, said("tea"))

    def fail() -> None:
        with known.write() as tx:
            MEMORY.retrieval.record(tx, said("more tea"))
            assert len(MEMORY.retrieval.find(tx, ALICE, "tea", now=later(1))) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    record(known, said("green tea"))
    assert sorted(find(known, "tea")) == ["green tea", "tea"]


# --- both databases ------------------------------------------------------------------------------


def test_both_databases_find_the_same_ten_in_the_same_order(tmp_path: Path, postgres):
    texts = [f"{a} {b} {c}" for a in ("tea", "dog", "hike") for b in ("Porto", "rain") for c in "xyzuvw"]
    tops = []
    for url in (f"sqlite:///{tmp_path}/scrubjay.db", postgres()):
        db, memory = Database(url), Memory(encoder=WORDLLAMA)
        db.upgrade()
        with db.write() as tx:
            memory.people.meet(tx, ALICE, NOW)
            memory.retrieval.record(
                tx,
                *(said(text, f"b{n}", thread=f"t{n // 5}", hours=n) for n, text in enumerate(texts)),
            )
        with db.read() as tx:
            queries = ("a dog in the rain", "Porto?", "what do I drink", "hike on 3 March 2026")
            tops.append([memory.retrieval.find(tx, ALICE, query, now=later(99)) for query in queries])
        db.close()
    first, second = ([[(one.text, one.score) for one in top] for top in each] for each in tops)
    assert first == second
    assert all(len(top) == 10 for top in first)


# --- the index that is kept ------------------------------------------------------------------------


def test_after_a_new_exchange_only_what_is_new_is_read(known: Database):
    memory = Memory()
    record(known, *(said(f"my cat eats fish {number}") for number in range(20)), memory=memory)
    assert len(find(known, "cat", memory=memory)) == 10
    record(known, said("my cat is called Mia"), memory=memory)
    read: list[int] = []

    def load(tx, did, encoder, after=0):
        read.append(len(made := passages_load(tx, did, encoder, after)))
        return made

    passages_load = passages.load_index
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(passages, "load_index", load)
        assert "my cat is called Mia" in find(known, "what is my cat called", memory=memory)
        find(known, "cat", memory=memory)
    assert read == [1, 0]


def test_no_index_of_an_erased_person_is_kept_in_the_process(known: Database):
    memory = Memory()
    record(known, said("my cat eats fish"), memory=memory)
    assert find(known, "cat", memory=memory)
    with known.write() as tx:
        memory.erase(tx, ALICE)
    assert memory.retrieval._indexes._cached == {}


def test_what_was_never_committed_is_not_kept_in_the_index(known: Database):
    memory = Memory()
    record(known, said("my cat eats fish"), memory=memory)
    with suppress(ZeroDivisionError), known.write() as tx:
        memory.retrieval.record(tx, said("my dog eats bones"))
        assert memory.retrieval.find(tx, ALICE, "dog", now=later(1000))
        raise ZeroDivisionError
    record(known, said("my horse eats grass"), memory=memory)  # under the id that the dog had on SQLite
    assert find(known, "horse", memory=memory)[0] == "my horse eats grass"
    assert len(find(known, "eats", memory=memory)) == 2
