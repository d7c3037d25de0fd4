"""Tool calls written as text: the dialects that are read, and what only looks like one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.call_signs import looks_like_call
from bot.domain.call_values import TextCall
from bot.domain.text_calls import find

TOOLS = ("reply", "stay_silent", "remember", "revise", "forget", "recall")
HELLO = TextCall("reply", {"text": "Hello, you!"})
ARGUMENTS = '{"text": "Hello, you!"}'
CALL = '{"name": "reply", "arguments": {"text": "Hello, you!"}}'
PARAMETERS = '{"name": "reply", "parameters": {"text": "Hello, you!"}}'
INPUT = '{"action": "reply", "action_input": {"text": "Hello, you!"}}'
CODER = "<function=reply>\n<parameter=text>\nHello, you!\n</parameter>\n</function>"


def tag(name, body, ending=None):
    return f"<{name}>{body}</{ending or name.split()[0]}>"


INVOKE = tag('invoke name="reply"', tag('parameter name="text"', "Hello, you!"))
DIALECTS = {
    "openai": CALL,
    "openai, arguments encoded": json.dumps({"name": "reply", "arguments": ARGUMENTS}),
    "openai, a list": f"[{CALL}]",
    "openai, function": f'{{"function": {CALL}}}',
    "openai, typed": f'{{"id": "call_1", "type": "function", "function": {CALL}}}',
    "openai, tool_calls": f'{{"tool_calls": [{{"type": "function", "function": {CALL}}}]}}',
    "openai, function_call": f'{{"function_call": {CALL}}}',
    "openai, a message": f'{{"role": "assistant", "content": null, "tool_calls": [{{"function": {CALL}}}]}}',
    "name and parameters": PARAMETERS,
    "type, name, parameters": '{"type": "function", "name": "reply", "parameters": {"text": "Hello, you!"}}',
    "tool and args": '{"tool": "reply", "args": {"text": "Hello, you!"}}',
    "tool and input": '{"tool": "reply", "input": {"text": "Hello, you!"}}',
    "tool_name and parameters": '{"tool_name": "reply", "parameters": {"text": "Hello, you!"}}',
    "function as a name": '{"function": "reply", "arguments": {"text": "Hello, you!"}}',
    "anthropic, tool_use": f'{{"type": "tool_use", "id": "t1", "name": "reply", "input": {ARGUMENTS}}}',
    "react, json": INPUT,
    "react, json in a fence": f"Thought: greet\n```json\n{INPUT}\n```",
    "react, json, labelled": f"Thought: greet\nAction:\n```\n{INPUT}\n```",
    "flat": '{"tool": "reply", "text": "Hello, you!"}',
    "keyed": '{"reply": {"text": "Hello, you!"}}',
    "namespaced": '{"name": "functions.reply", "arguments": {"text": "Hello, you!"}}',
    "recipient": '{"recipient_name": "functions.reply", "parameters": {"text": "Hello, you!"}}',
    "python dict": "{'name': 'reply', 'arguments': {'text': 'Hello, you!'}}",
    "fence": f"```json\n{CALL}\n```",
    "fence without a language": f"```\n{CALL}\n```",
    "fence, tool_call": f"```tool_call\n{CALL}\n```",
    "preamble": f"Sure, I will answer:\n{CALL}",
    "preamble and fence": f"Sure, I will answer:\n\n```json\n{CALL}\n```",
    "code span": f"`{CALL}`",
    "react, text": f"Thought: I greet them.\nAction: reply\nAction Input: {ARGUMENTS}",
    "react, with an observation": f"Action: reply\nAction Input: {ARGUMENTS}\nObservation: posted",
    "react, bold": f"**Action:** reply\n**Action Input:** {ARGUMENTS}",
    "hermes": tag("tool_call", f"\n{CALL}\n"),
    "hermes, no end": f"<tool_call>\n{CALL}",
    "hermes, preamble": f"I will answer. {tag('tool_call', CALL)}",
    "hermes, words behind": f"{tag('tool_call', CALL)}\nI have answered.",
    "hermes, end token": f"{tag('tool_call', CALL)}<|im_end|>",
    "qwen coder": tag("tool_call", f"\n{CODER}\n"),
    "qwen coder, bare": CODER,
    "seed": tag("seed:tool_call", CODER),
    "llama, python tag": f"<|python_tag|>{PARAMETERS}",
    "llama, end token": f"<|python_tag|>{PARAMETERS}<|eom_id|>",
    "llama, pythonic": '[reply(text="Hello, you!")]<|eot_id|>',
    "llama, function": f"<function=reply>{ARGUMENTS}</function>",
    "llama, function, end token": f"<function=reply>{ARGUMENTS}</function><|eom_id|>",
    "mistral": f"[TOOL_CALLS][{CALL}]",
    "mistral, spaces": f"[TOOL_CALLS] [{CALL}]</s>",
    "mistral, new": f"[TOOL_CALLS]reply{ARGUMENTS}",
    "mistral, args": f"[TOOL_CALLS]reply[ARGS]{ARGUMENTS}",
    "mistral, call id": f"[TOOL_CALLS]reply[CALL_ID]abc123XYZ[ARGS]{ARGUMENTS}</s>",
    "deepseek r1": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>reply\n```json\n"
        f"{ARGUMENTS}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>"
    ),
    "deepseek v3.1": (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>reply<｜tool▁sep｜>{ARGUMENTS}"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "deepseek v3.2": tag("｜DSML｜function_calls", INVOKE).replace("<invoke", "<｜DSML｜invoke"),
    "kimi": (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.reply:0<|tool_call_argument_begin|>"
        f"{ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>"
    ),
    "glm": tag("tool_call", "reply\n<arg_key>text</arg_key>\n<arg_value>Hello, you!</arg_value>\n"),
    "harmony": (
        "<|channel|>analysis<|message|>They greet.<|end|><|start|>assistant<|channel|>commentary "
        f"to=functions.reply <|constrain|>json<|message|>{ARGUMENTS}<|call|>"
    ),
    "harmony, recipient first": (
        f"<|start|>assistant to=functions.reply<|channel|>commentary json<|message|>{ARGUMENTS}<|call|>"
    ),
    "harmony, only its header": f"<|channel|>commentary to=functions.reply <|message|>{ARGUMENTS}",
    "harmony, tokens dropped": f"commentary to=functions.reply json{ARGUMENTS}",
    "anthropic": INVOKE,
    "anthropic, function_calls": tag("function_calls", f"\n{INVOKE}\n"),
    "minimax": tag("minimax:tool_call", f"\n{INVOKE}\n"),
    "minimax m1": tag("tool_calls", f"\n{CALL}\n"),
    "command r": f'Action: ```json\n[{{"tool_name": "reply", "parameters": {ARGUMENTS}}}]\n```',
    "command a": (
        f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "reply", "parameters": {ARGUMENTS}}}]'
        "<|END_ACTION|>"
    ),
    "granite": f"<|tool_call|>[{CALL}]",
    "granite, tag": f"<tool_call>[{CALL}]",
    "xlam": f"[{CALL}]",
    "xlam, tool_calls": f'{{"thought": "greet", "tool_calls": [{CALL}]}}',
    "phi": f"<|tool_call|>[{CALL}]<|/tool_call|>",
    "functools": f"functools[{CALL}]",
    "internlm": f"Sure.<|action_start|><|plugin|>\n{PARAMETERS}<|action_end|>",
    "lfm": '<|tool_call_start|>[reply(text="Hello, you!")]<|tool_call_end|>',
    "nemotron": tag("TOOLCALL", f"[{CALL}]"),
    "apertus": f'<|tools_prefix|>[{{"reply": {ARGUMENTS}}}]<|tools_suffix|>',
    "hunyuan": tag("tool_calls", tag("tool_call", f"reply<tool_sep>\n```json\n{ARGUMENTS}\n```")),
    "pythonic": '[reply(text="Hello, you!")]',
    "pythonic, bare": 'reply(text="Hello, you!")',
    "pythonic, single quotes": "reply(text='Hello, you!')",
    "pythonic, a dict": f"reply({ARGUMENTS})",
    "pythonic, preamble": 'I answer:\nreply(text="Hello, you!")',
    "gemma": '```tool_code\nprint(reply(text="Hello, you!"))\n```',
    "gemma, namespaced": '```tool_code\nprint(default_api.reply(text="Hello, you!"))\n```',
    "gemma, assigned": '```tool_code\nresult = reply(text="Hello, you!")\n```',
    "gemma 4": '<|tool_call>call:reply{text:<|"|>Hello, you!<|"|>}<tool_call|>',
    "cline": tag("reply", "\n<text>Hello, you!</text>\n"),
    "qwen agent": f"✿FUNCTION✿: reply\n✿ARGS✿: {ARGUMENTS}\n✿RESULT✿: ",
    "name, colon, json": f"reply: {ARGUMENTS}",
}  # fmt: skip


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_a_call_is_read_from_each_dialect(text):
    assert find(text, TOOLS) == (HELLO,)


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS)
def test_a_call_to_no_tool_of_ours_is_none(text):
    assert find(text.replace("reply", "send_money"), TOOLS) == ()


CUTTABLE = {name: text for name, text in DIALECTS.items() if name != "keyed"}


@pytest.mark.parametrize("text", CUTTABLE.values(), ids=CUTTABLE)
def test_a_call_that_is_cut_within_its_arguments_is_never_read_as_another(text):
    end = text.index("you!")
    assert find(text[:end], TOOLS) == ()


BARE = TextCall("reply", "Hello, you!")
OTHERS = {
    "a bare string": ('{"name": "reply", "arguments": "Hello, you!"}', (BARE,)),
    "a bare string, pythonic": ('reply("Hello, you!")', (BARE,)),
    "a bare string, react": ("Action: reply\nAction Input: Hello, you!", (BARE,)),
    "a bare string in a tag": (tag("reply", "Hello, you!"), (BARE,)),
    "the final answer of react": ('{"action": "Final Answer", "action_input": "Hello, you!"}', (BARE,)),
    "only the name": ("stay_silent", (TextCall("stay_silent"),)),
    "no arguments": ("stay_silent()", (TextCall("stay_silent"),)),
    "a reason": ('stay_silent(reason="an ok")', (TextCall("stay_silent", {"reason": "an ok"}),)),
    "a line break in a string": (
        '{"name": "reply", "arguments": {"text": "a\nb"}}',
        (TextCall("reply", {"text": "a\nb"}),),
    ),
    "two in tags": (
        tag("tool_call", '{"name": "remember", "arguments": {"text": "likes tea"}}') + tag("tool_call", CALL),
        (TextCall("remember", {"text": "likes tea"}), HELLO),
    ),
    "two one behind the other": (f"{CALL}\n{CALL}", (HELLO, HELLO)),
    "two, pythonic": (
        '[remember(text="likes tea"), reply(text="Hello, you!")]',
        (TextCall("remember", {"text": "likes tea"}), HELLO),
    ),
    "two for llama": (f"<|python_tag|>{PARAMETERS}; {PARAMETERS}", (HELLO, HELLO)),
    "braces in a string": (
        '{"name": "reply", "arguments": {"text": "a } and a { and \\"b\\""}}',
        (TextCall("reply", {"text": 'a } and a { and "b"'}),),
    ),
    "a tag in a string": (
        '{"name": "reply", "arguments": {"text": "the `<think>` tag"}}',
        (TextCall("reply", {"text": "the `<think>` tag"}),),
    ),
}


@pytest.mark.parametrize(("text", "calls"), OTHERS.values(), ids=OTHERS)
def test_other_certain_calls_are_read(text, calls):
    assert find(text, TOOLS) == calls


UNCERTAIN = {
    "an expression": 'reply(text="a" + name)',
    "a variable": "reply(text=answer)",
    "a name in another case": '{"name": "Reply", "arguments": {"text": "hi"}}',
    "two readings": '{"name": "reply", "arguments": {"text": "a"}, "parameters": {"text": "b"}}',
    "one of two": f"{tag('tool_call', CALL)}{tag('tool_call', 'reply something')}",
    "unknown fields": '{"name": "reply", "arguments": {"text": "a"}, "to": "bob"}',
    "a call within words": 'Then I call reply(text="hi") and wait.',
    "cut": '{"name": "reply", "arguments": {"text": "You are',
    "cut in tags": '<tool_call>{"name": "reply", "arguments": {"text": "You are',
    "cut, pythonic": 'reply(text="You are',
    "cut, coder": "<function=reply><parameter=text>You are",
    "a label": "Action: reply",
    "self-closed": '<reply text="hi"/>',
    "escaped": '&lt;tool_call&gt;{"name": "reply", "arguments": {}}&lt;/tool_call&gt;',
    "named in brackets": "[stay_silent: an ok]",
    "with a colon": "stay_silent: an ok",
    "a colon for an equals sign": 'reply(text: "hi")',
    "emphasised": '**reply**(text="hi")',
    "yaml": "name: reply\narguments:\n  text: hi",
    "yaml in a fence": "```yaml\ntool: reply\nparameters:\n  text: hi\n```",
}


@pytest.mark.parametrize("text", UNCERTAIN.values(), ids=UNCERTAIN)
def test_what_only_looks_like_a_call_is_none_and_is_known_as_such(text):
    assert (find(text, TOOLS), looks_like_call(text, TOOLS)) == ((), True)


SHOWN = {name: text for name, text in DIALECTS.items() if name != "code span"}


@pytest.mark.parametrize("text", SHOWN.values(), ids=SHOWN)
def test_every_dialect_looks_like_a_call_wherever_it_stands(text):
    assert looks_like_call(f"Well, {text} is what I say.", TOOLS)


INNOCENT = (
    "Thanks for your reply (and the picture)!",
    "I'd recall it if I could, but I forget things.",
    "Your reply(s) made my day.",
    'Call `reply(text="hi")` to answer, that is how the tool works.',
    "The action was fast. Input: none.",
    'A function f(x) = x + 1 has no {"name"} at all.',
    "JSON has objects {} and lists [].",
    "Tools: hammer, saw.",
    "Action: it was packed with it!",
    "I forget. Do you recall?",
    "Remember: tea first (then milk).",
    "Python's print(\"hello\") prints hello.",
    'Set {"theme": "dark"} in your settings.',
)  # fmt: skip


@pytest.mark.parametrize("text", INNOCENT)
def test_a_sentence_that_only_speaks_of_such_things_is_no_call(text):
    assert (find(text, TOOLS), looks_like_call(text, TOOLS)) == ((), False)


PIECES = st.sampled_from(
    [*DIALECTS.values(), *UNCERTAIN.values(), "<tool_call>", "</tool_call>", "{", "}", "[", "(", '"', "```",
     "\n", "reply(", "Action: ", "<|", "|>", "[TOOL_CALLS]", "to=functions.reply", "\x00", "\ud800", "\\"]
)  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=8), max_size=6).map("".join))
def test_no_text_breaks_the_reader_and_only_named_tools_are_called(text):
    assert {call.name for call in find(text, TOOLS)} <= set(TOOLS)
    assert looks_like_call(text, TOOLS) in (True, False)


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, '{"a":' * 20_000, "(" * 50_000, "reply(" * 20_000, "<tool_call>" * 20_000,
     "reply(text=" + "-" * 15_000],
)  # fmt: skip
def test_deep_nesting_is_no_call(text):
    assert find(text, TOOLS) == ()


@given(st.text(), st.sampled_from(TOOLS))
def test_whatever_the_argument_is_an_openai_call_is_read_as_it_was_written(text, name):
    call = json.dumps({"name": name, "arguments": {"text": text}})
    assert find(call, TOOLS) == (TextCall(name, {"text": text}),)
