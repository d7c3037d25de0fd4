"""Lets the bot live for a month of a fake clock: `python -m benchmarks.month --json [--plot FILE.png]`.

300 people say 2,000 things: single posts, bursts, series (`1/3`), and a crowd in one thread. The bot has its
settings of delivery, with hours and a quiet day; the operator pauses it once; it dies twice in the middle of
an answer. The network is in memory, the database is SQLite, the brain needs no time. Judged is what stands in
the bot's repo, against the script: each mention in one outcome, nothing lost, nothing twice; each answer at a
time when it was awake and not paused; the distances; the delays, by their quantiles (what was heard while it
was awake, the part for long answers taken off); bursts, by who was thought of when. Seconds and milliseconds
of the answers are held against an even distribution (chi-square, p by Wilson and Hilferty). The exit code is
1 if something is wrong.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist, quantiles
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests
from support.harness import Harness, ScriptedBrain

from benchmarks import month_script
from benchmarks.month_script import BEGIN, CRASHES, HOURS, PAUSE, QUIET, ZONE, Kind, Said
from bot.config.settings import load
from bot.domain import pacing
from bot.domain.bursts import WITHIN
from bot.domain.mention import OPEN, State
from bot.network.in_memory import InMemoryNetwork
from bot.storage import pauses
from bot.storage.tables import MentionRow, OutboxRow, PersonQueueRow
from memory import crash
from memory.db import Database

if TYPE_CHECKING:
    from bot.config.settings import Settings
    from bot.domain.mention import StrongRef

ENOUGH = 0.01  # a p below is clockwork
SECONDS, MILLISECONDS = 30, 20  # classes
LONGEST = timedelta(minutes=15)  # delay
CLOSE = 6.0  # three times what a quantile of so many answers is off by chance, times their root
AFTER = timedelta(days=2)
WINDOW, HEATED = timedelta(minutes=10), 10  # of a heated thread, as delivered


class Died(BaseException):
    """The process ends here."""


class Brain(ScriptedBrain):
    """Answers at once, at any length, never the same twice."""

    async def think(self, prompt: Any, tools: Any) -> None:
        chance = random.Random(prompt.mention.uri)
        words = " ".join(chance.choices(("miso", "tea", "lisbon", "bird", "rain", "why", "so", "is"), k=60))
        await tools.call(
            "reply", {"text": f"{chance.randrange(10**9)} {words}"[: chance.randint(20, 290)].strip()}
        )


@dataclass
class Life:
    """The bot over its database and its network, and what was said to it so far."""

    settings: Settings
    folder: Path
    db: Database
    network: InMemoryNetwork = field(default_factory=lambda: InMemoryNetwork("did:plc:scrubjay", "jay.test"))
    refs: dict[Said, StrongRef] = field(default_factory=dict)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.bot = self._born(BEGIN)

    def _born(self, now: datetime) -> Harness:
        parts = {"network": self.network, "limits": self.settings.limits}
        bot = Harness(self.db, self.folder, Brain(), **parts).with_pace(self.settings.pace)
        bot.clock.now = now
        with self.db.read() as tx:
            bot.handler.load_tracked(tx)
        return bot

    def live(self, until: datetime) -> None:
        """Let the time pass: the worker works at each time at which something is due."""
        while True:
            self._work()
            at = self._next()
            if at is None or at > until:
                break
            self.bot.clock.now = at
        self.bot.clock.now = until

    def _work(self) -> None:
        try:
            self.bot.work(1000)
        except Died:
            self.deaths += 1
            self.bot = self._born(self.bot.clock() + timedelta(seconds=20))

    def _next(self) -> datetime | None:
        now = self.bot.clock()
        with self.db.read() as tx:
            times = [
                tx.scalar(select(func.min(row)).where(row > now))
                for row in (MentionRow.due_at, PersonQueueRow.turn_at)
            ]
        return min(filter(None, times), default=None)

    def hear(self, said: Said, threads: dict[int, StrongRef]) -> None:
        did = f"did:plc:p{said.who}"
        under: dict[str, Any] = {}
        if root := threads.get(said.thread):
            parent = self._last_of(said) if said.kind is Kind.SERIES else root
            under = {"reply": {"root": root.to_json(), "parent": parent.to_json()}}
        if said.kind is Kind.SERIES and said.number:
            post = {"$type": "app.bsky.feed.post", "text": said.text, "createdAt": said.at.isoformat()}
            ref = self.network.write(did, post | under)
            self.bot.handle(ref)
        else:
            ref = self.bot.say(did, said.text, **under)
        self.refs[said] = ref
        threads.setdefault(said.thread, ref)

    def _last_of(self, said: Said) -> StrongRef:
        before = [ref for one, ref in self.refs.items() if one.thread == said.thread]
        return before[-1]

    def pause(self, *, begin: bool) -> None:
        with self.db.write() as tx:
            if begin:
                pauses.begin(tx, self.bot.clock(), None, ages=False)
            else:
                pauses.end(tx, self.bot.clock())


def play(life: Life, script: list[Said]) -> None:
    """Let the month pass."""
    threads: dict[int, StrongRef] = {}
    acts: list[tuple[datetime, Any]] = [
        (said.at, lambda said=said: life.hear(said, threads)) for said in script
    ]
    acts += [(BEGIN + PAUSE[number], lambda on=number == 0: life.pause(begin=on)) for number in (0, 1)]
    acts += [(BEGIN + at, lambda point=point: die_at(point)) for at, point in CRASHES]
    for at, act in sorted(acts, key=lambda one: one[0]):
        life.live(at)
        act()
    life.live(max(at for at, _ in acts) + AFTER)


def die_at(point: str) -> None:
    """Let the bot die when it passes this point next."""
    before = crash.reach

    def reach(reached: str) -> None:
        if reached == point:
            crash.reach = before
            raise Died

    crash.reach = reach


# --- what came of it -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    said: Said
    heard_at: datetime
    drafted_at: datetime
    posted_at: datetime
    length: int


def judge(life: Life, script: list[Said], plot: Path | None) -> dict[str, Any]:
    with life.db.read() as tx:
        rows = {row.uri: row for row in tx.execute(select(MentionRow.__table__))}
        lengths: Counter[str] = Counter()
        for part in tx.execute(select(OutboxRow.__table__)):
            lengths[part.mention_uri] += len(part.text)
    answered = [post.record for post in life.network.posts(life.network.did)]
    standing = Counter(record["reply"]["parent"]["uri"] for record in answered)
    created = {
        record["reply"]["parent"]["uri"]: datetime.fromisoformat(record["createdAt"]) for record in answered
    }
    entries = {said: rows.get(life.refs[said].uri) for said in script}
    answers = [
        Answer(
            said,
            row.seen_at,
            row.drafted_at,
            created[row.uri],
            lengths[row.uri],
        )
        for said, row in entries.items()
        if row is not None and row.state == State.ANSWERED
    ]
    states = Counter(row.state if row is not None else "not heard" for row in entries.values())
    times = sorted(answer.posted_at for answer in answers)
    if plot:
        from benchmarks.month_picture import draw

        draw(plot, [said.at for said in script], times, undisturbed(life.settings, answers))
    by_person = defaultdict(list)
    for answer in sorted(answers, key=lambda one: one.posted_at):
        by_person[answer.said.who].append(answer.posted_at)
    return {
        "mentions": len(script),
        "people": len({said.who for said in script}),
        "outcomes": dict(sorted(states.items())),
        "deaths": life.deaths,
        "lost": sum(row is None or row.state in OPEN for row in entries.values()),
        "failed": states[State.FAILED],
        "double": sum(standing[life.refs[said].uri] > 1 for said in script),
        "outside": sum(not _is_open(life.settings, at) for at in times),
        "in_pause": sum(BEGIN + PAUSE[0] < at < BEGIN + PAUSE[1] for at in times),
        "closest_s": round(min((b - a).total_seconds() for a, b in pairwise(times)), 2),
        "closest_to_person_s": round(
            min((b - a).total_seconds() for own in by_person.values() for a, b in pairwise(own)), 2
        ),
        "delays": of_delays(undisturbed(life.settings, answers)),
        "clockwork": {
            "p_seconds": chi_square([at.second + at.microsecond / 1e6 for at in times], 60, SECONDS),
            "p_milliseconds": chi_square([at.microsecond / 1e3 for at in times], 1000, MILLISECONDS),
        },
        "bursts": bursts(entries, answers),
    }


def _is_open(settings: Settings, at: datetime) -> bool:
    """By the clock on the wall, without the bot's own reckoning."""
    local = at.astimezone(ZONE)
    begin, end = HOURS.split("-")
    return begin <= f"{local:%H:%M}" < end and local.date().isoformat() not in settings.quiet_days


