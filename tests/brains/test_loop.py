"""The loop over tools: what ends a turn, and what does not."""

from __future__ import annotations

import pytest

from bot.brains.loop import MAX_CORRECTIONS, MAX_REQUESTS, USE_REPLY, Call, Response, run
from bot.domain.prompt import ToolResult, ToolSpec
from bot.errors import TransientBrainError

REPLY, SILENT = Call("1", "reply", {"text": "hi"}), Call("2", "stay_silent", {"reason": "noise"})
NOTE, BAD = Call("3", "remember", {"text": "keeps bees"}), Call("4", "remember", {"text": ""})


class Model:
    """Answers with these responses, the last one for ever; keeps what it was told."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.asked = 0
        self.told = []

    async def ask(self):
        self.asked += 1
        return self.responses[min(self.asked, len(self.responses)) - 1]

    def add_results(self, results):
        self.told.append([result.text for _, result in results])

    def add_message(self, text):
        self.told.append(text)


class Tools:
    """Takes every call but an empty one."""

    specs = tuple(ToolSpec(name, "", {}) for name in ("reply", "stay_silent", "remember"))

    def __init__(self):
        self.called = []

    async def reserve(self, *, again=False):
        pass

    async def call(self, name, arguments):
        self.called.append(name)
        ok = any(arguments.values())
        return ToolResult("done" if ok else "it is empty", ok)


def calls(*each):
    return Response(each)


def unsayable(text=""):
    return Response((), text, sayable=False)


@pytest.mark.parametrize("last", [REPLY, SILENT])
async def test_a_reply_or_silence_ends_the_turn(last):
    model, tools = Model(calls(NOTE), calls(last)), Tools()
    await run(model, tools)
    assert (model.asked, tools.called) == (2, ["remember", last.name])


async def test_what_was_refused_beside_a_reply_may_be_mended_before_the_turn_ends():
    model, tools = Model(calls(REPLY, BAD), calls(NOTE)), Tools()
    await run(model, tools)
    assert (tools.called, model.told[0]) == (["reply", "remember", "remember"], ["done", "it is empty"])


async def test_plain_text_is_the_reply_where_it_may_be():
    model, tools = Model(Response((), "hi")), Tools()
    await run(model, tools)
    assert (model.asked, tools.called) == (1, ["reply"])


async def test_where_plain_text_must_not_be_posted_the_model_is_told_and_then_given_up():
    model, tools = Model(unsayable("hi")), Tools()
    with pytest.raises(TransientBrainError, match="nothing that can be posted") as caught:
        await run(model, tools)
    assert (model.told, tools.called, caught.value.post_suspected) == (
        [f"reply: {USE_REPLY}"] * (MAX_CORRECTIONS + 1),
        [],
        True,
    )


async def test_a_model_that_never_comes_to_an_end_is_given_up():
    model = Model(calls(NOTE))
    with pytest.raises(TransientBrainError, match="no end"):
        await run(model, Tools())
    assert model.asked == MAX_REQUESTS


async def test_a_reply_counts_though_another_call_is_refused_to_the_last():
    model, tools = Model(calls(REPLY), calls(BAD)), Tools()
    model.responses[0] = calls(REPLY, BAD)
    await run(model, tools)
    assert (model.asked, tools.called[0]) == (MAX_REQUESTS, "reply")


@pytest.mark.parametrize("sayable", [True, False])
async def test_a_certain_call_in_the_text_is_run_as_that_call(sayable):
    text = 'I will answer.\n{"name": "reply", "arguments": {"text": "hi"}}'
    model, tools = Model(Response((), text, sayable=sayable)), Tools()
    await run(model, tools)
    assert (tools.called, model.told) == (["reply"], ["reply: done"])


async def test_a_call_in_the_text_that_ends_nothing_goes_on():
    text = '<tool_call>{"name": "remember", "arguments": {"text": "keeps bees"}}</tool_call>'
    model, tools = Model(Response((), text), calls(REPLY)), Tools()
    await run(model, tools)
    assert (tools.called, model.told[0]) == (["remember", "reply"], "remember: done")


async def test_a_call_with_a_fault_is_not_run_and_the_model_is_told_why():
    model, tools = Model(calls(Call("1", "reply", {"text": "hi"}, fault="it was cut")), calls(REPLY)), Tools()
    await run(model, tools)
    assert (tools.called, model.told[0]) == (["reply"], ["it was cut"])
