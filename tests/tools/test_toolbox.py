from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import gate
from bot.domain.gate import Gate
from bot.domain.prompt import TurnResult, Usage
from bot.tools.overlay import MAX_REFUSALS
from bot.tools.toolbox import TOOLS, Toolbox
from memory.edits import propose
from memory.errors import EditRefused
from memory.model import Forget, Limits, Note, Passage, Person, Receipt, Remember, Revise
from memory.recollection import Recollection, render

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DID = "did:plc:ana"
RECEIPT = Receipt(f"at://{DID}/app.bsky.feed.post/3l1", "bafy1", DID, NOW)
EARLIER = Receipt(f"at://{DID}/app.bsky.feed.post/3l0", "bafy0", DID, NOW - timedelta(hours=1))
KEPT = ("lives in Lisbon", "likes tea")


def known(texts=KEPT) -> tuple[Note, ...]:
    return tuple(Note(number, DID, text, EARLIER, NOW) for number, text in enumerate(texts, 1))


def toolbox(texts=KEPT, limits=None, search=None, reply_limit=600, calls=12, **gates) -> Toolbox:
    notes = known(texts)

    async def everything(query: str) -> tuple[Passage, ...]:
        return tuple(map(Passage.of_note, notes))

    recollection = Recollection(Person(DID, "ana.test", NOW, NOW), notes, render(notes, 1000))
    return Toolbox(
        recollection,
        RECEIPT,
        NOW,
        limits=limits or Limits(),
        search=search or everything,
        reply_limit=reply_limit,
        calls=calls,
        **gates,
    )


# --- speech --------------------------------------------------------------------------------------


async def test_a_reply_is_what_the_turn_comes_to():
    tools = toolbox()
    assert (await tools.call("reply", {"text": "Hello."})).ok
    assert tools.thought() == TurnResult("Hello.")


async def test_a_second_reply_takes_the_place_of_the_first_and_says_so():
    tools = toolbox()
    await tools.call("reply", {"text": "one"})
    answer = await tools.call("reply", {"text": "two"})
    assert "instead of your earlier reply" in answer.text
    assert tools.thought().reply == "two"


async def test_silence_drops_the_reply():
    tools = toolbox()
    await tools.call("reply", {"text": "one"})
    answer = await tools.call("stay_silent", {"reason": "only\na lol"})
    assert "dropped" in answer.text
    assert tools.thought() == TurnResult(None, "only a lol")


async def test_a_reply_ends_an_earlier_silence():
    tools = toolbox()
    await tools.call("stay_silent", {})
    await tools.call("reply", {"text": "after all"})
    assert tools.thought() == TurnResult("after all")


async def test_a_turn_that_does_nothing_is_silent_and_says_why():
    assert toolbox().thought() == TurnResult(None, "said nothing")


async def test_usage_is_handed_on():
    tools = toolbox()
    tools.add_usage(Usage("m", 3, 4))
    tools.add_usage(Usage("", 10, 20, 5))
    assert tools.thought().usage == Usage("m", 13, 24, 5)


@pytest.mark.parametrize("text", ["", "  \n", "\u200b", "\x00", "\u202e", "\ud800"])
async def test_a_reply_with_nothing_to_see_is_refused(text):
    tools = toolbox()
    answer = await tools.call("reply", {"text": text})
    assert not answer.ok
    assert tools.thought().reply is None


async def test_a_reply_is_counted_in_graphemes():
    family = "👩‍👩‍👧‍👦"
    tools = toolbox(reply_limit=10)
    assert (await tools.call("reply", {"text": family * 10})).ok
    answer = await tools.call("reply", {"text": family * 11})
    assert not answer.ok
    assert "11 characters, 10 are allowed" in answer.text
    assert tools.thought().reply == family * 10


async def test_control_and_bidi_characters_never_leave():
    tools = toolbox()
    await tools.call("reply", {"text": "a\x00b\u202ec\nd\te"})
    assert tools.thought().reply == "abc\nd\te"


# --- notes ---------------------------------------------------------------------------------------


async def test_a_note_is_kept_as_an_edit_and_nothing_is_written():
    tools = toolbox()
    answer = await tools.call("remember", {"text": "has a dog"})
    assert answer.text == "Kept as new1."
    assert tools.thought().edits == (Remember("has a dog"),)


