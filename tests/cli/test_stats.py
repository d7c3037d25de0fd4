from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta

from support.factory import ANA, BEN, LIMITS, ME
from support.harness import Harness, ScriptedBrain

from bot.clock import now
from bot.storage import spending, spending_days, stats, voice
from bot.storage.spending import SpendKind
from memory.db import Database


def test_stats_tell_by_day_what_was_answered_refused_and_spent(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(("reply", {"text": "Noted."})), limits=LIMITS)
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(days=2)
    harness.network.set_labels(BEN, "bot")
    harness.say(BEN, "beep")
    harness.say(ANA, "hi again")
    harness.work()
    since = harness.clock() - timedelta(days=5)
    with db.write() as tx:
        before = stats.by_day(tx, since)
        spending_days.roll_up(tx, harness.clock())
        after = stats.by_day(tx, since)
        today = stats.by_day(tx, harness.clock())

    latest, first = after
    assert before == after
    assert today == [latest]
    assert (latest.day, latest.calls, latest.replies, latest.refusals) == ("2026-11-24", 1, 1, {"bot": 1})
    assert (first.day, first.tokens_in, first.tokens_out, first.refusals) == ("2026-11-22", 100, 20, {})
    assert not any(name in str(after) for name in (ANA, BEN, ME))


def test_the_command_prints_a_table_and_json(filled):
    with closing(Database(f"sqlite:///{filled.home}/data/scrubjay.db")) as db, db.write() as tx:
        spending.add_points(tx, now(), SpendKind.DELETION, 1)
    (today,) = json.loads(filled("stats", "--json", "--days", "1").out)

    assert (today["day"], today["points"], today["calls"]) == (f"{now():%Y-%m-%d}", 1, 0)
    assert filled("stats").out.splitlines()[1].startswith(today["day"])


def talk(db, folder, *texts):
    """The bot answers Ana, of whom it has a note, with each of these a week after the other."""
    harness = Harness(db, folder, limits=LIMITS)
    harness.clock.now = now() - timedelta(weeks=len(texts)) + timedelta(hours=1)
    harness.introduce(ANA)
    harness.brain.script = [("remember", {"text": "lives in Lisbon"}), ("reply", {"text": "Noted that."})]
    harness.say(ANA, "I live there")
    harness.work()
    for text in texts[1:]:
        harness.clock.forward(weeks=1)
        harness.brain.script = [("reply", {"text": text})]
        harness.say(ANA, "hello")
        harness.work()
    return harness


def test_the_voice_is_that_of_the_last_answers_and_of_each_week(db, tmp_path):
    talk(db, tmp_path, "", "Yes, how is Lisbon?", "Great question!")
    with db.read() as tx:
        last, weeks = voice.last(tx), voice.by_week(tx, now())

    assert (last.answers, last.variety) == (3, 1.0)
    assert [last.agrees, last.praises, last.remembers] == [1 / 3] * 3
    assert [(one.answers, one.agrees, one.praises, one.remembers) for _, one in weeks] == [
        (1, 0, 1, 0),
        (1, 1, 0, 1),
        (1, 0, 0, 0),
    ]


def test_no_voice_is_heard_of_what_was_erased(db, tmp_path):
    harness = talk(db, tmp_path, "", "Yes, how is Lisbon?")
    harness.erase(ANA)
    with db.read() as tx:
        assert (voice.last(tx), voice.by_week(tx, now())) == (None, [])


def test_the_command_tells_the_voice(talked):
    filled, _ = talked
    found = json.loads(filled("stats", "--voice", "--json").out)
    assert set(found) == {"last", "weeks"}
    assert found["last"]["answers"] == 2
    heading, last, *_ = filled("stats", "--voice").out.splitlines()
    assert "variety" in heading
    assert last.startswith("the last ones")


def test_without_turn_records_no_voice_is_told(filled):
    assert "SCRUBJAY_RETAIN_TURNS" in filled("stats", "--voice").err
    assert json.loads(filled("stats", "--voice", "--json").out) == {"last": None, "weeks": []}
