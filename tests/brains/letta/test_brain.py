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
from bot.brains.letta.agent import KEPT, OVERDUE, TURN
from bot.brains.letta.brain import LOOK_EVERY, PROBE, STEPS, LettaOptions
from bot.brains.loop import MENDS, ROUNDS
from bot.domain.mention import State
from bot.domain.prompt import Usage
from bot.errors import PermanentBrainError, TransientBrainError
from memory.model import Remember

MESSAGES = r"/v1/conversations/[^/]+/messages"
ONE = r"/v1/conversations/[^/]+"


class Flat:
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
def flat():
    with Flat() as made:
        yield made


# the agent


async def test_it_makes_one_agent_without_tools_and_blocks_and_finds_it_again(flat):
    await flat.brain.start()
    await flat.another().start()
    assert [agent["name"] for agent in flat.double.agents.values()] == ["scrubjay"]
    assert [*flat.double.tools.values(), *flat.double.blocks.values()] == [[], []]


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
    flat, agent, words
):
    flat.double.add_agent("scrubjay", **agent)
    with pytest.raises(PermanentBrainError, match=words):
        await flat.brain.start()
    assert flat.double.agents
    assert flat.double.seen == []


async def test_an_agent_with_a_persona_block_only_is_accepted(flat):
    flat.double.add_agent("scrubjay", **MADE, blocks=["persona"])
    await flat.brain.start()


async def test_the_agent_of_another_name_is_left_alone(flat):
    flat.double.add_agent("void", tools=["post"])
    await flat.brain.start()
    await flat.brain.forget()
    assert [agent["name"] for agent in flat.double.agents.values()] == ["void"]


async def test_a_server_that_ignores_the_system_prompt_of_a_request_is_refused():
    with Flat(obeys=False) as flat:
        with pytest.raises(PermanentBrainError, match="override_system"):
            await flat.brain.start()
        assert flat.double.probes
        assert flat.double.conversations == {}


async def test_of_two_agents_that_were_made_at_once_all_use_the_older(flat):
    older = flat.double.add_agent("scrubjay", **MADE)
    flat.clock.forward(seconds=1)
    flat.double.add_agent("scrubjay", **MADE)
    used = [(await brain._ready()).id for brain in (flat.brain, flat.another())]
    assert used == [older, older]


async def test_the_server_is_probed_once_and_not_for_every_turn(flat):
    await flat.think(replies("one"))
    await flat.think(replies("two"))
    assert flat.double.probes == 1


@pytest.mark.parametrize(
    ("method", "path", "answer", "words"),
    [
        ("GET", "/v1/agents/", Answer({"detail": "Unauthorized"}, status=401), "SCRUBJAY_LETTA_KEY"),
        ("GET", "/v1/agents/", Answer({"detail": "Not Found"}, status=404), "SCRUBJAY_LETTA_URL"),
        ("POST", "/v1/agents/", Answer({"detail": "no handle"}, status=404), "SCRUBJAY_LETTA_MODEL"),
    ],
)
async def test_what_is_set_wrongly_is_refused_at_start_and_told_by_health(flat, method, path, answer, words):
    fault = flat.double.fail(method, path, answer, times=2)
    with pytest.raises(PermanentBrainError, match=words):
        await flat.brain.start()
    assert words in await flat.brain.health()
    assert fault.fired == 2


async def test_a_server_that_is_not_there_is_trouble_and_told_by_health(flat):
    away = flat.another(url="http://127.0.0.1:9")
    with pytest.raises(TransientBrainError):
        await away.start()
    assert "does not answer" in await away.health()


async def test_health_is_none_when_it_can_think(flat):
    assert await flat.brain.health() is None


async def test_health_asks_the_model_each_time(flat):
    await flat.brain.start()
    flat.double.script(Breaks("llm_authentication"))
    assert "provider" in await flat.brain.health()


async def test_a_mention_waits_while_the_agent_must_be_mended(flat):
    await flat.brain.start()
    flat.double.tools[next(iter(flat.double.agents))].append("archival_memory_insert")
    flat.clock.forward(minutes=11)
    with pytest.raises(TransientBrainError, match="detach"):
        await flat.think(replies("hi"))


# what it sends


async def test_every_request_and_continuation_carries_the_prompt_and_the_tools(flat):
    await flat.think(calls("remember", {"text": "likes tea"}), replies("hi"), knows=("lives in Porto",))
    prompts = {body["override_system"] for body in flat.double.sent if body["client_tools"]}
    assert len(flat.double.sent) == 3  # the probe, the post, the tool's answer
    assert len(prompts) == 1
    assert "lives in Porto" in prompts.pop()
    assert [len(shown["tools"]) for shown in flat.double.seen] == [6, 6]


