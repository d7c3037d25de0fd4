"""Each mention leaves one line in the log when it ends, whatever ends it; on both databases."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from support.factory import ANA, BEN
from support.harness import Crew, ScriptedBrain

from bot.domain.events import AccountChanged, Blocked, GateChanged, PostDeleted
from bot.domain.mention import State
from bot.domain.threadgate import GATE, gate_uri
from bot.errors import BrainRefused
from bot.privacy.erasure import erase_person
from bot.privacy.retention import retain
from bot.storage import steering
from memory.rules.consolidation import Keep


@pytest.fixture
def crew(db, tmp_path):
    return Crew(db, tmp_path)


def ended(logs):
    return [(line["uri"], line["state"], line["why"]) for line in logs if line["event"] == "mention.ended"]


def delete(crew, ref):
    crew.take(PostDeleted, ref.uri, ANA, crew.clock())


def block(crew, ref):
    crew.take(Blocked, f"at://{ANA}/app.bsky.graph.block/3kabcdefghijk", ANA, crew.clock())


def shut(crew, ref):
    crew.take(GateChanged, gate_uri(ref.uri), ANA, ref.uri, {"$type": GATE, "allow": []}, crew.clock())


def turn_away(crew, ref):
    crew.hear(crew.edit(ref, "never mind", away=True), edited=True)


def turn_away_unheard(crew, ref):
    crew.edit(ref, "never mind", away=True)
    crew.work()


def purge(crew, ref):
    crew.take(AccountChanged, ANA, False, "deleted", crew.clock())
    crew.network.stand(ANA, "deleted")
    crew.clock.forward(hours=25)
    crew.run_errands()


def erase(crew, ref):
    bench = crew.bench
    erase_person(bench.db, bench.memory, bench.ledger, ANA, crew.clock())


def skip(crew, ref):
    with crew.bench.db.write() as tx:
        steering.skip(tx, ref.uri, crew.clock(), "not now")


def refuse(crew, ref):
    crew.brain.script[:] = [BrainRefused("no")]
    crew.work()


def expire(crew, ref):
    crew.clock.forward(days=2)
    crew.work()


WAYS = {
    "a deletion": (delete, State.DECLINED, "deleted"),
    "a stop": (lambda crew, ref: crew.say(ANA, "stop"), State.DECLINED, "stop"),
    "a block": (block, State.DECLINED, "blocked"),
    "a shut gate": (shut, State.DECLINED, "gated"),
    "an edit away from the bot": (turn_away, State.DECLINED, "edited"),
    "such an edit that is seen late": (turn_away_unheard, State.DECLINED, "edited"),
    "a forget": (lambda crew, ref: crew.say(ANA, "forget me"), State.DECLINED, "forgotten"),
    "a purge": (purge, State.DECLINED, "forgotten"),
    "the operator's erasure": (erase, State.DECLINED, "forgotten"),
    "the operator's skip": (skip, State.DECLINED, "not now"),
    "an answer": (lambda crew, ref: crew.work(), State.ANSWERED, None),
    "a refusal": (refuse, State.FAILED, None),
    "age": (expire, State.EXPIRED, None),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_ends_a_mention_is_told_once(crew, way):
    end, state, why = WAYS[way]
    ref = crew.say(ANA, "hi")
    with capture_logs() as logs:
        end(crew, ref)
        end(crew, ref) if end in (delete, block, shut, turn_away, erase) else None
        told = [line for line in ended(logs) if line[0] == ref.uri]

    assert [line[:2] for line in told] == [(ref.uri, state)]
    assert why in (None, told[0][2])


def test_a_command_that_is_answered_ends_once_too(crew):
    with capture_logs() as logs:
        forget = crew.say(ANA, "forget me")
        crew.work()

    assert ended(logs) == [(forget.uri, State.ANSWERED, None)]


def test_a_thread_that_is_stopped_tells_every_end_in_it(crew):
    root = crew.say(ANA, "hello all")
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    other, elsewhere = crew.say(BEN, "me too", **in_thread), crew.say(BEN, "elsewhere")
    with capture_logs() as logs:
        crew.say(ANA, "stop", **in_thread)
    told = {uri for uri, _, _ in ended(logs)}

    assert (len(ended(logs)), {root.uri, other.uri} <= told, elsewhere.uri in told) == (3, True, False)


def test_what_a_worker_loses_to_a_stop_is_told_once(db, tmp_path):
    async def stop():
        crew.say(ANA, "stop")

    crew = Crew(db, tmp_path, ScriptedBrain(stop, ("reply", {"text": "too late"})))
    with capture_logs() as logs:
        ref = crew.say(ANA, "hi")
        crew.work()

    assert [line for line in ended(logs) if line[0] == ref.uri] == [(ref.uri, State.DECLINED, "stop")]


def test_an_end_that_is_not_committed_is_not_told(crew):
    ref = crew.say(ANA, "hi")

    def skip_and_fall():
        with crew.bench.db.write() as tx:
            steering.skip(tx, ref.uri, crew.clock(), "not now")
            raise ZeroDivisionError

    with capture_logs() as logs:
        with pytest.raises(ZeroDivisionError):
            skip_and_fall()
        with crew.bench.db.write():
            pass  # on the same connection

    assert (ended(logs), crew.entry(ref).state) == ([], State.WAITING)


def test_an_end_is_told_after_its_commit(crew, monkeypatch):
    ref, seen = crew.say(ANA, "hi"), []
    monkeypatch.setattr("bot.storage.outcomes.log.info", lambda *_, **__: seen.append(crew.fate(ref)))
    delete(crew, ref)

    assert seen == [(State.DECLINED, "deleted")]


def test_what_ended_before_is_told_no_more(crew):
    crew.say(ANA, "hi")
    crew.work()
    with capture_logs() as logs:
        erase(crew, None)
        retain(crew.bench.db, crew.bench.memory, crew.bench.ledger, Keep(), crew.clock.forward(days=400))

    assert ended(logs) == []


def test_the_line_counts_what_was_spent_and_said(crew):
    with capture_logs() as logs:
        crew.say(ANA, "hi")
        crew.work()
    (line,) = (line for line in logs if line["event"] == "mention.ended")

    assert (line["brain"], line["tokens_in"], line["parts"], line["total_ms"]) == ("scripted", 100, 1, 0)
