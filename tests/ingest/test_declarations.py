"""Declarations that a stream tells, and those that are found by reading a person again."""

from __future__ import annotations

from functools import partial

import pytest
from support.events import jobs, rows
from support.factory import ANA, BEN
from support.harness import REPLY
from support.races import at_once, meet_after
from support.wishes import block_by_list, declare

from bot.domain.events import DeclarationChanged, RecordDeleted, RepoSync
from bot.domain.mention import Command, State
from bot.domain.policy import PolicyReason
from bot.errors import TransientNetworkError
from bot.privacy.retention import apply_retention
from bot.storage import stances
from memory.model import Denied, RetentionPolicy
from memory.tables import EPOCH

URI = f"at://{ANA}/community.lexicon.preference.ai/self"


def record(**uses):
    return {"preferences": {use: {"allow": allow} for use, allow in uses.items()}}


def told(harness, uri=URI, **uses):
    harness.send(DeclarationChanged, uri, uri.split("/")[2], record(**uses), harness.clock())


def denied(harness, did=ANA):
    with harness.services.db.read() as tx:
        return harness.services.memory.denials.get(tx, did)


def test_a_denial_that_is_heard_declines_what_is_open_and_erases_its_words(harness):
    refs = [harness.say(ANA, "I keep ZEBRAFISH"), harness.say(BEN, "hi")]
    wish = harness.say(ANA, "start")
    told(harness, inference=False)

    assert harness.outcome(refs[0]) == (State.DECLINED, PolicyReason.DENIED)
    assert harness.entry(refs[0]).mention.text == ""
    assert [harness.entry(ref).state for ref in (refs[1], wish)] == [State.WAITING, State.DRAFTED]
    assert harness.entry(wish).mention.command is Command.START


def test_a_denial_that_is_heard_withdraws_the_answer_of_the_last_minute(harness):
    ref = harness.say(ANA, "hi")
    harness.work()
    told(harness, inference=False)
    harness.run_jobs()

    assert harness.replies(ref) == []


def test_a_denial_leaves_no_words_in_kept_turns_which_could_be_thought_again(harness, answered):
    before = [row["told"] for row in rows(harness, "turn")]
    told(harness, inference=False)
    (row,) = rows(harness, "turn")

    assert (all(before), row["told"], row["reply"], row["tokens_in"] > 0) == (True, None, None, True)


def test_a_denial_of_vectors_that_is_heard_holds_and_declines_nothing(harness):
    ref = harness.say(ANA, "hi")
    told(harness, embedding=False)

    assert (denied(harness), harness.entry(ref).state) == (Denied(embedding=True), State.WAITING)


def test_a_removed_declaration_denies_no_more(harness):
    told(harness, inference=False)
    harness.send(RecordDeleted, URI, ANA, harness.clock())

    assert denied(harness) == Denied()


def test_several_records_of_one_person_are_told_apart(harness):
    told(harness, inference=False)
    told(harness, URI.replace("self", "other"), inference=True)
    before = denied(harness)
    harness.send(RecordDeleted, URI, ANA, harness.clock())

    assert (before, denied(harness)) == (Denied(inference=True), Denied())


@pytest.mark.slow
def test_of_two_that_are_heard_at_once_none_is_lost(harness, monkeypatch):
    told(harness, training=False)
    meet_after(monkeypatch, stances, "_from_json")
    uris = [URI.replace("self", name) for name in ("one", "other")]
    at_once(*(partial(told, harness, uri, inference=True) for uri in uris))
    (row,) = rows(harness, "stance")

    assert all(uri in row["statements"] for uri in (URI, *uris))


def test_the_same_declaration_twice_changes_nothing(harness):
    for _ in range(2):
        told(harness, inference=False)

    assert harness.handler.counts["DeclarationChanged"] == 1


def test_after_a_change_the_whole_is_read_again_before_it_is_relied_on(harness):
    harness.say(ANA, "hi")
    harness.work()
    told(harness, training=False)
    with harness.services.db.read() as tx:
        assert stances.get(tx, ANA).declared_at == EPOCH
    declare(harness, ANA, "other", inference=False)
    ref = harness.say(ANA, "hi again")
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.DENIED)


def test_what_was_heard_holds_while_nothing_can_be_read(harness):
    harness.say(ANA, "hi")
    harness.work()
    told(harness, inference=False)
    ref = harness.say(ANA, "hi again")
    harness.network.fail("declarations", TransientNetworkError("502"), times=9)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.DENIED)


@pytest.mark.parametrize("wish", [block_by_list, lambda harness, did: declare(harness, did, inference=False)])
def test_after_a_gap_what_was_missed_is_read(harness, answered, wish):
    assert harness.replies(answered)
    harness.network.has_appview = False
    wish(harness, ANA)
    harness.send(RepoSync, ANA, "list block", harness.clock())
    harness.run_jobs()

    assert (denied(harness) == Denied()) is bool(rows(harness, "block"))
    assert jobs(harness) == []


def test_too_many_records_of_one_person_are_not_kept(harness):
    for number in range(110):
        told(harness, URI.replace("self", f"n{number}"), inference=True)
    (row,) = rows(harness, "stance")

    assert row["statements"].count(ANA) == 100


def test_of_who_was_never_met_nothing_is_kept_after_its_time(harness):
    harness.brain.script = [REPLY]
    harness.say(BEN, "hi")
    harness.work()
    told(harness, inference=False)
    parts = harness.services
    apply_retention(parts.db, parts.memory, parts.ledger, parts.journal, RetentionPolicy(), harness.clock())

    assert [row["did"] for table in ("stance", "denial") for row in rows(harness, table)] == [BEN]