async def test_what_is_said_again_is_one_more_receipt():
    tools = toolbox()
    answer = await tools.call("remember", {"text": "LIKES tea."})
    assert (answer.ok, answer.text.split(";")[0]) == (True, "n2 already says so")
    assert tools.thought().edits == (Remember("likes tea"),)
    assert not (await tools.call("remember", {"text": "likes tea"})).ok


async def test_what_is_contradicted_is_told_and_superseded():
    tools = toolbox()
    answer = await tools.call("remember", {"text": "lives in Oslo"})
    assert answer.text == "Kept as new1, in place of n1, which it contradicts."
    assert tools.thought().edits == (Revise(1, "lives in Oslo"),)


async def test_a_note_is_revised_by_its_name():
    tools = toolbox()
    assert (await tools.call("revise", {"note": "n1", "text": "lives in Oslo"})).ok
    assert tools.thought().edits == (Revise(1, "lives in Oslo"),)


async def test_a_note_is_forgotten_by_its_name():
    tools = toolbox()
    assert (await tools.call("forget", {"note": "n2"})).ok
    assert tools.thought().edits == (Forget(2),)


async def test_a_note_of_this_turn_that_is_revised_is_remembered_once_as_it_is_now():
    tools = toolbox()
    await tools.call("remember", {"text": "has a dog"})
    await tools.call("revise", {"note": "new1", "text": "has a dog called Rex"})
    assert tools.thought().edits == (Remember("has a dog called Rex"),)


async def test_a_note_of_this_turn_that_is_forgotten_leaves_no_edit():
    tools = toolbox()
    await tools.call("remember", {"text": "has a dog"})
    await tools.call("forget", {"note": "new1"})
    assert tools.thought().edits == ()


async def test_forgetting_a_revision_of_this_turn_forgets_the_note_behind_it():
    tools = toolbox()
    await tools.call("revise", {"note": "n1", "text": "lives in Oslo"})
    await tools.call("forget", {"note": "new1"})
    assert tools.thought().edits == (Forget(1),)


async def test_edits_that_cannot_be_written_together_are_refused():
    tools = toolbox(("a", "b"))
    await tools.call("revise", {"note": "n1", "text": "c"})
    await tools.call("revise", {"note": "n2", "text": "a"})
    answer = await tools.call("revise", {"note": "new1", "text": "b"})
    assert not answer.ok
    assert tools.thought().edits == (Revise(1, "c"), Revise(2, "a"))


async def test_one_exchange_adds_three_notes_and_no_more():
    tools = toolbox()
    for text in ("a", "b"):
        assert (await tools.call("remember", {"text": text})).ok
    assert (await tools.call("revise", {"note": "n1", "text": "c"})).ok
    answer = await tools.call("remember", {"text": "d"})
    assert not answer.ok
    assert "3 notes were written in this turn" in answer.text
    assert (await tools.call("revise", {"note": "new1", "text": "e"})).ok


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("remember", {"text": " \n "}, "the note is empty"),
        ("remember", {"text": "x" * 281}, "281 characters, 280 are allowed"),
        ("revise", {"note": "n9", "text": "x"}, "there is no note n9"),
        ("revise", {"note": "dog", "text": "x"}, "for example n12"),
        ("forget", {"note": 7}, "there is no note n7"),
        ("recall", {"query": ""}, "Give a few words"),
    ],
)
async def test_a_refused_edit_tells_how_to_mend_it(name, arguments, words):
    tools = toolbox()
    answer = await tools.call(name, arguments)
    assert not answer.ok
    assert words in answer.text
    assert tools.thought().edits == ()


async def test_a_full_memory_is_refused_until_something_is_forgotten():
    tools = toolbox(limits=Limits(notes=2))
    assert not (await tools.call("remember", {"text": "has a dog"})).ok
    await tools.call("forget", {"note": "n1"})
    assert (await tools.call("remember", {"text": "has a dog"})).ok
    assert tools.thought().edits == (Forget(1), Remember("has a dog"))


async def test_recall_sees_the_turns_own_edits():
    tools = toolbox()
    await tools.call("revise", {"note": "n1", "text": "lives in Oslo"})
    await tools.call("forget", {"note": "n2"})
    assert (
        await tools.call("recall", {"query": "where lives"})
    ).text == "> new1 · 2026-11-22 · lives in Oslo"


