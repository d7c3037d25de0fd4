"""The model brain towards each kind of provider, as their servers really receive it."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from support.brain_script import strings
from support.loopback import Answer, Loopback
from support.model_brain import KEY, model_rig
from support.scripted_brains import Call, Fails, Says, calls, replies
from support.talker import Talker

from bot import factory
from bot.brains.llm import Model, ModelOptions
from bot.config.settings import load
from bot.errors import SettingsError, TransientBrainError
from memory.model import Remember

ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "tool_use", "id": "toolu_1", "name": "reply", "input": {"text": "hello"}}],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 100, "output_tokens": 20},
}
GEMINI = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [{"functionCall": {"name": "reply", "args": {"text": "hello"}}}],
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
    "modelVersion": "gemini-3.8-flash",
}
RESPONSES = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1795000000,
    "model": "gpt-5.6-luna",
    "status": "completed",
    "output": [
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "reply",
            "arguments": '{"text": "hello"}',
            "status": "completed",
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 120,
    },
}
PROVIDERS = {
    "anthropic:claude-sonnet-5-5": ("", ANTHROPIC),
    "google:gemini-3.8-flash": ("", GEMINI),
    "openai:gpt-5.6-luna": ("/v1", RESPONSES),
}


@contextmanager
def provider(name):
    """A brain with that model, and its provider's server."""
    path, body = PROVIDERS[name]
    with Loopback(lambda _: Answer(body)) as server:
        key, limit = SecretStr(KEY), timedelta(seconds=20)
        yield Model(ModelOptions(name, server.url + path, key, 400, limit)), server


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_turn_runs_on_any_provider_and_tells_what_it_cost(name):
    with provider(name) as (brain, server):
        thought = await Talker(brain).think("hello")
    assert (thought.reply, len(server.requests)) == ("hello", 1)
    assert (thought.usage.model, thought.usage.tokens_in, thought.usage.tokens_out) == (name, 100, 20)
    assert 10 < thought.usage.cost < 10_000  # millionths of a dollar, whatever today's price is


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_picture_is_sent_to_any_provider_behind_the_place_where_it_was_shown(name):
    picture = b"\x89PNG\r\n\x1a\n pixels"
    with provider(name) as (brain, server):
        await Talker(brain).think("hello", picture=picture)
    sent = strings(server.requests[0].json)
    assert "image/png" in sent
    pixels = re.search("|".join(encode(picture).decode() for encode in (b64encode, urlsafe_b64encode)), sent)
    assert sent.index("> hello") < sent.index("[image 1 of the post to answer") < pixels.start()


async def test_anthropics_cache_is_told_to_keep_the_tools_and_the_operators_part_only():
    with provider("anthropic:claude-sonnet-5-5") as (brain, server):
        await Talker(brain, knows=("likes tea",)).think("hello")
    sent = server.requests[0].json
    (system,) = sent["system"]
    assert system["cache_control"]["type"] == "ephemeral"
    assert sent["tools"][-1]["cache_control"]["type"] == "ephemeral"
    assert "Who you are" in system["text"]
    assert "likes tea" not in system["text"]


async def test_openai_is_told_to_store_nothing():
    with provider("openai:gpt-5.6-luna") as (brain, server):
        await Talker(brain).think("hello")
    assert server.requests[0].json["store"] is False


async def test_what_comes_first_is_the_same_for_everybody():
    with model_rig() as rig:
        rig.script(replies("hello"))
        await Talker(rig.brain, knows=("likes tea",)).think("hello")
        await Talker(rig.brain, spoke=False).think("good morning")
    first, second = (request.json for request in rig.server.requests)
    assert (first["messages"][0], first["tools"]) == (second["messages"][0], second["tools"])
    assert first["messages"][1] != second["messages"][1]


async def test_a_turn_without_a_known_price_has_no_cost():
    with model_rig() as rig:
        rig.script(replies("hello"))
        assert (await Talker(rig.brain).think("hello")).usage.cost is None


async def test_every_request_of_a_turn_is_counted():
    with model_rig() as rig:
        rig.script(calls("recall", {"query": "tea"}), calls("recall", {"query": "tea"}), replies("hello"))
        usage = (await Talker(rig.brain).think("hello")).usage
    assert (usage.tokens_in, usage.tokens_out) == (300, 60)


async def test_every_request_holds_the_rules_what_was_said_and_what_was_done_so_far():
    with model_rig() as rig:
        rig.script(calls("recall", {"query": "tea"}), replies("hello"))
        await Talker(rig.brain, knows=("likes tea",)).think("hello")
    first, second = (request.json["messages"] for request in rig.server.requests)
    assert second[:2] == first
    assert [one["role"] for one in second] == ["system", "user", "assistant", "tool"]
    assert second[2]["tool_calls"][0]["id"] == second[3]["tool_call_id"]


async def test_a_model_that_must_say_it_again_is_given_the_rules_again():
    with model_rig() as rig:
        rig.script(Says(text="x" * 2000), Says(text="short"))
        await Talker(rig.brain).think("hello")
    first, second = (request.json["messages"] for request in rig.server.requests)
    assert second[:2] == first


async def test_a_refused_call_beside_the_reply_may_be_mended_and_the_reply_stands():
    both = Says((Call("reply", {"text": "hello"}), Call("remember", {"text": 7})))
    with model_rig() as rig:
        rig.script(both, calls("remember", {"text": "likes tea"}))
        thought = await Talker(rig.brain).think("I like tea")
    assert (thought.reply, thought.edits) == ("hello", (Remember("likes tea"),))
    assert len(rig.requests) == 2


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_a_call_that_looks_whole_is_not_run_if_the_answer_was_cut(finish):
    with model_rig() as rig:
        rig.script(replace(replies("You are"), finish=finish))
        person = Talker(rig.brain)
        with pytest.raises(TransientBrainError):
            await person.think("hello")
    assert (person.said, len(rig.requests)) == (None, 1)


async def test_a_brain_that_was_started_keeps_its_connection_over_turns():
    with model_rig() as rig:
        rig.script(replies("hello"))
        await rig.brain.start()
        for _ in range(3):
            await Talker(rig.brain).think("hello")
        await rig.brain.close()
    assert len({request.peer for request in rig.server.requests}) == 1


async def test_a_refused_key_is_told_without_it():
    with model_rig() as rig:
        rig.script(Fails(401))
        with pytest.raises(TransientBrainError, match="SCRUBJAY_MODEL_KEY") as trouble:
            await Talker(rig.brain).think("hello")
    assert rig.server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(trouble.value) + repr(rig.brain.__dict__)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "SCRUBJAY_MODEL is not set"),
        ({"SCRUBJAY_MODEL": "claude"}, "with a colon between"),
        ({"SCRUBJAY_MODEL": "nobody:claude"}, "nobody"),
        ({"SCRUBJAY_MODEL": "anthropic:claude-sonnet-5-5"}, "SCRUBJAY_MODEL_KEY"),
        ({"SCRUBJAY_MODEL": "openai-compatible:smollm2"}, "SCRUBJAY_MODEL_URL"),
    ],
)
def test_a_setting_that_is_wrong_or_missing_is_named(tmp_path, monkeypatch, variables, told):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(SettingsError, match=told):
        factory.make_brain(load({"SCRUBJAY_BRAIN": "model", **variables}, home=tmp_path))


@pytest.mark.slow
def test_the_command_line_starts_without_the_models_library():
    code = "import sys, bot.cli, bot.app, bot.factory; sys.exit('pydantic_ai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
