"""After whatever erases, no copy is left in SQLite's files, though nobody asks the database to scrub."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot.domain.events import AccountChanged, PostDeleted
from bot.privacy.erasure import propagate_erasure
from bot.privacy.retention import apply_retention
from memory.db import Database
from memory.model import RetentionPolicy

CANARY = "ZEBRAFISH"


@pytest.fixture
def harness(tmp_path):
    """Ana told something; her handle is as telling."""
    db = Database(f"sqlite:///{tmp_path}/scrubjay.db")
    db.upgrade()
    remember = ("remember", {"text": f"lives in {CANARY}"})
    harness = Harness(db, tmp_path, ScriptedBrain(remember, ("reply", {"text": f"{CANARY}, noted."})))
    harness.network.set_handle(ANA, f"{CANARY.lower()}.test")
    harness.told = harness.say(ANA, f"I live in {CANARY}")
    harness.work()
    harness.brain.script = [("reply", {"text": "Done."})]
    assert copies(tmp_path)
    return harness


def copies(folder, word=CANARY):
    """How often the word stands in the database's files, whatever the case of its letters."""
    files = sorted(folder.glob("scrubjay.db*"))
    return sum(path.read_bytes().lower().count(word.lower().encode()) for path in files)


def forget_me(harness):
    harness.say(ANA, "forget me")
    harness.work()


def forget_me_found_by_notification(harness):
    harness.say(ANA, "forget me", heard=False)
    harness.reconcile()
    harness.work()


def a_brain_forgets_the_note(harness):
    harness.brain.script = [("forget", {"note": "n1"}), ("reply", {"text": "Done."})]
    harness.say(ANA, "forget where I live")
    harness.work()
    harness.network.set_handle(ANA, "ana.test")


def the_post_is_deleted(harness):
    harness.send(PostDeleted, harness.told.uri, ANA, harness.clock())


def the_post_is_edited(harness):
    harness.handle(harness.edit(harness.told, "I live somewhere"), edited=True)


def the_operator_forgets_the_person(harness):
    harness.erase(ANA)


def the_operator_forgets_the_note(harness):
    now, memory = harness.clock(), harness.services.memory
    with harness.services.db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, now):
        memory.forget_note(tx, 1, actor="operator", at=now)


def the_account_is_deleted(harness):
    harness.network.set_status(ANA, "deleted")
    harness.send(AccountChanged, ANA, False, "deleted", harness.clock())
    harness.clock.forward(hours=25)
    harness.run_jobs()


def its_time_is_over(harness):
    parts, now = harness.services, harness.clock.forward(days=400)
    apply_retention(
        parts.db, parts.memory, parts.ledger, parts.journal, RetentionPolicy(idle=timedelta(days=30)), now
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "forget",
    [
        forget_me,
        forget_me_found_by_notification,
        the_operator_forgets_the_person,
        the_account_is_deleted,
        its_time_is_over,
    ],
    ids=lambda path: path.__name__,
)
def test_a_forgotten_person_leaves_no_byte(harness, tmp_path, forget):
    forget(harness)
    assert (copies(tmp_path), copies(tmp_path, ANA)) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "forget",
    [a_brain_forgets_the_note, the_post_is_deleted, the_post_is_edited, the_operator_forgets_the_note],
    ids=lambda path: path.__name__,
)
def test_a_forgotten_note_leaves_no_byte_of_its_words(harness, tmp_path, forget):
    before = copies(tmp_path, "lives in ZEBRAFISH")
    forget(harness)
    assert (before > 0, copies(tmp_path, "lives in ZEBRAFISH")) == (True, 0)


def test_a_post_found_deleted_before_it_was_thought_about_leaves_no_byte(harness, tmp_path):
    ref = harness.say(BEN, "I keep AXOLOTLS")
    harness.network.remove(ref.uri)
    harness.work()
    assert copies(tmp_path, "AXOLOTLS") == 0
