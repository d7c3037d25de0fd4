from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, BOB, NOW, note, receipt

from memory.edits import check_quota, check_receipt, propose
from memory.errors import EditRefused
from memory.model import Forget, Limits, Note, Receipt, Remember, Revise
from memory.text import one_line

USUAL = Limits()
TIGHT = Limits(note_chars=40, notes=4)
texts = st.text(min_size=1, max_size=60)


def edit(notes: tuple[Note, ...], change: Remember | Revise | Forget, limits: Limits = USUAL):
    return propose(notes, change, receipt(), NOW, limits)


def test_a_remembered_line_gets_a_negative_id_until_it_is_written():
    after = edit(edit((), Remember("has a dog")), Remember("likes tea"))
    assert [(each.id, each.name, each.text) for each in after] == [
        (-1, "new1", "has a dog"),
        (-2, "new2", "likes tea"),
    ]


def test_a_revision_takes_the_place_of_the_line_it_names():
    after = edit((note(7, "lives in Bonn"), note(8, "likes tea")), Revise(7, "lives in Oslo"))
    assert [(each.id, each.text, each.replaces) for each in after] == [
        (8, "likes tea", None),
        (-1, "lives in Oslo", 7),
    ]


def test_a_line_proposed_in_this_turn_can_be_revised():
    after = edit(edit((), Remember("lives in Bonn")), Revise(-1, "lives in Oslo"))
    assert [(each.id, each.text, each.replaces) for each in after] == [(-2, "lives in Oslo", -1)]


def test_forgetting_leaves_the_other_lines():
    assert edit((note(7, "lives in Bonn"), note(8, "likes tea")), Forget(7)) == (note(8, "likes tea"),)


@pytest.mark.parametrize("name", [3, -1, 0])
def test_an_edit_of_a_line_that_is_not_there_is_refused(name: int):
    for change in (Revise(name, "x"), Forget(name)):
        with pytest.raises(EditRefused, match="there is no note"):
            edit((note(7, "lives in Bonn"),), change)


def test_a_line_that_stands_already_is_refused_in_any_case():
    with pytest.raises(EditRefused, match="n7 already says so"):
        edit((note(7, "Lives in Bonn"),), Remember("lives  in BONN"))


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u2060"])
def test_an_empty_line_is_refused(text: str):
    with pytest.raises(EditRefused, match="empty"):
        edit((), Remember(text))


def test_a_line_may_have_as_many_characters_as_allowed_and_no_more():
    assert edit((), Remember("x" * 40), TIGHT)[0].text == "x" * 40
    with pytest.raises(EditRefused, match="41 characters, 40 are allowed"):
        edit((), Remember("x" * 41), TIGHT)


def test_a_full_memory_takes_revisions_but_nothing_new():
    full = tuple(note(number, f"fact {number}") for number in range(1, 5))
    assert len(edit(full, Revise(1, "fact one"), TIGHT)) == 4
    with pytest.raises(EditRefused, match=r"all 4 notes are taken.*n3, n4"):
        edit(full, Remember("fact 5"), TIGHT)


@given(
    st.lists(
        st.one_of(
            st.builds(Remember, texts),
            st.builds(Revise, st.integers(-6, 0), texts),
            st.builds(Forget, st.integers(-6, 0)),
        ),
        max_size=12,
    )
)
def test_whatever_is_proposed_the_limits_hold_and_names_are_unique(edits):
    now: tuple[Note, ...] = ()
    for change in edits:
        try:
            now = edit(now, change, TIGHT)
        except EditRefused:
            continue
    assert len(now) <= TIGHT.notes
    assert all(each.text == one_line(each.text) and 0 < len(each.text) <= 40 for each in now)
    assert len({each.id for each in now}) == len({each.text.casefold() for each in now}) == len(now)


def test_an_exchange_may_write_three_notes_and_forget_as_many_as_it_likes():
    three = [Remember("a"), Remember("b"), Revise(1, "c")]
    check_quota([*three, *map(Forget, range(10))], 0, Limits())
    with pytest.raises(EditRefused, match="4 new notes, an exchange may write 3"):
        check_quota([*three, Remember("d")], 0, Limits())


def test_a_day_may_write_twenty_notes_and_forgetting_is_still_allowed():
    check_quota([Remember("a")], 19, Limits())
    check_quota([Forget(1)], 20, Limits())
    with pytest.raises(EditRefused, match="24 hours, 20 are allowed"):
        check_quota([Remember("a")], 20, Limits())


@pytest.mark.parametrize(
    "strange",
    [
        receipt(BOB),
        Receipt(receipt(BOB).uri, "bafy", ALICE, NOW),
        Receipt(receipt(ALICE).uri, "bafy", BOB, NOW),
        Receipt(f"at://{ALICE}x/app.bsky.feed.post/1", "bafy", ALICE, NOW),
    ],
)
def test_a_receipt_by_somebody_else_is_refused(strange: Receipt):
    with pytest.raises(EditRefused, match="somebody else"):
        check_receipt(ALICE, strange)
