"""A call that was cut off is told from a whole one, whatever Letta makes of its JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.letta_double import repaired

from bot.brains.letta.completeness import NOT_WHOLE, checked, client_tool
from bot.brains.loop import Call
from bot.domain.prompt import ToolSpec
from bot.tools.toolbox import Toolbox


def call(arguments):
    return checked(Call("1", "reply", arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        '{"text": "hi", "complete": true}',
        '"{\\"text\\": \\"hi\\", \\"complete\\": true}"',
        {"text": "hi", "complete": True},
    ],
)
def test_a_whole_call_is_run_without_the_added_argument(arguments):
    assert call(arguments) == Call("1", "reply", {"text": "hi"})


@pytest.mark.parametrize(
    "arguments",
    [
        '{"text": "hi"}',
        '{"text": "hi',
        "{}",
        "",
        None,
        "hi",
        "[]",
        '{"text": "hi", "complete": false}',
        '{"text": "hi", "complete": "true"}',
        '{"complete": true, "text": "hi"}',
        '{"text": "hi", "complete": 1}',
    ],
)
def test_any_other_call_may_have_been_cut_off(arguments):
    assert call(arguments).fault == NOT_WHOLE


def test_the_added_argument_is_required_and_the_last_of_every_tool():
    for spec in Toolbox.specs:
        schema = client_tool(spec)["parameters"]
        assert list(schema["properties"])[-1] == schema["required"][-1] == "complete"
        assert "complete" not in spec.parameters["properties"]


def test_a_tool_without_arguments_has_it_too():
    assert client_tool(ToolSpec("wait", "", {}))["parameters"]["required"] == ["complete"]


def test_the_double_repairs_a_cut_call_as_the_real_server_does():
    assert repaired('{"text": "You are a very') == '{"text": "You are a ve"}'
    assert repaired('{"text": "whole"}') == '{"text": "whole"}'
    assert repaired("no json") == "no json"


@given(st.text(), st.data())
def test_no_cut_call_is_ever_run_repaired_or_not(text, data):
    whole = json.dumps({"text": text, "complete": True}, ensure_ascii=data.draw(st.booleans()))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert call(cut).fault
    assert call(repaired(cut)).fault
