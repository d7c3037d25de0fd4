"""What is left of a model's text: thoughts and tokens go, sentences stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.data_text import is_data
from bot.domain.model_text import has_markup, sentence

SECRET = "They greet me. Better not to mention the secret."
HELLO = "Hello! Nice to hear from you."
NAMES = (
    "think",
    "thinking",
    "thought",
    "reasoning",
    "reflection",
    "scratchpad",
    "inner_monologue",
    "ns:think",
    "antThinking",
    "deepthink",
    "thought_process",
    "inner-thoughts",
)
THOUGHTS = {
    **{name: f"<{name}>{SECRET}</{name}>\n\n{HELLO}" for name in NAMES},
    **{f"{name}, its end only": f"{SECRET}\n</{name}>\n\n{HELLO}" for name in NAMES},
    **{f"{name}, upper case": f"<{name.upper()}>{SECRET}</{name.upper()}>{HELLO}" for name in NAMES},
    "spaces in the tags": f"< think >{SECRET}< / think >{HELLO}",
    "attributes": f'<thinking budget="high">{SECRET}</thinking>{HELLO}',
    "two thoughts": f"<think>{SECRET}</think><think>{SECRET}</think>{HELLO}",
    "one in the other": f"<think>a<think>{SECRET}</think>b</think>{HELLO}",
    "an end too many": f"<think>{SECRET}</think>{SECRET}</think>{HELLO}",
    "behind the answer": f"{HELLO}\n<think>{SECRET}",
    "between": f"Hello! <think>{SECRET}</think>Nice to hear from you.",
    "an empty one": f"<think></think>\n\n{HELLO}",
    "closed in itself": f"<think/>{HELLO}",
    "wide brackets": f"＜think＞{SECRET}＜/think＞{HELLO}",
    "kimi": f"◁think▷{SECRET}◁/think▷{HELLO}",
    "mistral": f"[THINK]{SECRET}[/THINK]{HELLO}",
    "command": f"<|START_THINKING|>{SECRET}<|END_THINKING|><|START_RESPONSE|>{HELLO}<|END_RESPONSE|>",
    "openthinker": (
        f"<|begin_of_thought|>{SECRET}<|end_of_thought|><|begin_of_solution|>{HELLO}<|end_of_solution|>"
    ),
    "gemma": f"<|channel>thought\n{SECRET}<channel|>{HELLO}",
    "medgemma": f"<unused94>thought\n{SECRET}<unused95>{HELLO}",
    "granite": f"Here is my thought process: {SECRET}\nHere is my response: {HELLO}",
    "react": f"Thought: {SECRET}\nFinal Answer: {HELLO}",
    "a fence": f"```thinking\n{SECRET}\n```\n{HELLO}",
    "an answer tag": f"<think>{SECRET}</think><answer>{HELLO}</answer>",
    "harmony": (
        f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>{HELLO}"
    ),
    "harmony, its end": (
        f"<|start|>assistant<|channel|>analysis<|message|>{SECRET}<|end|>"
        f"<|start|>assistant<|channel|>final<|message|>{HELLO}<|return|>"
    ),
    "harmony, its begin cut": (
        f"{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>{HELLO}<|return|>"
    ),
    "harmony, a commentary": (
        f"<|channel|>commentary<|message|>{SECRET}<|end|><|channel|>final<|message|>{HELLO}<|return|>"
    ),
    "harmony, tokens dropped": f"analysis{SECRET}assistantfinal{HELLO}",
    "deepseek": f"<｜Assistant｜><think>{SECRET}</think>{HELLO}<｜end▁of▁sentence｜>",
    "qwen": f"<|im_start|>assistant\n<think>\n{SECRET}\n</think>\n\n{HELLO}<|im_end|>",
}


@pytest.mark.parametrize("text", THOUGHTS.values(), ids=THOUGHTS)
def test_thoughts_are_cut_off_and_the_answer_is_left(text):
    assert sentence(text) == HELLO


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\n{SECRET}",
        f"<think>{SECRET}</think>",
        f"<think>a<think>{SECRET}</think>",
        f"{SECRET}</think>",
        f"<|channel|>analysis<|message|>{SECRET}",
        f"<|channel|>analysis<|message|>{SECRET}<|end|>",
        f"<|channel|>commentary<|message|>{SECRET}<|call|>",
        f"analysis{SECRET}",
        f"```think\n{SECRET}",
        f"◁think▷{SECRET}",
        f"[THINK]{SECRET}",
    ],
)
def test_of_a_thought_alone_nothing_is_left(text):
    assert sentence(text) == ""


TOKENS = (
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "<eos>",
    "<|end|>",
    "<|return|>",
    "<｜end▁of▁sentence｜>",
    "<|END_OF_TURN_TOKEN|>",
    "[EOS]",
    "<|endofturn|>",
    "<|user|>",
    "<pad>",
    "<turn|>",
    "<|eos|>",
    "<｜User｜>",
    "[UNUSED_TOKEN_145]",
    "<|end_of_sentence|>",
)
HEADERS = (
    "<|im_start|>assistant\n",
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "<start_of_turn>model\n",
    "<s>",
    "<|assistant|>\n",
    "<|start|>assistant<|message|>",
    "[/INST] ",
    "<bos>",
    "<|start_of_role|>assistant<|end_of_role|>",
    "<|begin_of_text|>",
    "<｜Assistant｜>",
    "<|turn>model\n",
    "<|message|>",
)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("behind", ["", "\n", "\n\nuser\nThanks!", "<|im_start|>user\nThanks!"])
def test_the_text_ends_at_its_end_token(token, behind):
    assert sentence(f"{HELLO}{token}{behind}") == HELLO


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_of_the_models_turn_is_cut_off(header):
    assert sentence(f"{header}{HELLO}") == HELLO


@pytest.mark.parametrize(
    "header", ["<|im_start|>user\n", "[INST]", "<start_of_turn>user\n", "<|start|>user<|message|>"]
)
def test_what_a_model_says_for_somebody_else_is_cut_off(header):
    assert sentence(f"{HELLO}{header}And you?") == HELLO


INNOCENT = (
    "a < b and b > c",
    "I think </3",
    "<3",
    "I <3 you",
    "x<y>z",
    "Use `<think>` and `</think>` tags.",
    'The "</think>" tag ends a thought.',
    "`</s>` ends a sequence.",
    "Is it <b>bold</b>?",
    "[sic]",
    "[waves]",
    "I think, therefore I am.",
    "Final answer: 42",
    "My analysis: it rains.",
    "Thoughts? I have some.",
    "analysis of the data shows nothing",
    "The final score was 3:2.",
    "f(x) = {x}",
    "^_^ {hugs}",
    ">:[",
    "(:<",
    "a | b || c",
    "C++: std::vector<int> v;",
    "1 << 2 >> 1",
    "“Yes.”",
    '"Hello!"',
    "2 > 1 </> 3",
    "I'm :} today",
    "Réponse : oui — « bien sûr »",
    "<- that way",
    "=> there",
    "Hello.\n\nHow are you?",
    "42",
    "😀",
)


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_sentence_stays_as_it_is(text):
    assert (sentence(text), has_markup(text), is_data(text)) == (text, False, False)


DATA = (
    '{"text": "Hello"}',
    '{"text": "Hello',
    '{"',
    "{",
    '["Hello"]',
    '[{"a": 1}]',
    "{}",
    "[]",
    "{'text': 'Hello'}",
    '```json\n{"text": "Hello"}\n```',
    '```\n["Hello"]\n```',
    'Hello"}',
    'Hello"}}',
    "Hello'}]",
    "null",
    "undefined",
    '{"text": "Hello"} That is it!',
    '{\n  "reply": "a\nb"\n}',
    '[{"type": "text", "text": "Hello"}]',
    '""',
    '{"answer": "a", "confidence": 0.9}',
    '{"a": {"b": [1, 2',
)


@pytest.mark.parametrize("text", DATA)
def test_json_in_the_place_of_a_sentence_is_data(text):
    assert is_data(text)


@pytest.mark.parametrize(
    "text",
    [
        "JSON has objects {} and lists [].",
        '{"a": 1} is an object.',
        "[1] is a footnote.",
        'Write {"a": 1} there.',
        "```python\nprint(1)\n```",
    ],
)
def test_a_sentence_that_mentions_json_is_none(text):
    assert not is_data(text)


LEFT = (
    "Hello <tool_response>x</tool_response>",
    "<|foo|> Hello",
    "Hello <|bar",
    "&lt;think&gt;a&lt;/think&gt;Hello",
    "\\u003cthink\\u003ea",
    "Hello <parameter=text>",
    "<system>Hello</system>",
    "<answer>Hello",
    "Hello</answer>",
    "◁foo▷ Hello",
    "[TOOL_RESULTS] x",
)


@pytest.mark.parametrize("text", [one.replace("<|bar", "<|bar|>") for one in LEFT])
def test_markup_that_is_left_is_seen(text):
    assert has_markup(sentence(text))


PIECES = st.sampled_from(
    [
        *TOKENS,
        *HEADERS,
        *THOUGHTS.values(),
        *DATA,
        *INNOCENT,
        *LEFT,
        "<think>",
        "</think>",
        "`",
        '"',
        "\n",
        "```",
        "<|channel|>",
        "<|message|>",
        "assistantfinal",
        "final",
    ]
) | st.text(max_size=10)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_no_text_breaks_the_reader_and_reading_again_changes_nothing(text):
    left = sentence(text)
    assert sentence(left) == left
    assert {has_markup(text), is_data(text)} <= {True, False}


@given(
    st.text(
        alphabet=st.characters(exclude_characters="<>[]{}|`◁▷＜＞｜&\\\"'“”‘’", exclude_categories=("C", "Z"))
    )
)
def test_text_without_brackets_passes_unchanged(text):
    if not text.startswith(("analysis", "commentary", "assistant")) and ":" not in text:
        assert sentence(text) == text.strip()
