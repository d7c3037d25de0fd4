"""The list of metrics, and the text that is made of it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.factory import NOW

from bot import counts
from bot.domain.hearing import Hearing
from bot.domain.mention import OPEN, State
from bot.domain.meters import Voice
from bot.health.exposition import Exposition
from bot.health.metrics import METRICS, PREFIX, table
from bot.health.vitals import STARTING, Check, Stored, Vitals
from bot.storage.vitals import Spending, StoredVitals, Waiting

UNITS = ("_seconds", "_bytes", "_dollars", "_total", "_info", "_ratio", "_characters")
DIMENSIONLESS = {
    *("live", "ready", "check_ok", "stream_connected", "brain_breaker_open"),
    *("mentions_open", "jobs_open", "gaps_open", "paused"),
    *("last_day_replies", "last_day_brain_calls", "last_day_brain_tokens", "last_day_pds_points"),
}


def vitals(**more):
    waiting = {state: Waiting(0, None) for state in OPEN}
    waiting[State.WAITING] = Waiting(3, NOW)
    stored = StoredVitals(waiting, 1, 2, paused=True, spent=Spending(4, 5, 600, 70, 8_500_000, 9), size=None)
    known = {
        "at": NOW,
        "faults": {Check.ACCOUNT: "the bot's account is not let in"},
        "hearing": Hearing(connected=True, contact=0.0, silence=2.0, lag=3.0, messages=7),
        "stored": Stored(stored, 10_000, 20_000, Voice(200, 0.75, 0.25, 0.05, 0.4, 143.5)),
        "day_money": 2_000_000,
        "brain": "rules",
    }
    return Vitals(**known | more)


def samples(which):
    text = Exposition().text(which).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions_of_prometheus(metric):
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith(UNITS) or metric.name in DIMENSIONLESS
    assert metric.of in {"process", "database"}
    assert not set(metric.labels) & {"did", "handle", "uri", "person", "text"}


def test_no_name_is_given_twice():
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_what_is_known_is_told_in_base_units():
    found = samples(vitals())
    assert found["scrubjay_ready",] == 0
    assert found["scrubjay_live",] == 1
    assert found["scrubjay_check_ok", "account"] == 0
    assert found["scrubjay_check_ok", "stream"] == 1
    assert found["scrubjay_stream_lag_seconds",] == 3
    assert found["scrubjay_stream_silence_seconds",] == 2
    assert found["scrubjay_stream_messages_total",] == 7
    assert found["scrubjay_mentions_open", "waiting"] == 3
    assert found["scrubjay_mentions_open_oldest_seconds", "waiting"] == 0
    assert found["scrubjay_gaps_open",] == 2
    assert found["scrubjay_paused",] == 1
    assert found["scrubjay_answers_variety_ratio",] == 0.75
    assert found["scrubjay_answers_agreeing_ratio",] == 0.25
    assert found["scrubjay_answers_praising_ratio",] == 0.05
    assert found["scrubjay_answers_with_memory_ratio",] == 0.4
    assert found["scrubjay_answers_length_characters",] == 143.5
    assert found["scrubjay_last_day_brain_tokens", "out"] == 70
    assert found["scrubjay_last_day_brain_cost_dollars",] == 8.5
    assert found["scrubjay_day_money_limit_dollars",] == 2
    assert found["scrubjay_database_bytes",] == 10_000
    assert found["scrubjay_disk_free_bytes",] == 20_000
    assert found["process_cpu_seconds_total",] > 0
    assert found["process_resident_memory_bytes",] > 0


def test_what_is_not_known_is_left_out_and_not_0():
    found = {name for name, *_ in samples(vitals(stored=None, hearing=None, day_money=None))}
    missing = {PREFIX + metric.name for metric in METRICS if metric.of == "database"}
    assert not found & (missing | {"scrubjay_stream_lag_seconds", "scrubjay_day_money_limit_dollars"})
    assert "scrubjay_live" in found


def test_before_the_start_nothing_but_the_steps_is_good():
    found = samples(Vitals(NOW, STARTING))
    assert {check: found["scrubjay_check_ok", check] for check in Check} == {
        check: float(check is Check.STEPS) for check in Check
    }


def test_what_is_counted_in_many_places_is_told():
    before = samples(vitals())
    counts.ENDED.add("declined", "stop")
    counts.DELAYED.add("money limit")
    counts.WRITES.add("put", "refused")
    after = samples(vitals())
    grown = {key: value - before.get(key, 0) for key, value in after.items() if key[0].startswith(PREFIX)}
    assert {key: value for key, value in grown.items() if value} == {
        ("scrubjay_mentions_ended_total", "declined", "stop"): 1,
        ("scrubjay_mentions_delayed_total", "money limit"): 1,
        ("scrubjay_pds_writes_total", "put", "refused"): 1,
    }


def test_every_metric_has_its_row_in_the_table():
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [PREFIX + metric.name for metric in METRICS]
