"""A note is recognised in a text that repeats it, and not in one that has only the reader's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say

from memory.model import Remember, Revise
from memory.rows import shingles as rows
from memory.shingles import COMMON, LENGTH, STRIDE, letters, likeness, of_note, of_text, without_known
from memory.tables import ShingleRow

if TYPE_CHECKING:
    from memory.db import Database

SECRET = "keeps the spare key in the blue flowerpot"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"Someone {SECRET}, I hear.",
        SECRET.upper(),
        "keeps-the\nspare_key  in... the blue flowerpot",
        "k e e p s t h e s p a r e k e y i n t h e b l u e",
        "the spare key in the blue",
        "ｋｅｅｐｓ the spáre key in the blue",
        "keeps the sp\u200bare key in the blue",
    ],
)
def test_a_note_is_recognised_however_it_is_written(text):
    assert of_note(SECRET) & of_text(text)


@pytest.mark.parametrize(
    "note", ["is hiv positive", "owes Ben money", "東京に住んでいる", "code canary-7f3a9"]
)
def test_a_short_note_is_recognised_as_a_whole(note):
    assert of_note(note) & of_text(f"I know: {note}!")
    assert not of_note(note) & of_text("I know nothing of it, and it is late.")


def test_a_code_is_recognised_alone():
    assert of_note("has the door code canary-7f3a9") & of_text("It is canary-7f3a9.")


def test_what_has_only_the_readers_own_words_is_theirs():
    own = ("I'm a software engineer and I live in Lisbon, door 7f3a9c",)
    for note in ("works as a software engineer", "lives in Lisbon", "7f3a9c"):
        assert not of_note(note) & of_text(note, own)
        assert of_note(f"{note} with Zebulon") & of_text(f"{note} with Zebulon", own)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("sardines", "sardine"),
        ("an engineer", "engineering"),
        ("photography", "photographer"),
        ("biology", "biologist"),
        ("Gärten", "Garten"),
    ],
)
def test_another_form_of_ones_own_word_is_ones_own(said, word):
    assert not of_note(f"the {word} of the {word}") & of_text(f"the {word} of the {word}", [said])


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("the Elder Days", "elderberry"),
        ("water", "waterfall"),
        ("kindergarten", "kinderhook"),
        ("canary7f3a1", "canary7f3a9"),
    ],
)
def test_a_word_that_only_begins_like_ones_own_is_not(said, word):
    note = f"keeps the {word} jar below the stair"
    own = [said, "keeps the bergamot jar below the stair"]
    assert of_note(note) & of_text(f"Somebody {note}.", own)


text = st.lists(st.sampled_from(["moon", "river", "stone", "ключ", "鍵", "über", "a", "42"]), min_size=1).map(
    " ".join
)


@given(text, text, text)
def test_whatever_repeats_nineteen_letters_of_a_note_shares_a_hash(before, note, after):
    if len(letters(note)) >= LENGTH + STRIDE - 1:
        assert of_note(note) & of_text(before + " " + note + " " + after)


@given(text)
def test_a_text_is_like_itself(said):
    assert likeness(letters(said), letters(said)) in {0.0, 1.0}
    assert without_known(said, [said]) == ""


def test_common_words_are_written_as_they_are_compared():
    assert {word for word in COMMON if letters(word) != word} == set()


# --- in the store --------------------------------------------------------------------------------


def is_others(db: Database, did: str, text: str, *own: str) -> bool:
    with db.read() as tx:
        return MEMORY.retrieval.is_others(tx, did, text, own)


def count(db: Database) -> int:
    with db.read() as tx:
        return tx.scalar(select(func.count()).select_from(ShingleRow))


def test_a_note_of_another_person_is_recognised_and_ones_own_is_not(known: Database):
    say(known, Remember(SECRET), did=BOB)
    assert is_others(known, ALICE, f"They say that somebody {SECRET}.")
    assert not is_others(known, BOB, f"They say that somebody {SECRET}.")
    assert not is_others(known, ALICE, "They say that nobody knows where it is.")


def test_what_three_others_have_noted_is_nobodys_own(known: Database):
    dids = [BOB, "did:plc:carol", "did:plc:dan"]
    for number, did in enumerate(dids, 1):
        with known.write() as tx:
            MEMORY.people.meet(tx, did, NOW)
        say(known, Remember(SECRET), did=did)
        assert is_others(known, ALICE, SECRET) == (number < rows.COMMON_FROM)


def test_the_hashes_of_a_note_go_with_it(known: Database):
    before = count(known)
    say(known, Remember(SECRET), did=BOB)
    assert count(known) > before
    with known.write() as tx:
        MEMORY.forget_post(tx, receipt(BOB).uri, later(1))
    assert count(known) == before


def test_the_hashes_of_a_person_go_with_them(known: Database):
    before = count(known)
    (note,) = say(known, Remember(SECRET), did=BOB)
    say(known, Revise(note.id, "keeps the spare key with the neighbours now"), did=BOB, post="p2", hours=1)
    assert is_others(known, ALICE, SECRET)
    with known.write() as tx:
        MEMORY.erase(tx, BOB)
    assert count(known) == before
    assert not is_others(known, ALICE, SECRET)
