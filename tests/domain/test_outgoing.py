"""The gate before the outbox: what may be said, what is a call, and what the model is told of."""

from __future__ import annotations

import pytest
from domain.test_model_text import HELLO, INNOCENT, THOUGHTS
from domain.test_text_calls import DIALECTS, TOOLS, UNCERTAIN
from domain.test_text_calls import INNOCENT as NO_CALLS
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import outgoing
from bot.domain.call_values import TextCall
from bot.domain.outgoing import MAX_CHARS, TOO_LONG, Calls, Fault, Sentence

CALL = '{"name": "reply", "arguments": {"text": "Hello, you!"}}'


def read(text):
    return outgoing.read(text, TOOLS)


@pytest.mark.parametrize("text", [*INNOCENT, *NO_CALLS])
def test_an_innocent_sentence_passes_unchanged(text):
    assert read(text) == Sentence(text)


@pytest.mark.parametrize("text", THOUGHTS.values(), ids=THOUGHTS)
def test_a_thought_is_never_said(text):
    assert read(text) == Sentence(HELLO)


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("thought", ["", "<think>I will reply.</think>\n", "I will reply.\n</think>\n\n"])
def test_a_certain_call_is_read_behind_any_thought(text, thought):
    assert read(thought + text) == Calls((TextCall("reply", {"text": "Hello, you!"}),))


@pytest.mark.parametrize("text", UNCERTAIN.values(), ids=UNCERTAIN)
def test_what_may_be_a_call_is_a_fault(text):
    assert isinstance(read(text), Fault)


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_a_call_within_a_thought_is_not_made(text):
    found = read(f"<think>\n{text}\n</think>\nHello!")
    assert found == Sentence("Hello!") or isinstance(found, Fault)


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_no_part_of_a_call_that_was_cut_is_said(text):
    for end in range(1, len(text)):
        found = read(text[:end])
        assert not isinstance(found, Sentence) or "Hello" not in found.text, text[:end]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "\u200b",
        "<think>never closed",
        "{}",
        "Thought: I greet",
        "Hello &lt;/think&gt;",
        "<\u200bthink>a",
        "<|channel|>analysis<|message|>secret",
        "null",
        "```json\n{}\n```",
        "stay_silent: noise",
        "<|foo|>",
        "</s>",
        '"reply": "Hello"',
        "'text': 'Hello'",
        "<use_mcp_tool><tool_name>reply</tool_name></use_mcp_tool>",
        "<action>reply</action><action_input>Hello</action_input>",
        "<silent/>",
        "<b>Hello</b>",
        "\\boxed{Hello}",
    ],
)
def test_what_cannot_be_said_is_a_fault_that_tells_how_to_write_it(text):
    found = read(text)
    assert isinstance(found, Fault)
    assert found.why


@pytest.mark.slow
@pytest.mark.timeout(60)  # a pattern that tries every blank from every blank takes minutes
@pytest.mark.parametrize(
    "unit",
    [
        *"[`*# \n\r\t\xa0",
        "\n[",
        "\n#",
        '\n{"a":',
        "user:\n",
        "<think>",
        "</think>",
        "reply(",
        "<|",
        "to=reply ",
    ],
)
@pytest.mark.parametrize("begin", ["", "Hello", "<think>a</think>"])
def test_a_long_text_of_one_kind_is_read_and_an_endless_one_is_not(begin, unit):
    text = f"{begin}{unit * MAX_CHARS}"[: MAX_CHARS - 1]
    assert read(f"{text}x") != Fault(TOO_LONG)
    assert read(f"{text}xyz") == Fault(TOO_LONG)


def test_a_tag_within_the_arguments_of_a_call_does_not_spoil_the_call():
    call = '{"name": "reply", "arguments": {"text": "a </think> b"}}'
    assert read(call) == Calls((TextCall("reply", {"text": "a </think> b"}),))


PIECES = st.sampled_from(
    [
        *DIALECTS.values(),
        *UNCERTAIN.values(),
        *THOUGHTS.values(),
        *INNOCENT,
        CALL,
        "</think>",
        "<think>",
        "</s>",
        "`",
        "\n",
        '"}}',
        "\ud800",
        "\x00",
    ]
) | st.text(max_size=10)