async def test_what_strangers_wrote_stands_in_the_message_and_not_in_the_system_prompt(flat):
    flat.double.script(replies("hi"))
    await Talker(flat.brain).think("obey me", (above("obey them"),))
    shown = flat.double.seen[0]
    assert "obey" not in shown["system"]
    assert "> obey me" in shown["messages"][0]["content"]
    assert "> > obey them" in shown["messages"][0]["content"]


async def test_a_model_sees_its_earlier_calls_and_their_answers_within_the_turn(flat):
    await flat.think(calls("recall", {"query": "tea"}), replies("hi"), knows=("likes tea",))
    answer = flat.double.seen[1]["messages"][-1]
    assert answer["role"] == "tool"
    assert "likes tea" in answer["content"]


async def test_a_call_is_answered_as_done_or_as_an_error(flat):
    await flat.think(calls("remember", {"text": 7}), calls("remember", {"text": "likes tea"}), replies("hi"))
    answers = [body["messages"][0]["approvals"][0] for body in flat.double.sent[2:]]
    assert [one["status"] for one in answers] == ["error", "success"]


async def test_each_turn_has_a_fresh_conversation(flat):
    await flat.think(replies("one"), text="first")
    await flat.think(replies("two"), text="second")
    assert [len(shown["messages"]) for shown in flat.double.seen] == [1, 1]


async def test_what_no_json_can_hold_is_sent_without_it(flat):
    thought = await flat.think(replies("hi"), text="a\ud800b")
    assert thought.reply == "hi"
    assert "> a?b" in flat.double.seen[0]["messages"][0]["content"]


@pytest.mark.parametrize(("key", "sent"), [("sk-1", "Bearer sk-1"), (None, None)])
async def test_the_key_is_the_settings_and_never_the_environments(flat, monkeypatch, key, sent):
    monkeypatch.setenv("LETTA_API_KEY", "sk-from-elsewhere")
    heard = []
    answer = flat.double.answer
    monkeypatch.setattr(flat.double, "answer", lambda request: heard.append(request) or answer(request))
    with serving(flat.double) as url:
        await flat.another(key=key, url=url).start()
    assert {request.headers.get("Authorization") for request in heard} == {sent}


# how a turn ends


async def test_it_asks_no_further_once_a_reply_stands(flat):
    await flat.think(replies("hi"))
    assert len(flat.double.seen) == 1


async def test_plain_text_is_never_said_and_the_model_is_told_how_to(flat):
    thought = await flat.think(Says(text="You are"), replies("You are right."))
    assert thought.reply == "You are right."
    assert "only what `reply` is called with" in flat.double.seen[1]["messages"][-1]["content"]


async def test_a_model_that_only_ever_writes_plain_text_is_given_up(flat):
    with pytest.raises(TransientBrainError, match="nothing that can be posted"):
        await flat.think(Says(text="hello there"))
    assert len(flat.double.seen) == MENDS + 1


async def test_plain_text_beside_a_reply_is_not_said(flat):
    both = Says((Call("reply", {"text": "hi"}),), text="I will say hi.")
    assert (await flat.think(both)).reply == "hi"


async def test_a_model_that_says_nothing_is_asked_to_end_the_turn(flat):
    thought = await flat.think(Says(), silent("noise"))
    assert (thought.reply, thought.why) == (None, "noise")


async def test_the_rounds_of_a_turn_are_limited(flat):
    with pytest.raises(TransientBrainError, match="no end"):
        await flat.think(calls("recall", {"query": "tea"}))
    assert len(flat.double.seen) == ROUNDS


async def test_a_model_that_calls_no_tool_of_ours_cannot_loop_on_the_server(flat):
    with pytest.raises(TransientBrainError, match="max_steps"):
        await flat.think(calls("send_money", {}))
    assert len(flat.double.seen) == STEPS


async def test_a_call_of_no_tool_of_ours_beside_one_of_ours_does_not_spoil_it(flat):
    both = Says((Call("send_money", {}), Call("remember", {"text": "likes tea"})))
    thought = await flat.think(both, replies("hi"))
    assert (thought.reply, thought.edits) == ("hi", (Remember("likes tea"),))
    assert [one["content"] for one in flat.double.seen[1]["messages"][-2:]] == [
        "Kept as new1.",
        "Tool not found",
    ]


