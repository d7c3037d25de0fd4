"""What search finds first, and why."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say
from support.passages import BOT, answer, find, record, said

from memory.db import Database
from memory.errors import EditRefused
from memory.model import Forget, Remember, Revise, of_passage
from memory.rows import passages
from memory.rows.passages import PASSAGE, thread_of
from memory.search.embed import WordLlama
from memory.search.ranking import ask
from memory.store import Memory
from memory.tables import IndexStampRow

if TYPE_CHECKING:
    from pathlib import Path

ON_A_DATABASE = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NUMBERS = itertools.count()
words = st.text("abcde ", min_size=1, max_size=12)
odd = st.one_of(
    st.text(max_size=40), st.sampled_from(["", " ", "🐦", "\0", "\ud800", "a" * 5000, "東京", "ﷺ"])
)


# --- the scorer ----------------------------------------------------------------------------------


def test_a_reply_is_found_by_the_words_of_what_it_answers(known: Database):
    record(known, said("did you adopt a cat?", thread="a"), said("yes, since last spring", thread="a"))
    record(
        known, said("yes, since last winter", thread="b"), *[said(f"tea {n}", thread="c") for n in range(9)]
    )
    assert find(known, "cat") == ["did you adopt a cat?", "yes, since last spring"]


def test_the_persons_words_stand_above_the_bots_same_words(known: Database):
    first = said("my sister sails")
    record(known, replace(first, thread=thread_of("other")), answer(first, "my sister sails"))
    with known.read() as tx:
        found = MEMORY.find(tx, ALICE, "sister", now=later(1))
    assert [each.kind for each in found] == ["said", "answer"]


def test_who_is_named_in_the_question_comes_first(known: Database):
    first = said("we hike a lot", thread="a")
    record(known, first, replace(answer(first, "we hike a lot"), thread=thread_of("b")))
    names = {ALICE: "Alice", BOT: "Jay"}
    with known.read() as tx:
        hits = {
            who: MEMORY.find(tx, ALICE, f"does {who} hike?", now=later(1), names=names)[0].kind
            for who in ("Alice", "Jay")
        }
    assert hits == {"Alice": "said", "Jay": "answer"}


def test_names_of_those_who_spoke_are_left_out_of_what_is_meant():
    question = ask("What did Ana-Maria's dog eat?", {ALICE: "ana-maria", BOT: "jay"})
    assert (question.unnamed, question.named) == (("dog", "eat"), {ALICE})


def test_a_month_finds_what_was_said_in_it(known: Database):
    record(known, said("bought a kayak", thread="a"), said("bought a canoe", thread="b", hours=24 * 40))
    assert find(known, "what in April 2026?", hours=9999)[0] == "bought a canoe"


def test_of_equals_the_newest_comes_first(known: Database):
    record(known, said("I like tea", "a", thread="a"), said("I like tea", "b", thread="b", hours=1))
    with known.read() as tx:
        assert [each.at for each in MEMORY.find(tx, ALICE, "tea", now=later(9))] == [later(1), later(0)]


def test_what_was_said_later_is_not_found_yet(known: Database):
    record(known, said("tea with milk"), said("tea with lemon", hours=5))
    assert find(known, "tea", hours=1) == ["tea with milk"]


def test_words_are_found_in_other_forms_of_their_language(known: Database):
    texts = ("meine Katzen und ich sind umgezogen", "je promène mes chiens dans la forêt")
    texts += ("昨日東京へ引っ越しました", "ฉันรักแมวมาก")
    record(known, *(said(text, thread=text) for text in texts))
    assert find(known, "die Katze") == ["meine Katzen und ich sind umgezogen"]
    assert find(known, "le chien") == ["je promène mes chiens dans la forêt"]
    assert find(known, "東京") == ["昨日東京へ引っ越しました"]
    assert find(known, "แมว") == ["ฉันรักแมวมาก"]


@pytest.mark.slow
@ON_A_DATABASE
@given(st.lists(odd, max_size=4), odd)
def test_any_text_may_be_said_and_asked(db: Database, texts, query):
    did, memory = f"did:plc:o{next(NUMBERS)}", Memory(encoder=WORDLLAMA)
    texts = [text.encode("utf-8", "replace").decode().replace("\0", "") for text in texts]
    with db.write() as tx:
        memory.meet(tx, did, NOW)
        memory.record(tx, *(said(text, did=did) for text in texts))
        found = memory.find(tx, did, query, now=later(1))
    assert {each.text for each in found} <= set(texts)
    assert not found if not query.strip() else True


# --- notes ---------------------------------------------------------------------------------------


def test_a_note_that_was_replaced_comes_last_unless_the_past_is_asked_for(known: Database):
    (old,) = say(known, Remember("lives in Porto by the sea"))
    say(known, Revise(old.id, "lives in Lisbon"), post="p2", hours=1)
    assert find(known, "lives in Porto or Lisbon, by the sea?")[0] == "lives in Lisbon"
    assert find(known, "lives where before, Porto, by the sea?")[0] == "lives in Porto by the sea"


def test_a_replaced_note_tells_until_when_it_held(known: Database):
    (old,) = say(known, Remember("lives in Porto"))
    say(known, Revise(old.id, "lives in Lisbon"), post="p2", hours=48)
    with known.read() as tx:
        *_, found = MEMORY.find(tx, ALICE, "Porto", now=later(99))
    assert of_passage(found).line == f"n{old.id} · 2026-03-01 until 2026-03-03 · lives in Porto"
    assert of_passage(found).uri == receipt().uri


def test_before_it_was_replaced_a_note_counts_in_full(known: Database):
    (old,) = say(known, Remember("lives in Porto"))
    say(known, Revise(old.id, "lives in Lisbon"), post="p2", hours=2)
    with known.read() as tx:
        then, now = (MEMORY.find(tx, ALICE, "Porto", now=later(each))[0].score for each in (1, 3))
    assert now < then


def test_notes_older_than_search_are_taken_up_by_reindexing(known: Database):
    say(known, Remember("lives in Porto"))
    with known.write() as tx:
        passages.erase(tx, PASSAGE.did == ALICE)
    assert find(known, "Porto") == []
    list(MEMORY.reembed(known))
    assert find(known, "Porto") == ["lives in Porto"]


# --- forgetting ----------------------------------------------------------------------------------


def test_with_a_note_goes_what_it_came_from_and_what_repeats_it(known: Database):
    first = said("I live in Porto", "p1")
    record(known, first, answer(first, "Porto is lovely!"), said("I have a dog", "p3"))
    record(
        known, answer(said("hi", "p4"), "How is Porto today?"), answer(said("ho", "p5"), "How is the dog?")
    )
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
        MEMORY.forget_source(tx, first.uri, NOW)
        assert [each.text for each in passages.find(tx)] == ["tea"]


def test_no_byte_of_a_forgotten_passage_is_left_in_sqlites_files(tmp_path: Path):
    db, memory = Database(f"sqlite:///{tmp_path}/scrubjay.db"), Memory(encoder=WORDLLAMA)
    db.upgrade()
    kept, gone = said("the kept kestrel", "p1"), said("canary-7Yq " + "x" * 500, "p2")
    with db.write() as tx:
        memory.meet(tx, ALICE, NOW)
        memory.record(tx, kept, gone, answer(gone, "canary-7Yq, really?"))
        (vector,) = tx.scalars(select(PASSAGE.emb).where(PASSAGE.text == gone.text))
    with db.write() as tx:
        memory.forget_source(tx, gone.uri, NOW)
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
            memory.meet(tx, did, NOW)
            act(tx, memory, move, did, f"x{text} {who}", f"f{turn}s{step}")
    with db.read() as tx:
        for number, did in enumerate(dids):
            there = {each.id for each in passages.find(tx, PASSAGE.did == did)}
            found = memory.find(tx, did, f"{query} {number}", limit=1000, now=later(1))
            assert {each.id for each in found} <= there
            assert all(each.did == did and each.text.endswith(f" {number}") for each in found)
            fresh = Memory().find(tx, did, f"{query} {number}", limit=1000, now=later(1))
            assert found == fresh  # what was decoded before is never stale
            notes = {note.id for note in memory.recall(tx, did).notes} if there else set()
            assert notes <= {each.note_id for each in passages.find(tx, PASSAGE.did == did)}


def act(tx, memory: Memory, move: str, did: str, text: str, step: str) -> None:
    memory.find(tx, did, text, now=later(1))
    notes, source = memory.recall(tx, did).notes, receipt(did, step)
    edits = {
        "note": [Remember(text)],
        "revise": [Revise(note.id, f"x {text}") for note in notes[:1]],
        "forget": [Forget(note.id) for note in notes[:1]],
    }
    if move == "say":
        memory.record(tx, said(text, step, did=did), answer(said(text, step, did=did), f"so {text}"))
    elif move == "unsay":
        for each in passages.find(tx, PASSAGE.did == did)[:1]:
            memory.forget_source(tx, each.uri, NOW)
    elif move == "erase":
        memory.erase(tx, did)
    else:
        with suppress(EditRefused):
            memory.apply(tx, did, edits[move], source, key=step, actor="rules", at=NOW)


def test_what_others_say_changes_nothing_in_what_one_person_finds(known: Database):
    record(known, said("my dog likes rain", thread="a"), said("rain again", thread="b"))
    with known.read() as tx:
        before = MEMORY.find(tx, ALICE, "dog in the rain", now=later(1))
    record(known, *(said(f"rain rain {n}", did=BOB) for n in range(30)))
    with known.read() as tx:
        assert Memory().find(tx, ALICE, "dog in the rain", now=later(1)) == before
        assert len(before) == 2


def test_a_passage_with_somebody_elses_receipt_is_refused(known: Database):
    foreign = replace(said("mine"), uri=f"at://{BOB}/app.bsky.feed.post/1")
    with known.write() as tx, pytest.raises(EditRefused, match="somebody else"):
        MEMORY.record(tx, foreign)


def test_an_exchange_is_recorded_once(known: Database):
    first = said("tea", "p1")
    for _ in range(2):
        record(known, first, answer(first, "fine"))
    with known.read() as tx:
        assert [(each.kind, each.author) for each in passages.find(tx)] == [("said", ALICE), ("answer", BOT)]


class Remade(Exception):
    """A shelf was not at hand."""


def remake() -> NoReturn:
    raise Remade


def test_what_another_process_writes_is_found_at_once(known: Database):
    record(known, said("tea"))
    other = Memory()
    assert find(known, "tea") == ["tea"]
    more = said("more tea")
    record(known, more, memory=other)
    assert len(find(known, "tea")) == 2
    with known.write() as tx:
        other.forget_source(tx, more.uri, NOW)
        stamp = tx.scalar(select(IndexStampRow.stamp).where(IndexStampRow.did == ALICE))
        with pytest.raises(Remade):  # what was decoded before the erasure is stale
            MEMORY._shelves.get(ALICE, stamp, remake)
    with known.write() as tx:
        other.erase(tx, ALICE)
    assert find(known, "tea") == []


def test_what_was_rolled_back_is_not_found(known: Database):
    record(known, said("tea"))

    def fail() -> None:
        with known.write() as tx:
            MEMORY.record(tx, said("more tea"))
            assert len(MEMORY.find(tx, ALICE, "tea", now=later(1))) == 2
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    record(known, said("green tea"))
    assert sorted(find(known, "tea")) == ["green tea", "tea"]


# --- both databases ------------------------------------------------------------------------------

WORDLLAMA = WordLlama()


def test_both_databases_find_the_same_ten_in_the_same_order(tmp_path: Path, postgres):
    texts = [f"{a} {b} {c}" for a in ("tea", "dog", "hike") for b in ("Porto", "rain") for c in "xyzuvw"]
    tops = []
    for url in (f"sqlite:///{tmp_path}/scrubjay.db", postgres()):
        db, memory = Database(url), Memory(encoder=WORDLLAMA)
        db.upgrade()
        with db.write() as tx:
            memory.meet(tx, ALICE, NOW)
            memory.record(
                tx,
                *(said(text, f"b{n}", thread=f"t{n // 5}", hours=n) for n, text in enumerate(texts)),
            )
        with db.read() as tx:
            queries = ("a dog in the rain", "Porto?", "what do I drink", "hike on 3 March 2026")
            tops.append([memory.find(tx, ALICE, query, now=later(99)) for query in queries])
        db.close()
    first, second = ([[(one.text, one.score) for one in top] for top in each] for each in tops)
    assert first == second
    assert all(len(top) == 10 for top in first)
