"""After whatever erases, no copy is left in SQLite's files, though nobody asks the database to scrub."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN
from support.forgetting import (
    forget_me,
    forget_me_found_by_notification,
    forget_note,
    its_time_is_over,
    the_account_is_deleted,
    the_operator_forgets_the_person,
)
from support.harness import Harness, ScriptedBrain

from bot.domain.events import PostDeleted
from bot.privacy.retention import apply_retention
from bot.storage import turns
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


def a_brain_forgets_the_note(harness):
    harness.brain.script = [("forget", {"note": "n1"}), ("reply", {"text": "Done."})]
    harness.say(ANA, "forget where I live")
    harness.work()
    harness.network.set_handle(ANA, "ana.test")


def the_post_is_deleted(harness):
    harness.send(PostDeleted, harness.told.uri, ANA, harness.clock())


def the_post_is_edited(harness):
    harness.handle(harness.edit(harness.told, "I live somewhere"), edited=True)


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
    [a_brain_forgets_the_note, the_post_is_deleted, the_post_is_edited, forget_note],
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


def test_words_of_a_mention_that_was_never_thought_about_leave_no_byte_after_their_time(harness, tmp_path):
    parts = harness.services
    everything = parts.db, parts.memory, parts.ledger, parts.journal, RetentionPolicy(text=timedelta(days=30))
    apply_retention(*everything, harness.clock.forward(days=40))  # of what Ana told nothing is left to erase
    harness.say(BEN, "I keep AXOLOTLS")
    harness.say(BEN, "stop")
    assert copies(tmp_path, "AXOLOTLS")
    apply_retention(*everything, harness.clock.forward(days=40))
    assert copies(tmp_path, "AXOLOTLS") == 0


def test_turns_that_are_past_their_time_leave_no_byte(harness, tmp_path):
    with harness.services.db.write() as tx:
        tx.execute(text("UPDATE turn SET why = 'AXOLOTLS'"))
    assert copies(tmp_path, "AXOLOTLS")
    with harness.services.db.write() as tx:
        turns.expire(tx, harness.clock.forward(days=1))
    assert copies(tmp_path, "AXOLOTLS") == 0
