from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta

from support.factory import ANA, BEN, LIMITS, ME
from support.harness import Harness, ScriptedBrain

from bot.clock import now
from bot.storage import spending, spending_days, stats
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
