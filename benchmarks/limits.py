"""Floods the bot, and counts spending and a regular's waits: `python -m benchmarks.limits --json`.

Mentions of one person, or each of a person never seen, come within an hour of a fake clock (`--minutes`).
A brain is silent about them, answers, fails, or they are wishes to be forgotten. A regular posts every ten
minutes. The network is in memory, the database is SQLite, there are no planned pauses. The exit code is 1 if
a limit was passed, or the regular waited two minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests
from support.factory import LIMITS
from support.harness import Harness, ScriptedBrain

from bot.domain.limits import POINTS_PER_HOUR, Price
from bot.domain.mention import OPEN
from bot.domain.prompt import Usage
from bot.errors import TransientBrainError
from memory.db import Database

CROWDS, KINDS = ("one person", "fresh people"), ("silent", "answering", "failing", "forget me")
REGULAR, FLOODER = "did:plc:regular", "did:plc:flooder"
STEP, HOUR = timedelta(seconds=20), timedelta(hours=1)
EVERY = timedelta(minutes=10)  # the regular posts
LIMIT = replace(LIMITS, price=Price(3, 15), day_money=400_000, turn_tokens=1000, turn_money=5000)
COST = Usage("m", 900, 100, None)
MAX_WAIT = timedelta(minutes=2)


class Brain(ScriptedBrain):
    """Does to the flood what the scenario says, answers the regular, and keeps the time of each call."""

    costs = COST

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.calls: list[datetime] = []

    async def think(self, prompt: Any, tools: Any) -> None:
        self.calls.append(prompt.now)
        tools.add_usage(self.costs)
        regular = prompt.mention.did == REGULAR
        if self.kind == "failing" and not regular:
            raise TransientBrainError("503", post_suspected=True)
        silent = self.kind == "silent" and not regular
        await tools.call(*(("stay_silent", {"reason": "noise"}) if silent else ("reply", {"text": "Noted."})))


def play(crowd: str, kind: str, mentions: int, span: timedelta) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/scrubjay.db")
        db.upgrade()
        brain, began = Brain(kind), time.monotonic()
        harness = Harness(db, Path(folder), brain, limits=LIMIT)
        harness.say(REGULAR, "hello")
        harness.work()
        waits = flood(harness, crowd, kind, mentions, span)
        found = count(harness, brain, waits)
        db.close()
    return {"crowd": crowd, "kind": kind, **found, "seconds": round(time.monotonic() - began)}


def flood(harness: Harness, crowd: str, kind: str, mentions: int, span: timedelta) -> list[timedelta]:
    """Let the `span` of it pass. Returns how long the regular waited for each answer."""
    begin = harness.clock()
    open_posts: deque[tuple[Any, datetime]] = deque()
    waits, said = [], 0
    while (passed := harness.clock() - begin) <= span:
        due = min(mentions, 1 + int(mentions * (passed / span)))
        for number in range(said, due):
            did = FLOODER if crowd == "one person" else f"did:plc:fresh{number}"
            harness.say(did, "forget me" if kind == "forget me" else f"hello {number}")
        said = due
        if passed % EVERY == timedelta(0):
            open_posts.append((harness.say(REGULAR, f"and {passed}?"), harness.clock()))
        harness.work(mentions + 100)
        while open_posts and harness.entry(open_posts[0][0]).state not in OPEN:
            waits.append(harness.clock() - open_posts.popleft()[1])
        harness.clock.forward(seconds=STEP.total_seconds())
    return waits + [harness.clock() - at for _, at in open_posts]


def count(harness: Harness, brain: Brain, waits: list[timedelta]) -> dict[str, Any]:
    posts = [
        datetime.fromisoformat(post.record["createdAt"])
        for post in harness.network.posts(harness.network.did)
    ]
    money = len(brain.calls) * LIMIT.price.complete(COST)
    return {
        "calls_in_an_hour": most_in_an_hour(brain.calls),
        "calls_allowed": LIMIT.hour_calls,
        "replies_in_an_hour": most_in_an_hour(posts),
        "replies_allowed": LIMIT.hour,
        "points_in_an_hour": most_in_an_hour(posts) * 3,
        "points_allowed": POINTS_PER_HOUR,
        "money": money,
        "money_allowed": LIMIT.day_money,
        "regular_waited_s": max(waits).total_seconds(),
    }


def most_in_an_hour(times: list[datetime]) -> int:
    return max((sum(at <= each < at + HOUR for each in times) for at in times), default=0)


def is_good(found: dict[str, Any]) -> bool:
    kept = all(
        found[f"{name}{per}"] <= found[f"{name}_allowed"]
        for name, per in (
            ("calls", "_in_an_hour"),
            ("replies", "_in_an_hour"),
            ("points", "_in_an_hour"),
            ("money", ""),
        )
    )
    return bool(kept and found["regular_waited_s"] < MAX_WAIT.total_seconds())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--one", type=int, default=10_000, help="mentions of one person")
    parser.add_argument("--fresh", type=int, default=5_000, help="people never seen")
    parser.add_argument("--minutes", type=int, default=60, help="in which they come")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    runs, span = [], timedelta(minutes=options.minutes)
    for crowd, kind in product(CROWDS, KINDS):
        runs.append(play(crowd, kind, options.one if crowd == CROWDS[0] else options.fresh, span))
        print(runs[-1], file=sys.stderr)
    found = {"benchmark": "limits", "kept": all(map(is_good, runs)), "runs": runs}
    print(json.dumps(found) if options.json else "\n".join(map(str, runs)))
    sys.exit(not found["kept"])


if __name__ == "__main__":
    main()