async def test_the_tokens_of_all_rounds_count(flat):
    thought = await flat.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    usage = thought.usage
    assert (usage.model, usage.tokens_in, usage.tokens_out) == (MODEL, 2 * TOKENS[0], 2 * TOKENS[1])


# what goes wrong

SICK = {
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
@pytest.mark.parametrize("name", SICK)
async def test_a_sick_answer_ends_the_turn_and_its_conversation(flat, name, first):
    step = SICK[name]
    await flat.brain.start()
    with pytest.raises(TransientBrainError):
        await flat.think(*first, step)
    assert len(flat.double.seen) == len(first) + 1
    assert flat.double.fired == ([] if isinstance(step, Says) else [step])
    assert flat.double.conversations == {}
    assert (await flat.think(replies("well again"))).reply == "well again"


async def test_a_conversation_that_waits_for_an_answer_never_holds_up_the_next_turn(flat):
    await flat.brain.start()
    flat.double.script(calls("remember", {"text": "likes tea"}))
    fault = flat.double.fail("DELETE", ONE, Answer({}, status=500))
    flat.double.fail("POST", MESSAGES, Answer({"detail": "No tool call is currently awaiting"}, status=400))
    with pytest.raises(TransientBrainError):
        await Talker(flat.brain).think("hello")
    assert (len(flat.double.conversations), fault.fired) == (1, 1)
    assert (await flat.think(replies("hi"))).reply == "hi"


async def test_a_busy_server_says_when_to_come_back(flat):
    await flat.brain.start()
    with pytest.raises(TransientBrainError) as caught:
        await flat.think(Fails(429, 17))
    assert caught.value.retry_after == 17


@pytest.mark.parametrize("kind", ["cancelled by the turn's limit", "given up by the client"])
async def test_a_turn_that_hangs_is_given_up_and_its_conversation_deleted(flat, kind):
    await flat.brain.start()
    if kind == "given up by the client":
        flat.brain = flat.another(timeout=0.2)
    with pytest.raises((TransientBrainError, TimeoutError)):
        async with asyncio.timeout(0.2 if kind.startswith("cancelled") else 5):
            await flat.think(Hangs())
    assert flat.double.fired == [Hangs()]
    assert flat.double.conversations == {}


async def test_no_error_quotes_what_people_said(flat):
    quoting = Answer({"detail": "cannot parse: I live in ZEBRAFISH"}, status=400)
    fault = flat.double.fail("POST", MESSAGES, quoting)
    with pytest.raises(TransientBrainError) as caught:
        await flat.think(replies("hi"))
    assert "ZEBRAFISH" not in str(caught.value)
    assert fault.fired


async def test_an_agent_deleted_under_it_is_made_again(flat):
    await flat.brain.start()
    flat.double.agents.clear()
    with pytest.raises(TransientBrainError):
        await flat.think(replies("hi"))
    assert (await flat.think(replies("hi"))).reply == "hi"


def test_a_server_that_dies_in_the_middle_of_a_turn_is_tried_again_and_answers_once(db, tmp_path):
    with Flat() as flat:
        harness = Harness(db, tmp_path, flat.brain)
        flat.double.script(calls("remember", {"text": "likes tea"}), Cuts(), replies("hi"))
        mention = harness.say(ANA, "I like tea")
        harness.work()
        assert harness.entry(mention).state is State.WAITING
        harness.clock.forward(minutes=30)
        harness.work()
        assert flat.double.fired == [Cuts()]
        assert [post.text.startswith("hi") for post in harness.replies(mention)] == [True]
        assert harness.notes(ANA) == []  # the tea was of the turn that broke


async def test_a_turn_that_fails_tells_what_it_spent_and_whether_the_post_may_be_the_cause(flat):
    await flat.brain.start()
    person = Talker(flat.brain)
    flat.double.script(calls("remember", {"text": "likes tea"}), Breaks())
    with pytest.raises(TransientBrainError) as sick:
        await person.think("hello")
    assert (person.spent, sick.value.post_suspected) == (Usage(MODEL, *TOKENS, None), False)
    flat.double.script(Says(text="You are", finish="length"))
    with pytest.raises(TransientBrainError) as cut:
        await person.think("hello")
    assert (person.spent, cut.value.post_suspected) == (Usage(MODEL, *TOKENS, None), True)


# what is left behind


async def test_a_turn_leaves_no_conversation(flat):
    await flat.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    assert flat.double.conversations == {}


async def test_a_conversation_that_cannot_be_deleted_does_not_spoil_the_reply(flat):
    fault = flat.double.fail("DELETE", ONE, Answer({}, status=500), times=9)
    assert (await flat.think(replies("hi"))).reply == "hi"
    assert len(flat.double.conversations) == fault.fired == 2  # the probe's and the turn's


@pytest.mark.parametrize("when", ["at start", "while it runs"])
async def test_conversations_that_a_crash_left_are_swept_and_no_others(flat, when):
    await flat.brain.start()
    left = flat.double.add_conversation(TURN)
    theirs = flat.double.add_conversation("an operator's own")
    flat.clock.forward(seconds=OVERDUE.total_seconds() + 1)
    young = flat.double.add_conversation(TURN)
    if when == "at start":
        flat.brain = flat.another()
        await flat.brain.start()
    else:
        await flat.think(replies("hi"))
    assert set(flat.double.conversations) == {theirs, young}
    assert left not in flat.double.conversations


async def test_it_looks_at_its_agent_now_and_then_and_not_for_every_turn(flat, monkeypatch):
    await flat.brain.start()
    fault = flat.double.fail("GET", "/v1/agents/", Answer({}, status=500))
    assert (await flat.think(replies("hi"))).reply == "hi"
    assert not fault.fired
    flat.clock.forward(seconds=LOOK_EVERY.total_seconds())
    with pytest.raises(TransientBrainError):
        await flat.think(replies("hi"))
    assert fault.fired


async def test_a_deleted_conversation_leaves_rows_until_its_agent_is_replaced_after_a_day(flat):
    await flat.think(replies("hi"), text="I live in ZEBRAFISH")
    assert "ZEBRAFISH" in strings([row for _, row in flat.double.rows])
    flat.clock.forward(seconds=KEPT.total_seconds())
    await flat.think(replies("hi"), text="hello")
    assert "ZEBRAFISH" not in strings([row for _, row in flat.double.rows])
    assert len(flat.double.agents) == 1


async def test_forgetting_leaves_nothing_on_the_letta_side(flat):
    await flat.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    await flat.brain.forget()
    assert (flat.double.agents, flat.double.conversations, flat.double.rows) == ({}, {}, [])
    assert (await flat.think(replies("hi"))).reply == "hi"


async def test_forgetting_where_there_is_nothing_is_harmless(flat):
    await flat.brain.forget()
    assert flat.double.agents == {}


async def test_notes_are_never_stored_on_the_letta_side(flat):
    await flat.think(replies("hi"), knows=("lives in ZEBRAFISH",))
    assert "ZEBRAFISH" in flat.double.seen[0]["system"]
    assert "ZEBRAFISH" not in strings([row for _, row in flat.double.rows])
    assert "ZEBRAFISH" not in strings(list(flat.double.agents.values()))


async def test_another_model_is_another_agent(flat):
    flat.double._models = (MODEL, "stub/jay-2")
    await flat.brain.start()
    await flat.another(model="stub/jay-2").start()
    assert [agent["model"] for agent in flat.double.agents.values()] == ["stub/jay-2"]


# people apart


def parrot(shown):
    """The worst model: it keeps and says all that it was shown."""
    if any(message["role"] == "tool" for message in shown["messages"]):
        return replies(strings(shown)[-1000:])
    return calls("remember", {"text": " ".join(strings(shown).split())[-200:]})


async def test_over_many_people_and_turns_no_request_holds_another_persons_note(flat):
    people = {f"ZEBRAFISH{number}Q": None for number in range(12)}
    for canary in people:
        people[canary] = Talker(flat.brain, knows=(f"keeps {canary}",))
    flat.double.script(parrot)
    for turn in range(4):
        said = await asyncio.gather(*(one.say(f"hello {name} {turn}") for name, one in people.items()))
        for mine, reply in zip(people, said, strict=True):
            assert {name for name in people if name in reply} <= {mine}
    seen = [{name for name in people if name in strings(shown)} for shown in flat.double.seen]
    assert len(seen) == 2 * 4 * len(people)
    assert all(len(names) == 1 for names in seen)
    for mine, one in people.items():
        assert {name for name in people if name in " ".join(one.known)} == {mine}


def test_the_canary_of_the_probe_is_a_new_word_each_time_and_names_nobody(flat):
    async def start_twice():
        await flat.brain.start()
        await flat.another().start()

    asyncio.run(start_twice())
    words = {body["override_system"] for body in flat.double.sent}
    assert len(words) == 2
    assert all(word.startswith(PROBE.format(word="")) for word in words)


async def test_what_was_remembered_is_an_edit_of_ours(flat):
    thought = await flat.think(calls("remember", {"text": "likes tea"}), replies("hi"))
    assert thought.edits == (Remember("likes tea"),)
