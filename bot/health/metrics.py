"""All metrics: names, help, and where each value comes from. `docs/watching.md` has a table made of it.

Names follow Prometheus's conventions: base units, `_total` for what only grows. What `counts` this process
restarts at 0 with it; what comes from the `database` is the same in all processes that share it. No label
holds a DID, a handle or a word of a person.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from bot import counts
from bot.domain.mention import State
from bot.domain.meters import LAST
from bot.domain.policy import PolicyReason
from bot.domain.reasons import FAILURES, NONE, OTHER, WORDS
from bot.health.vitals import Check, Vitals
from bot.network.writes import OPERATIONS, RESULTS
from bot.storage.vitals import MOST, RECENT_GAPS

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

    from bot.domain.hearing import Hearing
    from bot.health.vitals import Stored
    from bot.storage.vitals import Spending

PREFIX = "scrubjay_"
DOLLAR = 1_000_000  # in its millionths
Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Metric:
    """`values` gives each sample with its labels; none if the value is not known."""

    name: str
    help: str
    values: Callable[[Vitals], Samples]
    labels: tuple[str, ...] = ()
    of: str = "process"

    @property
    def is_counter(self) -> bool:
        return self.name.endswith("_total")

    def family(self, vitals: Vitals) -> Family:
        make = CounterMetricFamily if self.is_counter else GaugeMetricFamily
        family = make(PREFIX + self.name, self.help, labels=self.labels)
        for labels, value in self.values(vitals):
            family.add_metric(labels, value)
        return family


def one(value: Callable[[Vitals], float | None]) -> Callable[[Vitals], Samples]:
    """A metric without labels."""

    def values(vitals: Vitals) -> Samples:
        found = value(vitals)
        return () if found is None else (((), found),)

    return values


def heard(value: Callable[[Hearing], float | None]) -> Callable[[Vitals], Samples]:
    """A value of the stream; nothing without one."""
    return one(lambda vitals: None if vitals.hearing is None else value(vitals.hearing))


def stored(values: Callable[[Stored, Vitals], Samples]) -> Callable[[Vitals], Samples]:
    """Values of what was read from storage; nothing if it could not be read."""
    return lambda vitals: () if vitals.stored is None else values(vitals.stored, vitals)


def voiced(name: str) -> Callable[[Vitals], Samples]:
    """A value of the bot's own last answers; nothing if there are none."""
    return stored(lambda stored, _: (((), getattr(stored.voice, name)),) if stored.voice else ())


def spent(amount: Callable[[Spending], float]) -> Callable[[Vitals], Samples]:
    return stored(lambda stored, _: (((), amount(stored.vitals.spent)),))


def tally(counted: counts.Tally, known: Iterable[tuple[str, ...]]) -> Callable[[Vitals], Samples]:
    """Its counts. What is `known` begins at 0: of a count that first shows as 1 no increase is seen."""
    zeros = dict.fromkeys(known, 0)
    return lambda _: (zeros | dict(counted.items())).items()


def _checks(vitals: Vitals) -> Samples:
    return [((check.value,), float(check not in vitals.faults)) for check in Check]


def _waiting(stored: Stored, _: Vitals) -> Samples:
    return [((state.value,), waiting.count) for state, waiting in stored.vitals.mentions.items()]


def _oldest(stored: Stored, vitals: Vitals) -> Samples:
    found = ((state, waiting.oldest) for state, waiting in stored.vitals.mentions.items())
    return [((state.value,), (vitals.at - at).total_seconds() if at else 0.0) for state, at in found]


def _tokens(stored: Stored, _: Vitals) -> Samples:
    return ((("in",), stored.vitals.spent.tokens_in), (("out",), stored.vitals.spent.tokens_out))


@cache
def build() -> tuple[str, str]:
    """The version of scrubjay, and of Python."""
    try:
        return version("scrubjay"), platform.python_version()
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown", platform.python_version()