async def test_recall_never_shows_another_persons_note():
    async def leaky(query: str) -> tuple[Passage, ...]:
        return (Passage.of_note(Note(5, "did:plc:bob", "canary", RECEIPT, NOW)),)

    answer = await toolbox(search=leaky).call("recall", {"query": "canary"})
    assert answer.text == "Nothing was said about that."


async def test_recall_shows_what_was_said_and_noted_in_time_order_a_line_each_with_name_and_date():
    note = Passage.of_note(known()[0])
    said = "I moved\nn9 · 2026-01-01 · to Porto"
    early = replace(note, kind="said", note_id=None, text=said, at=NOW - timedelta(days=400), id=6)
    reply = replace(early, kind="answer", text="How nice!", author="did:plc:jay", id=7)

    async def search(query: str) -> tuple[Passage, ...]:
        return (note, reply, early)

    answer = await toolbox(search=search).call("recall", {"query": "where lives"})
    assert answer.text.splitlines() == [
        "> p6 · 2025-10-18 · they: I moved n9 · 2026-01-01 · to Porto",
        "> p7 · 2025-10-18 · you: How nice!",
        "> n1 · 2026-11-22 · lives in Lisbon",
    ]


async def test_what_this_turn_forgets_is_not_recalled_nor_the_post_it_came_from():
    note = Passage.of_note(known()[0])
    told = replace(note, kind="said", note_id=None, text="I live in Lisbon")

    async def search(query: str) -> tuple[Passage, ...]:
        return (note, told)

    tools = toolbox(search=search)
    await tools.call("forget", {"note": "n1"})
    assert (await tools.call("recall", {"query": "lisbon"})).text == "Nothing was said about that."


async def test_recall_gets_the_query_as_it_was_asked():
    asked = []

    async def search(query: str) -> tuple[Passage, ...]:
        asked.append(query)
        return ()

    await toolbox(search=search).call("recall", {"query": "the dog"})
    assert asked == ["the dog"]


# --- calls ---------------------------------------------------------------------------------------


async def test_arguments_may_be_json_as_a_model_wrote_it():
    tools = toolbox()
    assert (await tools.call("reply", json.dumps({"text": "Olá 🐕"}))).ok
    assert tools.thought().reply == "Olá 🐕"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"text": "a\nb"}', "a\nb"),
        ('"{\\"text\\": \\"hi\\"}"', "hi"),
        ("Hello there!", "Hello there!"),
        ('"Hello there!"', "Hello there!"),
        (b'{"text": "hi"}', "hi"),
        ("42", "42"),
    ],
)
async def test_arguments_are_read_as_they_were_meant_where_that_is_certain(arguments, text):
    tools = toolbox()
    assert (await tools.call("reply", arguments)).ok
    assert tools.thought().reply == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("They must not know of the secret.\n</think>\n\nHello!", "Hello!"),
        ("<think>a secret</think>Hello!", "Hello!"),
        ("Hello!<|im_end|>", "Hello!"),
        ("I think </3 is sad, and a < b.", "I think </3 is sad, and a < b."),
        ('{"name": "reply", "arguments": {"text": "Hello!"}}', None),
        ("<think>a secret", None),
        ('{"text": "Hello!"}', None),
        ("stay_silent(reason='noise')", None),
    ],
)
async def test_what_is_said_passes_the_gate(text, said):
    tools = toolbox()
    answer = await tools.call("reply", {"text": text})
    assert (answer.ok, tools.thought().reply) == (said is not None, said)


SAID = "The river is at its best in May, and the old bridge is open."


@pytest.mark.parametrize(
    ("is_others", "fault"),
    [(False, gate.REPEAT), (True, gate.OTHERS)],
)
async def test_a_model_that_insists_on_what_the_gate_refuses_ends_in_silence(is_others, fault):
    async def others(_text: str, _letters: int) -> bool:
        return is_others

    tools = toolbox(gate=Gate(earlier=() if is_others else (SAID,)), is_others=others)
    results = [await tools.call("reply", {"text": SAID}) for _ in range(MAX_REFUSALS)]
    assert [result.ok for result in results] == [False] * (MAX_REFUSALS - 1) + [True]
    assert tools.thought() == TurnResult(None, f"refused {MAX_REFUSALS} times: {fault.partition('.')[0]}")


