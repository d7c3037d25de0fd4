"""What a prompt is shown: of one person only, within its tokens, and nothing that is gone."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, BOB, MEMORY, NOW, everything, later, receipt, retain, say, texts
from support.memory_walk import ON_A_DATABASE, STEPS, walk

from memory.errors import UnknownPerson
from memory.identifiers import thread_id
from memory.model import Forget, Passage, Remember, RetentionPolicy, Revise
from memory.text import tokens

if TYPE_CHECKING:
    from memory.db import Database
    from memory.recollection import Recollection

NUMBERS = itertools.count()
ME = "did:plc:scrubjay"
KEEP = RetentionPolicy(timedelta(days=30), timedelta(days=180))


def talk(db: Database, *said: str, did: str = ALICE, thread: str = "t1", hours: float = 0) -> None:
    """Posts of a person, each answered `ok`, an hour apart."""
    with db.write() as tx:
        for number, text in enumerate(said):
            at, post = later(hours + number), f"{thread}x{number}"
            uri = receipt(did, post).uri
            MEMORY.retrieval.record(
                tx,
                Passage(did, "said", did, text, thread_id(thread), uri, at),
                Passage(did, "answer", ME, "ok", thread_id(thread), uri, at),
            )


def compiled(db: Database, query: str, total: int = 4000, did: str = ALICE, **others) -> Recollection:
    with db.read() as tx:
        return MEMORY.compile(tx, did, query, now=later(9999), total=total, **others)


def shown(known: Recollection) -> str:
    tiers = (known.summary, known.exchanges, known.recalled, known.archived)
    lines = [item.line for tier in tiers for item in tier.items]
    return "\n".join(filter(None, [known.block.text, *known.zeitgeist, *lines]))  # an empty block is no line


def test_the_last_exchanges_stand_in_the_buffer_and_those_before_in_its_summary(known: Database):
    talk(known, "do you know a book on jays?", "thanks", thread="t1")
    talk(known, *[f"word{number}" for number in range(6)], thread="t2", hours=10)
    recollection = compiled(known, "hello")
    assert [item.text for item in recollection.exchanges.items if item.by == "they"] == [
        f"word{number}" for number in range(6)
    ]
    (line,) = recollection.summary.items
    assert line.text == "4 posts, beginning: do you know a book on jays?"


def test_what_was_found_stands_once_with_its_date_and_receipt_in_time_order(known: Database):
    talk(known, "my jay eats acorns", "my jay eats peanuts", thread="t1")
    talk(known, *["hm"] * 6, thread="t2", hours=20)
    found = compiled(known, "what does my jay eat?").recalled.items
    assert [item.line.split(" · ", 1)[1] for item in found if item.by == "they"] == [
        "2026-03-01 · they: my jay eats acorns",
        "2026-03-01 · they: my jay eats peanuts",
    ]
    assert found[0].uri == receipt(post="t1x0").uri
    assert [item.text for item in compiled(known, "hm").recalled.items if item.by == "they"] == []


def test_a_post_that_stands_in_the_thread_is_not_shown_again(known: Database):
    talk(known, "my jay eats acorns")
    assert "acorns" not in shown(compiled(known, "acorns", seen={receipt(post="t1x0").uri}))


def test_a_superseded_note_is_shown_with_the_time_until_which_it_was_so(known: Database):
    (old,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(old.id, "lives in Oslo"), post="p2", hours=48)
    recollection = compiled(known, "Did she live in Bonn before?")
    assert "n2 · 2026-03-03 · lives in Oslo" in recollection.block.text
    assert [item.line for item in recollection.archived.items] == [
        "n1 · 2026-03-01 until 2026-03-03 · lives in Bonn"
    ]


def test_a_note_that_does_not_fit_the_core_may_stand_in_the_archive(known: Database):
    say(known, Remember("plays the cello " + "x" * 200))
    say(known, Remember("likes tea " + "x" * 200), post="p2", hours=1)
    recollection = compiled(known, "the cello", total=100)
    assert recollection.block.hidden == 1
    with known.read() as tx:
        assert [hit.note_id for hit in MEMORY.retrieval.find(tx, ALICE, "cello", now=later(9))] == [1]


# --- budget --------------------------------------------------------------------------------------


@pytest.mark.slow
@ON_A_DATABASE
@given(st.integers(0, 1500), STEPS, st.lists(st.text("ab c", max_size=80), max_size=20))
def test_a_prompt_never_shows_more_than_its_tokens_and_counts_the_rest(db: Database, total, steps, said):
    did = f"did:plc:budget{next(NUMBERS)}"
    with db.write() as tx:
        walk(tx, did, steps)
    talk(db, *said, did=did)
    recollection = compiled(db, "lives a b c tea", total, did)
    text = shown(recollection)
    assert sum(tokens(line) + 1 for line in text.splitlines()) <= total
    assert len(recollection.block.shown) + recollection.block.hidden == len(recollection.notes)
    names = [line.split(" · ")[0] for line in text.splitlines() if line.startswith(("n", "p"))]
    assert len(names) == len(set(names)) or recollection.summary.items


@pytest.mark.slow
@ON_A_DATABASE
@given(st.integers(1, 20), st.integers(0, 300))
def test_what_is_evicted_from_the_buffer_is_still_found(db: Database, posts: int, total: int):
    did = f"did:plc:evicted{next(NUMBERS)}"
    with db.write() as tx:
        MEMORY.people.meet(tx, did, NOW)
    talk(db, *[f"word{number} said" for number in range(posts)], did=did)
    kept = {item.text for item in compiled(db, "hello", total, did).exchanges.items}
    with db.read() as tx:
        for number in range(posts):
            text = f"word{number} said"
            found = {hit.text for hit in MEMORY.retrieval.find(tx, did, f"word{number}", now=later(99))}
            assert text in kept | found
            assert text in found


# --- privacy -------------------------------------------------------------------------------------

WHO = st.lists(st.tuples(st.integers(0, 2), STEPS), min_size=1, max_size=3)


@pytest.mark.slow
@ON_A_DATABASE
@given(WHO, st.sampled_from(["canary", "lives in Bonn", "tea dog before"]))
def test_no_prompt_about_one_person_shows_anything_of_another(db: Database, walks, query: str):
    turn = next(NUMBERS)
    dids = [f"did:plc:c{turn}p{number}" for number in range(3)]
    with db.write() as tx:
        for did in dids:
            MEMORY.people.meet(tx, did, NOW)
    for number, (who, steps) in enumerate(walks):
        with db.write() as tx:
            walk(tx, dids[who], steps)
            said = receipt(dids[who], f"c{number}")
            canary = [Remember(f"canary of {dids[who]}")]
            if not any("canary" in note.text for note in MEMORY.recall(tx, dids[who]).notes):
                MEMORY.apply(tx, dids[who], canary, said, key=f"{said.uri}c", actor="rules", at=NOW)
        talk(db, f"canary of {dids[who]}", did=dids[who], thread=f"t{turn}")
    for did in dids:
        recollection = compiled(db, query, did=did)
        others = [other for other in dids if other != did]
        assert not [other for other in others if other in repr(recollection)]


# --- forgetting ----------------------------------------------------------------------------------


def test_retention_erases_words_and_all_that_was_made_of_them_and_keeps_notes(known: Database):
    talk(known, "my jay eats acorns", thread="t1")
    say(known, Remember("has a jay"), post="t1x0")
    say(known, Remember("has a jay"), post="t1x1", hours=1)
    talk(known, *["hm"] * 7, thread="t2", hours=24 * 20)
    with known.write() as tx:
        MEMORY.people.meet(tx, ALICE, later(24 * 30))
        done = retain(tx, later(24 * 31), KEEP)
    assert (done.passages, done.people) == (2, ())
    assert "acorns" not in everything(known)
    assert "acorns" not in shown(compiled(known, "what does my jay eat? acorns"))
    assert texts(known) == ["has a jay"]


def test_retention_erases_whoever_was_silent_for_too_long(known: Database):
    talk(known, "my jay eats acorns")
    say(known, Remember("has a jay"))
    say(known, Remember("has a jay"), post="p2")
    with known.write() as tx:
        MEMORY.people.meet(tx, BOB, later(24 * 100))
        done = retain(tx, later(24 * 181), KEEP)
        assert done.people == (ALICE,)
        with pytest.raises(UnknownPerson):
            MEMORY.people.get(tx, ALICE)
        assert MEMORY.people.get(tx, BOB).did == BOB
    assert "alice" not in everything(known)


def test_retention_of_what_is_young_changes_nothing(known: Database):
    talk(known, "my jay eats acorns")
    say(known, Remember("has a jay"))
    before = everything(known)
    with known.write() as tx:
        done = retain(tx, later(24 * 29), KEEP)
    assert (done.passages, done.people, everything(known)) == (0, (), before)


@pytest.mark.parametrize("how", ["note", "sources", "person"])
def test_nothing_erased_is_found_by_any_path(known: Database, how: str):
    talk(known, "my canary eats acorns", "hm", *["hm"] * 7)
    (note,) = say(known, Remember("has a canary"), post="t1x0")
    say(known, Remember("has a canary"), post="t1x1", hours=1)
    (new,) = say(known, Revise(note.id, "has a canary called Pip"), post="p3", hours=2)
    with known.write() as tx:
        MEMORY.rollback(tx, ALICE, later(1), actor="operator", at=later(3))
        (held,) = MEMORY.recall(tx, ALICE).notes
        assert (held.text, len(held.receipts)) == ("has a canary", 2)
        match how:
            case "note":
                MEMORY.forget_note(tx, held.id, actor="operator", at=later(4))
                assert MEMORY.notes(tx, ALICE) == ()
            case "sources":
                for one in (*held.receipts, new.receipt):
                    MEMORY.forget_post(tx, one.uri, later(4))
            case "person":
                MEMORY.erase(tx, ALICE)
    assert "canary" not in everything(known).replace("canary of", "")


def test_a_brain_that_forgets_a_note_forgets_every_post_that_said_so(known: Database):
    talk(known, "I have a canary", "yes, a canary", "my canary sings")
    (note,) = say(known, Remember("has a canary"), post="t1x0")
    say(known, Remember("has a canary"), post="t1x1", hours=1)
    say(known, Forget(note.id), post="t1x9", hours=4)
    with known.read() as tx:
        found = [
            hit.text for hit in MEMORY.retrieval.find(tx, ALICE, "canary", now=later(9)) if hit.kind == "said"
        ]
    assert found == ["my canary sings"]
