"""Each mention leaves one line in the log when it ends, whatever ends it; on both databases."""

from __future__ import annotations

from collections import Counter

import pytest
from structlog.testing import capture_logs
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot.counts import ENDED
from bot.domain.events import AccountChanged, Blocked, GateChanged, PostDeleted
from bot.domain.mention import State
from bot.domain.reasons import FAILURES, WORDS
from bot.domain.threadgate import GATE, gate_uri
from bot.errors import PermanentBrainError
from bot.privacy.retention import apply_retention
from bot.storage import steering
from memory.model import RetentionPolicy


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)


def ended(logs):
    return [(line["uri"], line["state"], line["why"]) for line in logs if line["event"] == "mention.ended"]


def delete(harness, ref):
    harness.send(PostDeleted, ref.uri, ANA, harness.clock())


def block(harness, ref):
    harness.send(Blocked, f"at://{ANA}/app.bsky.graph.block/3kabcdefghijk", ANA, harness.clock())


def shut(harness, ref):
    harness.send(GateChanged, gate_uri(ref.uri), ANA, ref.uri, {"$type": GATE, "allow": []}, harness.clock())


def turn_away(harness, ref):
    harness.handle(harness.edit(ref, "never mind", away=True), edited=True)


def turn_away_unheard(harness, ref):
    harness.edit(ref, "never mind", away=True)
    harness.work()


def purge(harness, ref):
    harness.send(AccountChanged, ANA, False, "deleted", harness.clock())
    harness.network.set_status(ANA, "deleted")
    harness.clock.forward(hours=25)
    harness.run_jobs()


def erase(harness, ref):
    harness.erase(ANA)


def skip(harness, ref):
    with harness.services.db.write() as tx:
        steering.skip(tx, ref.uri, harness.clock(), "not now")


def refuse(harness, ref):
    harness.brain.script[:] = [PermanentBrainError("no")]
    harness.work()


def expire(harness, ref):
    harness.clock.forward(days=2)
    harness.work()


WAYS = {
    "a deletion": (delete, State.DECLINED, "deleted"),
    "a stop": (lambda harness, ref: harness.say(ANA, "stop"), State.DECLINED, "stop"),
    "a block": (block, State.DECLINED, "blocked"),
    "a shut gate": (shut, State.DECLINED, "gated"),
    "an edit away from the bot": (turn_away, State.DECLINED, "edited"),
    "such an edit that is seen late": (turn_away_unheard, State.DECLINED, "edited"),
    "a forget": (lambda harness, ref: harness.say(ANA, "forget me"), State.DECLINED, "forgotten"),
    "a purge": (purge, State.DECLINED, "forgotten"),
    "the operator's erasure": (erase, State.DECLINED, "forgotten"),
    "the operator's skip": (skip, State.DECLINED, "not now"),
    "an answer": (lambda harness, ref: harness.work(), State.ANSWERED, None),
    "a refusal": (refuse, State.FAILED, None),
    "age": (expire, State.EXPIRED, None),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_ends_a_mention_is_told_once(harness, way):
    end, state, why = WAYS[way]
    ref = harness.say(ANA, "hi")
    with capture_logs() as logs:
        end(harness, ref)
        end(harness, ref) if end in (delete, block, shut, turn_away, erase) else None
        told = [line for line in ended(logs) if line[0] == ref.uri]

    assert [line[:2] for line in told] == [(ref.uri, state)]
    assert why in (None, told[0][2])


def test_a_command_that_is_answered_ends_once_too(harness):
    with capture_logs() as logs:
        forget = harness.say(ANA, "forget me")
        harness.work()

    assert ended(logs) == [(forget.uri, State.ANSWERED, None)]


def test_a_thread_that_is_stopped_tells_every_end_in_it(harness):
    root = harness.say(ANA, "hello all")
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    other, elsewhere = harness.say(BEN, "me too", **in_thread), harness.say(BEN, "elsewhere")
    with capture_logs() as logs:
        harness.say(ANA, "stop", **in_thread)
    told = {uri for uri, _, _ in ended(logs)}

    assert (len(ended(logs)), {root.uri, other.uri} <= told, elsewhere.uri in told) == (3, True, False)


def test_what_a_worker_loses_to_a_stop_is_told_once(db, tmp_path):
    async def stop():
        harness.say(ANA, "stop")

    harness = Harness(db, tmp_path, ScriptedBrain(stop, ("reply", {"text": "too late"})))
    with capture_logs() as logs:
        ref = harness.say(ANA, "hi")
        harness.work()

    assert [line for line in ended(logs) if line[0] == ref.uri] == [(ref.uri, State.DECLINED, "stop")]


def test_an_end_that_is_not_committed_is_not_told(harness):
    ref = harness.say(ANA, "hi")

    def skip_and_fall():
        with harness.services.db.write() as tx:
            steering.skip(tx, ref.uri, harness.clock(), "not now")
            raise ZeroDivisionError

    with capture_logs() as logs:
        with pytest.raises(ZeroDivisionError):
            skip_and_fall()
        with harness.services.db.write():
            pass  # on the same connection

    assert (ended(logs), harness.entry(ref).state) == ([], State.WAITING)


def test_an_end_is_told_after_its_commit(harness, monkeypatch):
    ref, seen = harness.say(ANA, "hi"), []
    monkeypatch.setattr("bot.storage.outcomes.log.info", lambda *_, **__: seen.append(harness.outcome(ref)))
    delete(harness, ref)

    assert seen == [(State.DECLINED, "deleted")]


def test_what_ended_before_is_told_no_more(harness):
    harness.say(ANA, "hi")
    harness.work()
    with capture_logs() as logs:
        erase(harness, None)
        apply_retention(
            harness.services.db,
            harness.services.memory,
            harness.services.ledger,
            harness.services.journal,
            RetentionPolicy(),
            harness.clock.forward(days=400),
        )

    assert ended(logs) == []


def test_the_line_counts_what_was_spent_and_said(harness):
    with capture_logs() as logs:
        harness.say(ANA, "hi")
        harness.work()
    (line,) = (line for line in logs if line["event"] == "mention.ended")

    assert (line["brain"], line["tokens_in"], line["parts"], line["total_ms"]) == ("scripted", 100, 1, 0)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_told_of_an_end_is_counted_by_outcome_and_kind_of_reason(harness, way):
    end, state, why = WAYS[way]
    ref = harness.say(ANA, "hi")
    before = Counter(dict(ENDED.items()))
    with capture_logs() as logs:
        end(harness, ref)
    counted = Counter(dict(ENDED.items())) - before

    assert Counter(told for _, told, _ in ended(logs)) == {
        told: sum(number for (outcome, _), number in counted.items() if outcome == told)
        for told in {outcome for outcome, _ in counted}
    }
    assert {kind for _, kind in counted} <= {*WORDS, *FAILURES.values(), "none", "other"}
    assert why not in WORDS or (state, why) in counted
