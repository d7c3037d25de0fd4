"""No statement in a mention's way reads a whole table, on either database."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain
from support.plans import watched, whole_tables

from bot.domain.events import (
    AccountChanged,
    Blocked,
    DeclarationChanged,
    GateChanged,
    IdentityChanged,
    PostDeleted,
    RecordDeleted,
)
from bot.domain.mention import State
from bot.domain.uris import PREFERENCE
from bot.privacy.retention import apply_retention
from bot.storage import stats, turns, views
from memory.errors import UnknownPerson
from memory.model import RetentionPolicy

FORGET = ("forget", {"note_id": "n1"})


@pytest.fixture
def harness(db, tmp_path) -> Harness:
    """Ana and Ben were told what the bot is, and Ana was answered."""
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    for did in (ANA, BEN):
        harness.introduce(did)
    harness.ana = harness.say(ANA, "I live in Lisbon")
    harness.work()
    return harness


def answer(harness: Harness) -> None:
    ref = harness.say(ANA, "I live in Porto now", reply=thread(harness))
    harness.work()
    assert harness.outcome(ref)[0] is State.ANSWERED


def thread(harness: Harness) -> dict[str, object]:
    (posted,) = harness.replies(harness.ana)
    root, parent = ({"uri": ref.uri, "cid": ref.cid} for ref in (harness.ana, posted.ref))
    return {"root": root, "parent": parent}


def forget_a_note(harness: Harness) -> None:
    harness.with_brain(ScriptedBrain(FORGET, REPLY))
    answer(harness)


def command(text: str) -> object:
    def give(harness: Harness) -> None:
        harness.say(ANA, text)
        harness.work()
        harness.run_jobs()

    return give


def hear(event: type, *values: object, **more: object) -> object:
    return lambda harness: harness.send(event, *values, harness.clock(), **more)


def edit(harness: Harness) -> None:
    ref = harness.edit(harness.ana, "I live in Faro")
    harness.handle(ref, edited=True)


def retain(harness: Harness) -> None:
    parts, now = harness.services, harness.clock.forward(days=400)
    stores = parts.memory, parts.ledger, parts.journal
    assert apply_retention(parts.db, *stores, RetentionPolicy(), now).people == (ANA, BEN)


def lists(harness: Harness) -> None:
    with harness.services.db.read() as tx:
        for state in (None, State.FAILED):
            views.entries(tx, state=state)
        views.entries(tx, did=ANA)
        views.posts(tx)
        turns.latest(tx, did=ANA)
        turns.latest(tx)
        stats.by_day(tx, harness.clock() - timedelta(days=7))
        harness.services.memory.people.recent(tx)
        with suppress(UnknownPerson):
            harness.services.memory.people.get(tx, "ana.example.com")


GATE = f"at://{ANA}/app.bsky.feed.threadgate/3k"
WAYS = {
    "an answer": answer,
    "a note is forgotten": forget_a_note,
    "stop": command("stop"),
    "forget me": command("forget me"),
    "what do you know": command("memory"),
    "the post is edited": edit,
    "the post is deleted": lambda one: one.send(PostDeleted, one.ana.uri, ANA, one.clock()),
    "the account is hidden": hear(AccountChanged, ANA, False, "deactivated"),
    "the handle changes": lambda one: (one.send(IdentityChanged, ANA, None, one.clock()), one.run_jobs()),
    "a block": hear(Blocked, f"at://{ANA}/app.bsky.graph.block/3k", ANA),
    "a block ends": hear(RecordDeleted, f"at://{ANA}/app.bsky.graph.block/3k", ANA),
    "a declaration ends": hear(RecordDeleted, f"at://{ANA}/{PREFERENCE}/3k", ANA),
    "a declaration": hear(DeclarationChanged, f"at://{ANA}/{PREFERENCE}/3k", ANA, {"preferences": {}}),
    "a gate": hear(GateChanged, GATE, ANA, f"at://{ANA}/app.bsky.feed.post/3k", {"allow": []}),
    "retention": retain,
    "the operator's lists": lists,
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_statement_of_a_mention_reads_a_whole_table(harness, way):
    with watched(harness.services.db) as statements:
        way(harness)
    assert statements
    assert whole_tables(harness.services.db, statements) == []


def test_a_condition_without_an_index_is_found(db):
    with watched(db) as statements, db.read() as tx:
        tx.exec_driver_sql("SELECT uri FROM mention WHERE langs = 'en'")
    assert len(whole_tables(db, statements)) == 1