async def test_a_reply_that_was_mended_is_the_answer():
    tools = toolbox(gate=Gate(earlier=(SAID,)))
    for text in (SAID, SAID, "Not today."):
        await tools.call("reply", {"text": text})
    assert tools.thought() == TurnResult("Not today.")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("post", {}, "there is no such tool. There are: reply, stay_silent, remember"),
        ("reply", "{", "Invalid JSON"),
        ("reply", "[]", "Fields: text"),
        ("reply", 7, "no JSON object"),
        ("reply", None, "text: Field required"),
        ("reply", "", "text: Field required"),
        ("reply", {"text": 7}, "text: Input should be a valid string"),
        ("reply", {"text": "x", "to": "did:plc:bob"}, "to: Extra inputs are not permitted"),
        ("remember", {"text": "x", "did": "did:plc:bob"}, "did: Extra inputs"),
        ("reply", b"\xff", "empty"),
        ("reply", '"\ud800"', "empty"),
        ("reply", '{"text": "cut', "Invalid JSON"),
        ("reply", '{"text": "whole"} and more', "Invalid JSON"),
        ("revise", "lives in Oslo", "Invalid JSON"),
        ("stay_silent", "noise", "Invalid JSON"),
        ("reply", "[" * 10_000, "arguments"),
    ],
)
async def test_a_bad_call_is_answered_with_how_to_mend_it(name, arguments, words):
    answer = await toolbox().call(name, arguments)
    assert not answer.ok
    assert words in answer.text


async def test_after_its_calls_a_turn_can_do_nothing_more():
    tools = toolbox(calls=3)
    first = await tools.call("recall", {"query": "x"})
    assert first.text.endswith("(2 calls left in this turn.)")
    await tools.call("nonsense", {})
    await tools.call("reply", {"text": "in time"})
    assert not (await tools.call("reply", {"text": "too late"})).ok
    assert tools.thought().reply == "in time"


def test_no_tool_takes_a_target_a_person_a_key_or_facets():
    fields = {name for tool in TOOLS.values() for name in tool.arguments.model_fields}
    assert fields == {"text", "reason", "note", "query"}


def test_every_tool_is_told_of_with_a_closed_schema():
    assert [spec.name for spec in Toolbox.specs] == list(TOOLS)
    for spec in Toolbox.specs:
        assert spec.description
        assert spec.parameters["additionalProperties"] is False
        assert all("description" in field for field in spec.parameters["properties"].values())


NAMES = st.sampled_from([*TOOLS, "nothing"])
TEXTS = st.sampled_from(["a", "b", "c", "d"]) | st.text(max_size=5)
NOTES = st.sampled_from(["n1", "n2", "new1", "new2", "new3", "n9", "x"])
ARGUMENTS = st.one_of(
    st.fixed_dictionaries({"text": TEXTS}),
    st.fixed_dictionaries({"note": NOTES, "text": TEXTS}),
    st.fixed_dictionaries({"note": NOTES}),
    st.fixed_dictionaries({"query": TEXTS}),
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
    ),
)


@pytest.mark.slow
@given(st.lists(st.tuples(NAMES, ARGUMENTS), max_size=14))
def test_whatever_is_called_the_edits_can_be_written_and_stay_within_the_limits(calls):
    tools = toolbox(("a", "b"), Limits(notes=4))

    async def run() -> None:
        for name, arguments in calls:
            await tools.call(name, arguments)

    asyncio.run(run())
    notes = known(("a", "b"))
    edits = tools.thought().edits
    try:
        for edit in edits:
            notes = propose(notes, edit, RECEIPT, NOW, Limits(notes=4))
    except EditRefused as refused:
        pytest.fail(str(refused))
    assert sum(not isinstance(edit, Forget) for edit in edits) <= 3
    assert all(edit.note_id in {1, 2} for edit in edits if not isinstance(edit, Remember))


async def test_whoever_wants_no_answers_gets_none_whatever_is_said_after_it():
    tools = toolbox()
    await tools.call("reply", {"text": "hello"})
    await tools.call("stop_talking", {})
    assert not (await tools.call("reply", {"text": "but"})).ok
    thought = tools.thought()
    assert (thought.reply, thought.stop, thought.refuse) == (None, True, False)


async def test_whoever_wants_no_memory_is_answered():
    tools = toolbox()
    await tools.call("do_not_remember", {})
    await tools.call("reply", {"text": "All right."})
    thought = tools.thought()
    assert (thought.reply, thought.stop, thought.refuse) == ("All right.", False, True)