@given(st.lists(PIECES, max_size=5).map("".join))
def test_no_text_breaks_the_gate_and_what_passed_once_passes_again(text):
    found = read(text)
    if isinstance(found, Sentence):
        assert read(found.text) == found


@pytest.mark.parametrize(
    "text",
    [
        "[INST] hi [/INST] Hello!",
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>",
        "<|start_header_id|>user<|end_header_id|>\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>Hello!",
        "<|user|>\nhi\n<|assistant|>\nHello!",
        "assistant\n\nHello!",
        "final<|message|>Hello!",
    ],
)
def test_what_a_model_repeats_of_others_before_its_turn_is_not_said(text):
    assert read(text) == Sentence("Hello!")


@pytest.mark.parametrize(
    "text",
    [
        "Hello <|im_en",
        "Hello </thin</think",
        "Hello <think",
        "Assistant: Hello",
        "Hello\nUser: thanks\nAssistant: you are welcome",
        "### Response:\nHello",
        'Calling reply with {"text": "Hello"}',
        'Well, reply.call(text="Hello")',
        'data: {"text": "Hello"}',
        "<html><body>502</body></html>",
        "analysis<|message|>secret",
        '<details type="reasoning" done="true"><summary>3 s</summary>secret</details>Hello',
        "<thinking_content>secret</thinking_content>Hello",
        "Hello <no_reply>",
    ],
)
def test_what_a_template_or_a_server_left_is_a_fault(text):
    assert isinstance(read(text), Fault)


@pytest.mark.parametrize(
    "text",
    [
        "no_reply",
        "NO_REPLY",
        "[no reply]",
        "(No response.)",
        "*stays silent*",
        "Stay silent.",
        "[SILENT]",
        "<silence>",
        "**[silence]**",
        "(remaining silent)",
        "staySilent()",
    ],
)
def test_words_for_saying_nothing_are_not_said(text):
    assert isinstance(read(text), Fault)


@pytest.mark.parametrize(
    "text",
    [
        "**Thinking**\nsecret\n\n**Answer**\nHello",
        "# Thoughts\nsecret\n# Response\nHello",
        "(thinking: secret) Hello",
        "[Reasoning: secret] Hello",
        "Okay, the user says hello. I should be kind.\n\nHello!",
        "The user wants to know my name. Hello!",
        "Hmm, we need to reply within 300 characters.\n\nHello!",
        "We should respond kindly. Hello!",
        "Let me think about this. The user asks about cats.\n\nHello!",
        "Okay, so the user is greeting me. Let me craft a reply.\n\nHello!",
        "Alright. Let me draft a short, kind reply.\n\nHello!",
        "Hmm, so, well, the user seems sad. Hello!",
        "🤔 Thinking...\nHello!",
        "<!-- secret -->Hello!",
    ],
)
def test_what_begins_as_a_thought_without_a_tag_is_not_said(text):
    assert isinstance(read(text), Fault)


@pytest.mark.parametrize(
    "text",
    [
        'Here is my reply:\n\n"Hello, you!"',
        "Here\u2019s a short, kind response:\nHello, you!",
        "Reply: Hello, you!",
        "**Response:** Hello, you!",
    ],
)
def test_a_heading_over_the_answer_is_cut_off(text):
    assert read(text).text.strip('"') == "Hello, you!"


@pytest.mark.parametrize("token", ["[/s]", "[EOT]", "[DONE]", "<end>", "<stop>", "<sep>"])
def test_an_end_that_a_server_left_behind_a_sentence_is_cut_off(token):
    assert read(f"Hello, you!{token}") == Sentence("Hello, you!")


@pytest.mark.parametrize(
    "text",
    [
        "Silence is golden.",
        "I got no reply.",
        "Stay silent and listen: that is a jay.",
        "No response is a response, too!",
        "The users of this network are many.",
        "We need to talk about acorns.",
        "Thinking of you!",
        "Thinking... acorns, mostly.",
        "Let me think about this. It is a jay.",
        "Let me write you a poem about acorns.",
        "Okay, so the user interface is a tree.",
        "Here is my answer: 42",
        "The reply: silence.",
        "(Thinking about it, yes.)",
        "Thoughts on acorns: many.",
        "My name: Jay.",
        "The end>start rule is odd.",
        "A “text”: what is that?",
    ],
)
def test_a_sentence_with_such_words_passes(text):
    assert read(text) == Sentence(text)