def undisturbed(settings: Settings, answers: list[Answer]) -> list[float]:
    """The delays of what was heard while the bot was awake and not paused, in seconds."""
    return [
        (one.posted_at - one.heard_at).total_seconds() - _typing(one.length)
        for one in answers
        if one.said.kind in (Kind.SINGLE, Kind.BURST)
        and all(settings.hours.next_open(at) == at for at in (one.heard_at, one.heard_at + LONGEST))
        and not BEGIN + PAUSE[0] - LONGEST < one.heard_at < BEGIN + PAUSE[1]
    ]


def of_delays(found: list[float]) -> dict[str, Any]:
    """Their quantiles, and those that are stated."""
    cuts = quantiles(found, n=20)
    return {
        "answers": len(found),
        "p05": round(cuts[0], 1),
        "p50": round(cuts[9], 1),
        "p95": round(cuts[18], 1),
        "stated": {"p05": 6.7, "p50": 40, "p95": 240},
    }


def _typing(length: int) -> float:
    return max(length - pacing.SHORT_ANSWER, 0) * pacing.PER_CHARACTER.total_seconds()


def chi_square(values: list[float], span: float, classes: int) -> float:
    """The chance that an even distribution over `span` looks at least as uneven as these values."""
    counts = Counter(int(value / span * classes) for value in values)
    expected, freedom = len(values) / classes, classes - 1
    found = sum((counts[number] - expected) ** 2 / expected for number in range(classes))
    width = 2 / (9 * freedom)
    return round(1 - NormalDist().cdf(((found / freedom) ** (1 / 3) - (1 - width)) / math.sqrt(width)), 4)


