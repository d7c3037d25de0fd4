from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, later, note, receipt

from memory.model import Note, Passage
from memory.recollection import Item, render
from memory.text import tokens

texts = st.text(min_size=1, max_size=60)
notes = st.lists(st.tuples(texts, st.integers(0, 500)), max_size=30).map(
    lambda said: tuple(note(number, text, later(hours)) for number, (text, hours) in enumerate(said, 1))
)


# --- items ---------------------------------------------------------------------------------------


def said(number: int, text: str, kind: str = "said") -> Passage:
    uri = receipt(post=f"p{number}").uri
    return Passage(ALICE, kind, ALICE, text, 1, uri, later(number), number)


def test_an_item_carries_its_date_its_receipt_and_who_said_it():
    assert Item.of_note(note(7, "likes tea")).line == "n7 · 2026-03-01 · likes tea"
    assert Item.of_passage(said(3, "a\nb")).line == "p3 · 2026-03-01 · they: a b"
    assert Item.of_passage(said(3, "ok", kind="answer")).line == "p3 · 2026-03-01 · you: ok"
    assert Item.of_passage(said(3, "x")).uri == receipt(post="p3").uri


def test_what_holds_no_longer_tells_until_when():
    old = Passage(ALICE, "note", ALICE, "a", 1, "at://x", later(0), 1, note_id=7, valid_to=later(48))
    assert Item.of_passage(old).line == "n7 · 2026-03-01 until 2026-03-03 · a"


# --- the block -----------------------------------------------------------------------------------


@given(notes, st.integers(0, 400))
def test_a_block_never_exceeds_its_budget_and_tells_what_it_hides(known: tuple[Note, ...], budget: int):
    block = render(known, budget)
    assert tokens(block.text) <= budget
    assert len(block.shown) + block.hidden == len(known)
    assert block.text == "\n".join(Item.of_note(one).line for one in block.shown)


@given(notes, st.integers(0, 400))
def test_a_block_shows_the_newest_lines_in_the_order_they_were_said(known: tuple[Note, ...], budget: int):
    said = sorted(known, key=lambda each: (each.receipt.said_at, each.id))
    block = render(known, budget)
    assert block.shown == tuple(said[block.hidden :])


@given(notes)
def test_with_room_enough_every_line_is_shown(known: tuple[Note, ...]):
    assert render(known, 10**6).hidden == 0


def test_a_line_shows_name_date_and_text():
    block = render([note(13, "likes tea", later(24)), note(12, "has a dog")], 100)
    assert block.text == "n12 · 2026-03-01 · has a dog\nn13 · 2026-03-02 · likes tea"
