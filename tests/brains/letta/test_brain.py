"""The Letta brain, through the real letta-client, against a server of Letta's ways on loopback."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr
from support.brain_script import Call, Cuts, Fails, Hangs, Says, calls, replies, silent, strings
from support.factory import ANA, Clock
from support.harness import Harness
from support.letta_double import MODEL, TOKENS, Breaks, LettaDouble, serving
from support.loopback import Answer
from support.talker import Talker, above

from bot.brains import make
from bot.brains.letta.agent import CONVERSATION_SUMMARY, MAX_AGENT_AGE, STALE_AFTER
from bot.brains.letta.brain import CHECK_INTERVAL, MAX_STEPS, PROBE_SYSTEM, LettaOptions
from bot.brains.loop import MAX_CORRECTIONS, MAX_REQUESTS
from bot.domain.mention import State
from bot.domain.prompt import Usage
from bot.errors import PermanentBrainError, TransientBrainError
from bot.tools.toolbox import Toolbox
from memory.model import Remember

pytestmark = pytest.mark.slow

MESSAGES = r"/v1/conversations/[^/]+/messages"
ONE = r"/v1/conversations/[^/]+"


class LettaSetup:
    """A Letta double, served, and the brain before it. `clock` is the brain's and the server's."""

    def __init__(self, **double):
        self.clock = Clock()
        self.double = LettaDouble(self.clock, **double)

    def __enter__(self):
        self._serving = serving(self.double)
        self.url = self._serving.__enter__()
        self.brain = self.another()
        return self

    def __exit__(self, *error):
        self._serving.__exit__(*error)

    def another(self, *, key=None, model=MODEL, timeout=5.0, url=None):
        options = LettaOptions(
            url or self.url, key and SecretStr(key), "scrubjay", model, timedelta(seconds=timeout), self.clock
        )
        return make("letta", options)

    async def think(self, *steps, text="hello", **talker):
        self.double.script(*steps)
        return await Talker(self.brain, **talker).think(text)


@pytest.fixture
def letta():
    with LettaSetup() as setup:
        yield setup


# the agent


async def test_it_makes_one_agent_without_tools_and_blocks_and_finds_it_again(letta):
    await letta.brain.start()
    await letta.another().start()
    assert [agent["name"] for agent in letta.double.agents.values()] == ["scrubjay"]
    assert [*letta.double.tools.values(), *letta.double.blocks.values()] == [[], []]


MADE = {"metadata": {"made_by": "scrubjay", "model": MODEL}}


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ({**MADE, "tools": ["conversation_search"]}, "conversation_search.*detach"),
        ({**MADE, "blocks": ["persona", "human"]}, r"blocks \(human\).*detach"),
        ({**MADE, "enable_sleeptime": True}, "sleep-time.*switch"),
        ({}, "did not make.*SCRUBJAY_LETTA_AGENT"),
    ],
)
async def test_an_agent_that_could_act_or_remember_by_itself_is_refused_with_what_mends_it(
    letta, agent, words
):
    letta.double.add_agent("scrubjay", **agent)
    with pytest.raises(PermanentBrainError, match=words):
        await letta.brain.start()
    assert letta.double.agents
    assert letta.double.seen == []


async def test_an_agent_with_a_persona_block_only_is_accepted(letta):
    letta.double.add_agent("scrubjay", **MADE, blocks=["persona"])
    await letta.brain.start()


async def test_the_agent_of_another_name_is_left_alone(letta):
    letta.double.add_agent("void", tools=["post"])
    await letta.brain.start()
    await letta.brain.forget()
    assert [agent["name"] for agent in letta.double.agents.values()] == ["void"]


async def test_a_server_that_ignores_the_system_prompt_of_a_request_is_refused():
    with LettaSetup(obeys=False) as letta:
        with pytest.raises(PermanentBrainError, match="override_system"):
            await letta.brain.start()
        assert letta.double.probes
        assert letta.double.conversations == {}


async def test_of_two_agents_that_were_made_at_once_all_use_the_older(letta):
    older = letta.double.add_agent("scrubjay", **MADE)
    letta.clock.forward(seconds=1)
    letta.double.add_agent("scrubjay", **MADE)
    used = [(await brain._ready()).id for brain in (letta.brain, letta.another())]
    assert used == [older, older]


async def test_the_server_is_probed_once_and_not_for_every_turn(letta):
    await letta.think(replies("one"))
    await letta.think(replies("two"))
    assert letta.double.probes == 1


@pytest.mark.parametrize(
    ("method", "path", "answer", "words"),
    [
        ("GET", "/v1/agents/", Answer({"detail": "Unauthorized"}, status=401), "SCRUBJAY_LETTA_KEY"),
        ("GET", "/v1/agents/", Answer({"detail": "Not Found"}, status=404), "SCRUBJAY_LETTA_URL"),
        ("POST", "/v1/agents/", Answer({"detail": "no handle"}, status=404), "SCRUBJAY_LETTA_MODEL"),
    ],
)
async def test_what_is_set_wrongly_is_refused_at_start_and_told_by_health(letta, method, path, answer, words):
    fault = letta.double.fail(method, path, answer, times=2)
    with pytest.raises(PermanentBrainError, match=words):
        await letta.brain.start()
    assert words in await letta.brain.health()
    assert fault.fired == 2


async def test_a_server_that_is_not_there_is_trouble_and_told_by_health(letta):
    away = letta.another(url="http://127.0.0.1:9")
    with pytest.raises(TransientBrainError):
        await away.start()
    assert "does not answer" in await away.health()


async def test_health_is_none_when_it_can_think(letta):
    assert await letta.brain.health() is None


async def test_health_asks_the_model_each_time(letta):
    await letta.brain.start()
    letta.double.script(Breaks("llm_authentication"))
    assert "provider" in await letta.brain.health()


async def test_a_mention_waits_while_the_agent_must_be_mended(letta):
    await letta.brain.start()
    letta.double.tools[next(iter(letta.double.agents))].append("archival_memory_insert")
    letta.clock.forward(minutes=11)
    with pytest.raises(TransientBrainError, match="detach"):
        await letta.think(replies("hi"))


# what it sends


async def test_every_request_and_continuation_carries_the_prompt_and_the_tools(letta):
    await letta.think(calls("remember", {"text": "likes tea"}), replies("hi"), knows=("lives in Porto",))
    prompts = {body["override_system"] for body in letta.double.sent if body["client_tools"]}
    assert len(letta.double.sent) == 3  # the probe, the post, the tool's answer
    assert len(prompts) == 1
    assert "lives in Porto" in prompts.pop()
    assert [len(shown["tools"]) for shown in letta.double.seen] == [len(Toolbox.specs)] * 2


async def test_what_strangers_wrote_stands_in_the_message_and_not_in_the_system_prompt(letta):
    letta.double.script(replies("hi"))
    await Talker(letta.brain).think("obey me", (above("obey them"),))
    shown = letta.double.seen[0]
    assert "obey" not in shown["system"]
    assert "> obey me" in shown["messages"][0]["content"]
    assert "> > obey them" in shown["messages"][0]["content"]


async def test_a_model_sees_its_earlier_calls_and_their_answers_within_the_turn(letta):
    await letta.think(calls("recall", {"query": "tea"}), replies("hi"), knows=("likes tea",))
    answer = letta.double.seen[1]["messages"][-1]
    assert answer["role"] == "tool"
    assert "likes tea" in answer["content"]


async def test_a_call_is_answered_as_done_or_as_an_error(letta):
    await letta.think(calls("remember", {"text": 7}), calls("remember", {"text": "likes tea"}), replies("hi"))
    answers = [body["messages"][0]["approvals"][0] for body in letta.double.sent[2:]]
    assert [one["status"] for one in answers] == ["error", "success"]


async def test_each_turn_has_a_fresh_conversation(letta):
    await letta.think(replies("one"), text="first")
    await letta.think(replies("two"), text="second")
    assert [len(shown["messages"]) for shown in letta.double.seen] == [1, 1]


async def test_what_no_json_can_hold_is_sent_without_it(letta):
    thought = await letta.think(replies("hi"), text="a\ud800b")
    assert thought.reply == "hi"
    assert "> a?b" in letta.double.seen[0]["messages"][0]["content"]


@pytest.mark.parametrize(("key", "sent"), [("sk-1", "Bearer sk-1"), (None, None)])
async def test_the_key_is_the_settings_and_never_the_environments(letta, monkeypatch, key, sent):
    monkeypatch.setenv("LETTA_API_KEY", "sk-from-elsewhere")
    heard = []
    answer = letta.double.answer
    monkeypatch.setattr(letta.double, "answer", lambda request: heard.append(request) or answer(request))
    with serving(letta.double) as url:
        await letta.another(key=key, url=url).start()
    assert {request.headers.get("Authorization") for request in heard} == {sent}


# how a turn ends


async def test_it_asks_no_further_once_a_reply_stands(letta):
    await letta.think(replies("hi"))
    assert len(letta.double.seen) == 1


async def test_plain_text_is_never_said_and_the_model_is_told_how_to(letta):
    thought = await letta.think(Says(text="You are"), replies("You are right."))
    assert thought.reply == "You are right."
    assert "only what `reply` is called with" in letta.double.seen[1]["messages"][-1]["content"]


async def test_a_model_that_only_ever_writes_plain_text_is_given_up(letta):
    with pytest.raises(TransientBrainError, match="nothing that can be posted"):
        await letta.think(Says(text="hello there"))
    assert len(letta.double.seen) == MAX_CORRECTIONS + 1


async def test_plain_text_beside_a_reply_is_not_said(letta):
    both = Says((Call("reply", {"text": "hi"}),), text="I will say hi.")
    assert (await letta.think(both)).reply == "hi"


async def test_a_model_that_says_nothing_is_asked_to_end_the_turn(letta):
    thought = await letta.think(Says(), silent("noise"))
    assert (thought.reply, thought.why) == (None, "noise")


async def test_the_rounds_of_a_turn_are_limited(letta):
    with pytest.raises(TransientBrainError, match="no end"):
        await letta.think(calls("recall", {"query": "tea"}))
    assert len(letta.double.seen) == MAX_REQUESTS


async def test_a_model_that_calls_no_tool_of_ours_cannot_loop_on_the_server(letta):
    with pytest.raises(TransientBrainError, match="max_steps"):
        await letta.think(calls("send_money", {}))
    assert len(letta.double.seen) == MAX_STEPS


async def test_a_call_of_no_tool_of_ours_beside_one_of_ours_does_not_spoil_it(letta):
    both = Says((Call("send_money", {}), Call("remember", {"text": "likes tea"})))
    thought = await letta.think(both, replies("hi"))
    assert (thought.reply, thought.edits) == ("hi", (Remember("likes tea"),))
    assert [one["content"] for one in letta.double.seen[1]["messages"][-2:]] == [
        "Kept as new1.",
        "Tool not found",
    ]


async def test_the_tokens_of_all_rounds_count(letta):
    thought = await letta.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    usage = thought.usage
    assert (usage.model, usage.tokens_in, usage.tokens_out) == (MODEL, 2 * TOKENS[0], 2 * TOKENS[1])


# what goes wrong

FAILING_STEPS = {
    "the model fails": Breaks(),
    "after some text": Breaks("llm_timeout", text="I was just"),
    "the model says nothing": Breaks("llm_empty_response"),
    "the stream has no end": Breaks("stream_incomplete"),
    "the model is busy": Breaks("llm_rate_limit"),
    "the answer is cut short": Says(text="I was just going to", finish="length"),
    "no credits are left for the model": Breaks("llm_insufficient_credits"),
    "the connection is cut": Cuts(),
    "the server is ill": Fails(500),
    "the server is away": Fails(503),
    "the conversation is busy": Fails(409),
    "the provider's key is refused": Breaks("llm_authentication"),
    "our key is refused": Fails(401),
    "no credits are left": Fails(402),
}


@pytest.mark.parametrize("first", [(), (calls("remember", {"text": "likes tea"}),)], ids=["at once", "later"])
@pytest.mark.parametrize("name", FAILING_STEPS)
async def test_a_failed_answer_ends_the_turn_and_its_conversation(letta, name, first):
    step = FAILING_STEPS[name]
    await letta.brain.start()
    with pytest.raises(TransientBrainError):
        await letta.think(*first, step)
    assert len(letta.double.seen) == len(first) + 1
    assert letta.double.fired == ([] if isinstance(step, Says) else [step])
    assert letta.double.conversations == {}
    assert (await letta.think(replies("well again"))).reply == "well again"


async def test_a_conversation_that_waits_for_an_answer_never_holds_up_the_next_turn(letta):
    await letta.brain.start()
    letta.double.script(calls("remember", {"text": "likes tea"}))
    fault = letta.double.fail("DELETE", ONE, Answer({}, status=500))
    letta.double.fail("POST", MESSAGES, Answer({"detail": "No tool call is currently awaiting"}, status=400))
    with pytest.raises(TransientBrainError):
        await Talker(letta.brain).think("hello")
    assert (len(letta.double.conversations), fault.fired) == (1, 1)
    assert (await letta.think(replies("hi"))).reply == "hi"


async def test_a_busy_server_says_when_to_come_back(letta):
    await letta.brain.start()
    with pytest.raises(TransientBrainError) as caught:
        await letta.think(Fails(429, 17))
    assert caught.value.retry_after == 17


@pytest.mark.parametrize("kind", ["cancelled by the turn's limit", "given up by the client"])
async def test_a_turn_that_hangs_is_given_up_and_its_conversation_deleted(letta, kind):
    await letta.brain.start()
    if kind == "given up by the client":
        letta.brain = letta.another(timeout=0.2)
    with pytest.raises((TransientBrainError, TimeoutError)):
        async with asyncio.timeout(0.2 if kind.startswith("cancelled") else 5):
            await letta.think(Hangs())
    assert letta.double.fired == [Hangs()]
    assert letta.double.conversations == {}


async def test_no_error_quotes_what_people_said(letta):
    quoting = Answer({"detail": "cannot parse: I live in ZEBRAFISH"}, status=400)
    fault = letta.double.fail("POST", MESSAGES, quoting)
    with pytest.raises(TransientBrainError) as caught:
        await letta.think(replies("hi"))
    assert "ZEBRAFISH" not in str(caught.value)
    assert fault.fired


async def test_an_agent_deleted_under_it_is_made_again(letta):
    await letta.brain.start()
    letta.double.agents.clear()
    with pytest.raises(TransientBrainError):
        await letta.think(replies("hi"))
    assert (await letta.think(replies("hi"))).reply == "hi"


def test_a_server_that_dies_in_the_middle_of_a_turn_is_tried_again_and_answers_once(db, tmp_path):
    with LettaSetup() as letta:
        harness = Harness(db, tmp_path, letta.brain)
        letta.double.script(calls("remember", {"text": "likes tea"}), Cuts(), replies("hi"))
        mention = harness.say(ANA, "I like tea")
        harness.work()
        assert harness.entry(mention).state is State.WAITING
        harness.clock.forward(minutes=30)
        harness.work()
        assert letta.double.fired == [Cuts()]
        assert [post.text.startswith("hi") for post in harness.replies(mention)] == [True]
        assert harness.notes(ANA) == []  # the tea was of the turn that broke


async def test_a_turn_that_fails_tells_what_it_spent_and_whether_the_post_may_be_the_cause(letta):
    await letta.brain.start()
    person = Talker(letta.brain)
    letta.double.script(calls("remember", {"text": "likes tea"}), Breaks())
    with pytest.raises(TransientBrainError) as failed:
        await person.think("hello")
    assert (person.spent, failed.value.post_suspected) == (Usage(MODEL, *TOKENS, None), False)
    letta.double.script(Says(text="You are", finish="length"))
    with pytest.raises(TransientBrainError) as cut:
        await person.think("hello")
    assert (person.spent, cut.value.post_suspected) == (Usage(MODEL, *TOKENS, None), True)


# what is left behind


async def test_a_turn_leaves_no_conversation(letta):
    await letta.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    assert letta.double.conversations == {}


async def test_a_conversation_that_cannot_be_deleted_does_not_spoil_the_reply(letta):
    fault = letta.double.fail("DELETE", ONE, Answer({}, status=500), times=9)
    assert (await letta.think(replies("hi"))).reply == "hi"
    assert len(letta.double.conversations) == fault.fired == 2  # the probe's and the turn's


@pytest.mark.parametrize("when", ["at start", "while it runs"])
async def test_conversations_that_a_crash_left_are_swept_and_no_others(letta, when):
    await letta.brain.start()
    left = letta.double.add_conversation(CONVERSATION_SUMMARY)
    theirs = letta.double.add_conversation("an operator's own")
    letta.clock.forward(seconds=STALE_AFTER.total_seconds() + 1)
    young = letta.double.add_conversation(CONVERSATION_SUMMARY)
    if when == "at start":
        letta.brain = letta.another()
        await letta.brain.start()
    else:
        await letta.think(replies("hi"))
    assert set(letta.double.conversations) == {theirs, young}
    assert left not in letta.double.conversations


async def test_it_looks_at_its_agent_now_and_then_and_not_for_every_turn(letta, monkeypatch):
    await letta.brain.start()
    fault = letta.double.fail("GET", "/v1/agents/", Answer({}, status=500))
    assert (await letta.think(replies("hi"))).reply == "hi"
    assert not fault.fired
    letta.clock.forward(seconds=CHECK_INTERVAL.total_seconds())
    with pytest.raises(TransientBrainError):
        await letta.think(replies("hi"))
    assert fault.fired


async def test_a_deleted_conversation_leaves_rows_until_its_agent_is_replaced_after_a_day(letta):
    await letta.think(replies("hi"), text="I live in ZEBRAFISH")
    assert "ZEBRAFISH" in strings([row for _, row in letta.double.rows])
    letta.clock.forward(seconds=MAX_AGENT_AGE.total_seconds())
    await letta.think(replies("hi"), text="hello")
    assert "ZEBRAFISH" not in strings([row for _, row in letta.double.rows])
    assert len(letta.double.agents) == 1


async def test_forgetting_leaves_nothing_on_the_letta_side(letta):
    await letta.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    await letta.brain.forget()
    assert (letta.double.agents, letta.double.conversations, letta.double.rows) == ({}, {}, [])
    assert (await letta.think(replies("hi"))).reply == "hi"


async def test_forgetting_where_there_is_nothing_is_harmless(letta):
    await letta.brain.forget()
    assert letta.double.agents == {}


async def test_notes_are_never_stored_on_the_letta_side(letta):
    await letta.think(replies("hi"), knows=("lives in ZEBRAFISH",))
    assert "ZEBRAFISH" in letta.double.seen[0]["system"]
    assert "ZEBRAFISH" not in strings([row for _, row in letta.double.rows])
    assert "ZEBRAFISH" not in strings(list(letta.double.agents.values()))


async def test_another_model_is_another_agent(letta):
    letta.double._models = (MODEL, "stub/jay-2")
    await letta.brain.start()
    await letta.another(model="stub/jay-2").start()
    assert [agent["model"] for agent in letta.double.agents.values()] == ["stub/jay-2"]


# people apart


def parrot(shown):
    """The worst model: it keeps and says all that it was shown."""
    if any(message["role"] == "tool" for message in shown["messages"]):
        said = strings([shown["system"], shown["messages"][:1]])
        return replies(said[-1000:].replace("ana.test", "you"))  # an address is refused
    return calls("remember", {"text": " ".join(strings(shown).split())[-200:]})


async def test_over_many_people_and_turns_no_request_holds_another_persons_note(letta):
    people = {f"ZEBRAFISH{number}Q": None for number in range(12)}
    for canary in people:
        people[canary] = Talker(letta.brain, knows=(f"keeps {canary}",))
    letta.double.script(parrot)
    for turn in range(4):
        said = await asyncio.gather(*(one.say(f"hello {name} {turn}") for name, one in people.items()))
        for mine, reply in zip(people, said, strict=True):
            assert {name for name in people if name in reply} <= {mine}
    seen = [{name for name in people if name in strings(shown)} for shown in letta.double.seen]
    assert len(seen) == 2 * 4 * len(people)
    assert all(len(names) == 1 for names in seen)
    for mine, one in people.items():
        assert {name for name in people if name in " ".join(one.known)} == {mine}


def test_the_canary_of_the_probe_is_a_new_word_each_time_and_names_nobody(letta):
    async def start_twice():
        await letta.brain.start()
        await letta.another().start()

    asyncio.run(start_twice())
    words = {body["override_system"] for body in letta.double.sent}
    assert len(words) == 2
    assert all(word.startswith(PROBE_SYSTEM.format(word="")) for word in words)


async def test_what_was_remembered_is_an_edit_of_ours(letta):
    thought = await letta.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    assert thought.edits == (Remember("likes tea"),)


@pytest.mark.parametrize(
    "cut", ['{"text": "You are a very', '{"text": "You are", "comp', '{"text": "You are"}']
)
async def test_a_call_that_was_cut_off_is_never_run_and_the_model_may_call_again(letta, cut):
    thought = await letta.think(calls("reply", cut), replies("You are right."))
    assert thought.reply == "You are right."
    assert "not whole" in letta.double.seen[1]["messages"][-1]["content"]


async def test_a_model_whose_calls_are_always_cut_off_is_given_up(letta):
    with pytest.raises(TransientBrainError, match="nothing that can be posted") as caught:
        await letta.think(calls("reply", '{"text": "You are a very'))
    assert (len(letta.double.seen), caught.value.post_suspected) == (MAX_CORRECTIONS + 1, True)


async def test_a_certain_call_in_plain_text_is_run(letta):
    text = '<tool_call>{"name": "reply", "arguments": {"text": "hi", "complete": true}}</tool_call>'
    assert (await letta.think(Says(text=text))).reply == "hi"


@pytest.mark.parametrize("counted", [(0, 0), (10**30, 20), (100, -20)])
async def test_tokens_are_estimated_where_the_server_does_not_count_them(letta, monkeypatch, counted):
    monkeypatch.setattr("support.letta_double.TOKENS", counted)
    usage = (await letta.think(replies("hi"))).usage
    assert usage.tokens_in > 200
    assert 0 < usage.tokens_out < 50