def bursts(entries: dict[Said, Any], answers: list[Answer]) -> dict[str, int]:
    """Whether what was said together was answered together, as far as it was not thought of before."""
    by_uri = {row.uri: (said, row) for said, row in entries.items() if row is not None}
    merged = [(said, *by_uri[row.merged_into]) for said, row in entries.items() if row and row.merged_into]
    strange = sum(
        (said.who, said.thread) != (other.who, other.thread)
        or other.at < said.at
        or into.merged_into is not None
        for said, other, into in merged
    )
    late = sum(said.kind is Kind.BURST and other.at - said.at > WITHIN for said, other, _ in merged)
    together = defaultdict(list)
    for said, row in entries.items():
        if row is not None and said.kind is not Kind.SINGLE:
            together[said.thread, said.who].append((said, row))
    missed = sum(
        after.at - said.at <= WITHIN and row.state == State.ANSWERED and row.drafted_at > after.at
        for posts in together.values()
        for (said, row), (after, _) in pairwise(posts)
    )
    crowd = [one for one in answers if one.said.kind is Kind.HEATED]
    return {
        "groups": len(together),
        "merged": len(merged),
        "of_strangers": strange,
        "too_late": late,
        "missed": missed,
        "in_the_heat": len(crowd),
        "of_people": len({one.said.who for one in crowd}),
        "hasty": sum(_is_hasty(one, crowd, entries) for one in crowd),
    }


def _is_hasty(answer: Answer, crowd: list[Answer], entries: dict[Said, Any]) -> bool:
    """Whether it was thought of in a heated thread though the person had an answer there just before."""
    at, who = answer.drafted_at, answer.said.who
    heat = sum(said.kind is Kind.HEATED and at - WINDOW < said.at <= at for said in entries)
    before = [one for one in crowd if one.said.who == who and at - WINDOW < one.drafted_at < at]
    return heat > HEATED and bool(before)


def is_good(found: dict[str, Any]) -> bool:
    wrong = ("lost", "failed", "double", "outside", "in_pause")
    told, stated = found["delays"], found["delays"]["stated"]
    burst = found["bursts"]
    return (
        not any(found[name] for name in wrong)
        and found["deaths"] == len(CRASHES)
        and all(p > ENOUGH for p in found["clockwork"].values())
        and all(abs(told[name] / stated[name] - 1) < CLOSE / told["answers"] ** 0.5 for name in stated)
        and not any(burst[name] for name in ("of_strangers", "too_late", "missed", "hasty"))
    )


def run(mentions: int, people: int, seed: int, plot: Path | None) -> dict[str, Any]:
    settings = load(
        {
            "SCRUBJAY_ACTIVE_HOURS": HOURS,
            "SCRUBJAY_TIME_ZONE": str(ZONE),
            "SCRUBJAY_QUIET_DAYS": QUIET,
        }
    )
    script = month_script.write(mentions, people, seed)
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/scrubjay.db")
        db.upgrade()
        life = Life(settings, Path(folder), db)
        play(life, script)
        found = judge(life, script, plot)
        db.close()
    return {"benchmark": "month", "seed": seed, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--mentions", type=int, default=2000)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="draw the month into this file")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = run(options.mentions, options.people, options.seed, options.plot)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:20} {value}")
    sys.exit(not is_good(found))


if __name__ == "__main__":
    main()
