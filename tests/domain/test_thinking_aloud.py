"""What models say to themselves in plain words, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.outgoing import Fault, Sentence, read
from bot.domain.thinking_aloud import has_placeholder, thinks_aloud

TOOLS = ("reply", "remember", "recall", "stay_silent")
HELLO = "Hello there!"
ALOUD = (
    f"*thinks: they like tea* {HELLO}",
    f"*thinking: they like tea*\n\n{HELLO}",
    f"(thinking: the asker is new) {HELLO}",
    f"// plan: greet, ask about tea\n{HELLO}",
    f"# Plan: greet\n{HELLO}",
    f"/* plan: greet */ {HELLO}",
    f"-- note to self: be brief\n{HELLO}",
    f"[note to self: be brief] {HELLO}",
    f"[internal: be kind] {HELLO}",
    f"[SYSTEM NOTE: be kind] {HELLO}",
    f"[thinks] be kind [/thinks] {HELLO}",
    f"(OOC: be kind) {HELLO}",
    f"> Thinking: hm\n\n{HELLO}",
    f"***Thinking***\nhm\n***Answer***\n{HELLO}",
    f"---\nthinking: hm\n---\n{HELLO}",
    f"Draft 1: {HELLO}",
    f"Draft reply: {HELLO}",
    f"Plan:\n- greet\n- ask\nReply: {HELLO}",
    f"Thinking...\n{HELLO}",
    f"User is asking about tea. {HELLO}",
    f"Okay, the user says hi. {HELLO}",
    f"Okay, der Nutzer fragt nach Tee. {HELLO}",
    "Der Nutzer fragt nach Tee. Ich sollte antworten.",
    "L'utilisateur demande du thé. Bonjour !",
    "El usuario pregunta por el té. ¡Hola!",
    "O usuário pergunta sobre chá. Olá!",
    "L’utente chiede del tè. Ciao!",
    "De gebruiker vraagt naar thee. Hallo!",
    "Kullanıcı çay soruyor. Merhaba!",
    "Użytkownik pyta o herbatę. Cześć!",
    "Пользователь спрашивает о чае. Привет!",
    "ユーザーはお茶について尋ねています。こんにちは！",
    "「思考」ユーザーは挨拶している。こんにちは！",
    "思考：用户在打招呼。你好！",
    "好的，用户说你好，我需要回复。你好！",
    "嗯，用户在问茶。你好！",
    "사용자가 인사했다. 안녕하세요!",
    "I should respond kindly. Hello!",
    "We have to answer in one post. Hello.",
    "Need to respond briefly.",
    f"Let's respond: {HELLO}",
    f"I'll reply with: {HELLO}",
    "I will respond to the user with a friendly greeting.",
    "I'll remember that the user lives in Porto, then reply.",
    "First, I'll save the note. Then I'll reply.",
    "Let me call the tool.",
    f"{HELLO}\n\n**Reasoning:** greet back.",
    f"{HELLO}\n\nExplanation: The reply is short.",
    f"(Note: I kept this under 300 characters.)\n{HELLO}",
    f"{HELLO} [Character count: 12]",
    f"{HELLO} (12 characters)",
)
INNOCENT = (
    "I think tea is lovely.",
    "Thinking of you!",
    "Plan: meet at five by the fountain.",
    "Users like it, I hear.",
    "So well said!",
    "Let's answer the door first.",
    "I should know that, but I don't.",
    "I'll remember that!",
    "I will answer that tomorrow.",
    "Nutzer sind auch Menschen.",
    "Draft beer is better.",
    "*waves*",
    "(plans are useless, planning is everything)",
    "The note you left is still there.",
    "# is a sharp, not a hash",
    "My reasoning was simple: it rained.",
    "Internal affairs are none of mine.",
    "The system: a mess.",
    "思い出しました。",
    "用心してください。",
    "[sic] {hugs} <3",
)


@pytest.mark.parametrize("text", ALOUD)
def test_a_thought_without_tags_is_not_said_and_the_model_is_told(text):
    found = read(text, TOOLS)
    assert thinks_aloud(text)
    assert isinstance(found, Fault)
    assert "thought" in found.why or "tool call" in found.why


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_a_thought_is_said(text):
    assert read(text, TOOLS) == Sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello [name]!",
        "Hello {name}!",
        "Dear <recipient>,",
        "{{reply}}",
        "[Your reply here]",
        "[insert reply]",
    ],
)
def test_a_place_that_is_to_be_filled_is_not_said(text):
    assert has_placeholder(text)
    assert isinstance(read(text, TOOLS), Fault)


@pytest.mark.parametrize(
    "text", ["Use `{name}` there.", "[name](https://bsky.app)", "{hugs}", "[1] a footnote", "<3"]
)
def test_code_and_links_have_no_place_to_fill(text):
    assert isinstance(read(text, TOOLS), Sentence)


@pytest.mark.parametrize(
    "text",
    [
        "I'll call the reply tool now.",
        "Calling reply...",
        "Using tool: reply",
        "Let me use the `remember` tool.",
        'text="Hello there!"',
        "Error: rate limit exceeded",
        "API error 503",
        "Traceback (most recent call last):",
        "No reply needed.",
        "I'll stay silent on this one.",
        "I choose not to reply.",
        "N/A",
        "Hello there!\n\nHuman: and you?",
    ],
)
def test_talk_of_tools_errors_and_other_turns_is_not_said(text):
    assert isinstance(read(text, TOOLS), Fault)


@pytest.mark.parametrize(
    "heading",
    [
        "Sure! Here's a reply:\n\n",
        "Certainly! Here is the reply:\n",
        "Here's what I'd say:\n\n",
        "Here's a possible reply you could post:\n",
        "```\n",
        "~~~text\n",
    ],
)
def test_a_heading_or_a_fence_around_the_answer_is_taken_off(heading):
    end = f"\n{heading[:3]}" if heading[0] in "`~" else ""
    assert read(f"{heading}{HELLO}{end}", TOOLS) == Sentence(HELLO)


@given(st.lists(st.sampled_from((*ALOUD, *INNOCENT)) | st.text(max_size=20), max_size=5).map("\n".join))
def test_no_text_breaks_the_reader(text):
    assert {thinks_aloud(text), has_placeholder(text)} <= {True, False}