IN_DATABASE = "database"
VOICE = {  # metric: what of the voice, and its help
    "variety_ratio": ("variety", f"Share of different pairs of words in all of its last {LAST} answers"),
    "agreeing_ratio": ("agrees", "Share of these answers that begin by agreeing"),
    "praising_ratio": ("praises", "Share that begins with praise or thanks"),
    "with_memory_ratio": ("remembers", "Share that has a word of a note that was not asked with"),
    "length_characters": ("length", "Characters of such an answer, on average"),
}
LIMITS = tuple(reason for reason in PolicyReason if reason.is_limit)
KNOWN_ENDS = (
    *product((State.ANSWERED, State.SILENT, State.MERGED), (NONE,)),
    *product((State.DECLINED,), sorted({*WORDS, OTHER})),
    *product((State.EXPIRED,), (PolicyReason.TOO_OLD, *LIMITS)),
    *product((State.FAILED,), sorted({*FAILURES.values(), OTHER})),
)
METRICS = (
    Metric(
        "build_info",
        "Always 1; what runs",
        lambda vitals: (((*build(), vitals.brain), 1.0),),
        ("version", "python", "brain"),
    ),
    Metric("live", "Whether the steps move: what /livez says", one(lambda vitals: vitals.alive)),
    Metric("ready", "Whether it hears and works: what /readyz says", one(lambda vitals: vitals.ready)),
    Metric("check_ok", "Whether this check of readiness passes", _checks, ("check",)),
    Metric(
        "step_stillness_seconds",
        "Time since the worker, publisher or job runner moved that has moved longest ago",
        one(lambda vitals: vitals.stillness),
    ),
    Metric(
        "stream_connected",
        "Whether the stream's connection stands",
        heard(lambda hearing: hearing.connected),
    ),
    Metric(
        "stream_lag_seconds",
        "How far the last message was behind its server's time; 0 on a stream that is quiet",
        heard(lambda hearing: hearing.behind),
    ),
    Metric(
        "stream_silence_seconds",
        "Time since the last message, to about a second",
        heard(lambda hearing: hearing.silence),
    ),
    Metric(
        "stream_messages_total",
        "Messages of the stream, to about a second",
        heard(lambda hearing: hearing.messages),
    ),
    Metric(
        "stream_reconnects_total",
        "Connections to the stream after the first",
        heard(lambda hearing: hearing.reconnects),
    ),
    Metric("mentions_accepted_total", "New mentions that were stored", one(lambda vitals: vitals.accepted)),
    Metric(
        "mentions_ended_total",
        "Mentions that ended, by outcome and the kind of its reason",
        tally(counts.ENDED, KNOWN_ENDS),
        ("outcome", "reason"),
    ),
    Metric(
        "mentions_delayed_total",
        "Times that a limit, or a pause, made a mention wait; what it ended is in `mentions_ended_total`",
        tally(counts.DELAYED, product((*LIMITS, PolicyReason.PAUSED))),
        ("limit",),
    ),
    Metric(
        "wakeups_total",
        "Times that a process told PostgreSQL's listeners of work, and that the connection for it was lost",
        tally(counts.WAKEUPS, product((counts.TOLD, counts.LOST))),
        ("event",),
    ),
    Metric(
        "pds_writes_total",
        "Posts put and deleted on the PDS; `taken`: another record stands under the key",
        tally(counts.WRITES, product(OPERATIONS, RESULTS)),
        ("operation", "result"),
    ),
    Metric(
        "brain_breaker_open",
        "Whether the brain failed so often that it is left alone",
        one(lambda vitals: vitals.breaker_open),
    ),
    Metric(
        "mentions_open",
        f"Mentions in this state; {MOST} means that many or more",
        stored(_waiting),
        ("state",),
        IN_DATABASE,
    ),
    Metric(
        "mentions_open_oldest_seconds",
        "Time since the oldest mention in this state was stored; 0 if there is none",
        stored(_oldest),
        ("state",),
        IN_DATABASE,
    ),
    Metric(
        "paused",
        "Whether the operator has paused it: it listens, and answers nothing",
        stored(lambda stored, _: (((), stored.vitals.paused),)),
        of=IN_DATABASE,
    ),
    *(Metric(f"answers_{end}", text, voiced(name), of=IN_DATABASE) for end, (name, text) in VOICE.items()),
    Metric(
        "jobs_open",
        f"Background jobs that are not done; {MOST} means that many or more",
        stored(lambda stored, _: (((), stored.vitals.jobs),)),
        of=IN_DATABASE,
    ),
    Metric(
        "gaps_open",
        f"Gaps that are not closed, of the newest {RECENT_GAPS}",
        stored(lambda stored, _: (((), stored.vitals.gaps),)),
        of=IN_DATABASE,
    ),
    Metric(
        "last_day_replies",
        "Replies of the last 24 hours; what is reserved counts here and in the next ones, as for the limits",
        spent(lambda spent: spent.replies),
        of=IN_DATABASE,
    ),
    Metric(
        "last_day_brain_calls",
        "Calls of the brain in the last 24 hours",
        spent(lambda spent: spent.calls),
        of=IN_DATABASE,
    ),
    Metric(
        "last_day_brain_tokens",
        "Tokens of the last 24 hours: in prompts, out of the model",
        stored(_tokens),
        ("direction",),
        IN_DATABASE,
    ),
    Metric(
        "last_day_brain_cost_dollars",
        "US dollars spent in the last 24 hours",
        spent(lambda spent: spent.money / DOLLAR),
        of=IN_DATABASE,
    ),
    Metric(
        "day_money_limit_dollars",
        "The limit `money_per_day`; not there without one",
        one(lambda vitals: None if vitals.day_money is None else vitals.day_money / DOLLAR),
    ),
    Metric(
        "last_day_pds_points",
        "Write points of the PDS used in the last 24 hours",
        spent(lambda spent: spent.points),
        of=IN_DATABASE,
    ),
    Metric(
        "database_bytes",
        "Size of the database, with SQLite's logs",
        stored(lambda stored, _: () if stored.database_bytes is None else (((), stored.database_bytes),)),
        of=IN_DATABASE,
    ),
    Metric(
        "disk_free_bytes",
        "Free space on the disk of `data_dir`",
        stored(lambda stored, _: (((), stored.free_bytes),)),
    ),
)


def table() -> str:
    """The metrics as `docs/watching.md` shows them, in Markdown."""
    rows = ["| metric | labels | of | what it is |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{PREFIX}{metric.name}` | {labels} | {metric.of} | {metric.help} |")
    return "\n".join(rows)
