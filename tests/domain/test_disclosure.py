"""What the bot says of itself to programs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.consent import Consent
from bot.domain.disclosure import (
    AGENT,
    AUTONOMY,
    COLLECTIONS,
    Bot,
    Keeping,
    Operator,
    Rhythm,
    confirms,
    differs,
    operator_of,
    records,
    says_bot,
)
from bot.domain.limits import Tempo
from bot.domain.mention import Profile

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ANA = Operator("did:plc:ana", "ana.example.org", "ana@example.org")
JAY = Bot(
    handle="jay.example.org",
    name="Jay",
    description="A bot that remembers.",
    operator=ANA,
    services=("Letta", "anthropic/claude-sonnet-4-5"),
    keeping=Keeping(Consent.ASK, people=3, notes=14, text_days=30, idle_days=180),
    rhythm=Rhythm(Tempo.HUMAN, None, "UTC", (), 60, 300),
    url="https://example.org/jay",
)


def test_both_records_name_who_runs_the_bot_and_say_that_a_model_reads_what_people_write():
    made = records(JAY, NOW, {})
    assert {name: record["$type"] for name, record in made.items()} == {name: name for name in COLLECTIONS}
    assert [operator_of(record) for record in made.values()] == [ANA.did, ANA.did]
    assert [record["usesGenerativeAI"] for record in made.values()] == [True, True]
    assert made[AUTONOMY]["externalServices"] == list(JAY.services)
    assert made[AUTONOMY]["responsibleParty"]["contact"] == "ana@example.org"
    assert made[AGENT]["createdAt"] == "2026-11-29T12:00:00.000Z"


def test_without_a_model_and_a_page_neither_is_named():
    made = records(replace(JAY, services=(), url=None, operator=replace(ANA, contact=None)), NOW, {})
    assert [record["usesGenerativeAI"] for record in made.values()] == [False, False]
    assert not {"externalServices", "disclosureUrl"} & (made[AUTONOMY].keys() | made[AGENT].keys())
    assert made[AGENT]["infrastructure"] == ["scrubjay"]
    assert "contact" not in made[AUTONOMY]["responsibleParty"]


@pytest.mark.parametrize("consent", Consent)
def test_the_memory_is_told_as_it_is_kept(consent):
    agent = records(replace(JAY, keeping=replace(JAY.keeping, consent=consent)), NOW, {})[AGENT]
    told = agent["memory"]
    assert (told["consent"], told["people"], told["notes"]) == (consent.value, 3, 14)
    assert (told["daysOfText"], told["daysOfSilence"]) == (30, 180)
    assert "forget me" in told["seeAndErase"]
    assert ("memory" in agent["capabilities"]) == (consent is not Consent.OFF)


def test_the_records_are_of_the_data_model_of_the_protocol():
    """It has no floating-point numbers and no null in a list (https://atproto.com/specs/data-model)."""

    def plain(value):
        if isinstance(value, dict):
            return all(isinstance(name, str) and plain(each) for name, each in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return isinstance(value, str | bool | int)

    assert all(plain(json.loads(json.dumps(record))) for record in records(JAY, NOW, {}).values())


def test_a_record_that_stands_keeps_its_time_and_differs_by_more_than_its_counts():
    before = records(JAY, NOW, {})
    later = NOW + timedelta(days=9)
    assert records(JAY, later, before) == before
    more = records(replace(JAY, keeping=replace(JAY.keeping, notes=99)), later, before)
    assert (more[AGENT] == before[AGENT], differs(before[AGENT], more[AGENT])) == (False, False)
    off = records(replace(JAY, keeping=replace(JAY.keeping, consent=Consent.OFF)), later, before)
    assert differs(before[AGENT], off[AGENT])
    assert differs(None, off[AGENT])


@pytest.mark.parametrize(
    "stands", [{}, {"createdAt": 7, "memory": [1], "operator": "x"}, {"operator": {"did": []}}]
)
def test_whatever_stands_in_the_repo_is_read(stands):
    made = records(JAY, NOW, {AGENT: stands})[AGENT]
    assert made["createdAt"] == "2026-11-29T12:00:00.000Z"
    assert differs(stands, made)
    assert operator_of(stands) != ANA.did


@pytest.mark.parametrize(
    ("bio", "named"),
    [
        ("I run @jay.example.org", True),
        ("ask JAY.example.org!", True),
        ("bot: did:plc:jay", True),
        ("I run @bluejay.example.org", False),
        ("I run @jay.example.org.evil.com", False),
        ("jay", False),
        ("", False),
    ],
)
def test_an_operator_confirms_the_bot_by_its_whole_name(bio, named):
    assert confirms(Profile("did:plc:ana", None, description=bio), "jay.example.org", "did:plc:jay") == named


@pytest.mark.parametrize(
    ("bio", "said"),
    [
        ("A bot by @ana", True),
        ("Ein Roboter.", True),
        ("覚えるボットです", True),
        ("봇입니다", True),
        ("botany", False),
        ("", False),
    ],
)
def test_a_bio_says_that_it_is_a_bots(bio, said):
    assert says_bot(Profile("did:plc:jay", None, description=bio)) == said
