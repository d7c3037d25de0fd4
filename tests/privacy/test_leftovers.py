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
from support.passages import said
from support.wishes import with_options

from bot.domain.events import DeclarationChanged, PostDeleted
from bot.domain.mention import Relation
from bot.errors import PermanentNetworkError, TransientNetworkError
from bot.network.in_memory_chat import ALL
from bot.privacy.retention import apply_retention
from bot.storage import stances, turns
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


# --- what is erased alone, so that nothing else makes the database scrub itself ---------------------


def retain(harness):
    """Let 40 days pass, and erase what is past its time."""
    parts, policy = harness.services, RetentionPolicy(text=timedelta(days=30))
    now = harness.clock.forward(days=40)
    apply_retention(parts.db, parts.memory, parts.ledger, parts.journal, policy, now)


def a_mention(harness):
    harness.say(BEN, "I keep AXOLOTLS")
    harness.say(BEN, "stop")


def an_imported_passage(harness):
    with harness.services.db.write() as tx:
        harness.services.memory.retrieval.record(tx, said("I keep AXOLOTLS", did=ANA))


def the_stance_of_a_stranger(harness):
    with harness.services.db.write() as tx:
        stances.put_relation(tx, "did:plc:axolotls", Relation(blocks=True), harness.clock())


@pytest.mark.parametrize(
    "keep", [a_mention, an_imported_passage, the_stance_of_a_stranger], ids=lambda keep: keep.__name__
)
def test_what_is_past_its_time_leaves_no_byte(harness, tmp_path, keep):
    retain(harness)  # of what Ana told nothing is left to erase
    keep(harness)
    before = copies(tmp_path, "AXOLOTLS")
    retain(harness)
    assert (before > 0, copies(tmp_path, "AXOLOTLS")) == (True, 0)


@pytest.mark.parametrize(
    ("use", "kept"),
    [
        ("inference", "UPDATE turn SET why = 'AXOLOTLS'"),
        ("embedding", "UPDATE passage SET emb_model = 'x', emb = CAST('AXOLOTLS' AS BLOB)"),
    ],
)
def test_what_a_denial_takes_leaves_no_byte(harness, tmp_path, use, kept):
    with harness.services.db.write() as tx:
        tx.execute(text(kept))
    before = copies(tmp_path, "AXOLOTLS")
    record = {"preferences": {use: {"allow": False}}}
    uri = f"at://{ANA}/community.lexicon.preference.ai/self"
    harness.send(DeclarationChanged, uri, ANA, record, harness.clock())
    assert (before > 0, copies(tmp_path, "AXOLOTLS")) == (True, 0)


@pytest.mark.parametrize("wish", ["stop", "don't remember me"])
def test_what_waits_for_a_reply_and_is_not_learned_leaves_no_byte(harness, tmp_path, wish):
    with_options(harness, retain_turns=timedelta(0))
    harness.brain.script = [("remember", {"text": "keeps AXOLOTLS"}), ("reply", {"text": "Noted."})]
    harness.say(BEN, "I have pets")
    harness.draft()
    before = copies(tmp_path, "keeps AXOLOTLS")
    harness.say(BEN, wish)
    harness.work()
    assert (before > 0, copies(tmp_path, "keeps AXOLOTLS")) == (True, 0)


def test_the_last_answer_about_what_is_forgotten_leaves_no_byte_once_it_is_posted(harness, tmp_path):
    with_options(harness, retain_turns=timedelta(0))
    harness.clock.forward(minutes=1)
    harness.brain.script = [("forget", {"note": "n1"}), ("reply", {"text": "No word of AXOLOTLS is left."})]
    ref = harness.say(ANA, "my home shall be a secret again")
    harness.work()
    assert "AXOLOTLS" in harness.replies(ref)[0].text
    assert copies(tmp_path, "AXOLOTLS") == 0


@pytest.mark.parametrize("sent", [True, False])
def test_a_message_leaves_no_byte_once_it_is_sent_or_will_not_be(harness, tmp_path, sent):
    chat, line = harness.network.direct_messages, f"n1 · lives in {CANARY}"
    chat.unable, chat.allowed[ANA] = None, ALL
    chat.fail("send", TransientNetworkError("503"))
    harness.clock.forward(minutes=1)
    harness.say(ANA, "what do you know about me?")
    harness.work()
    before = copies(tmp_path, line)
    if sent:
        harness.network.fail("put", TransientNetworkError("503"))  # the mention does not end
    else:
        chat.fail("send", PermanentNetworkError("400"))
    harness.clock.forward(minutes=1)
    harness.work()
    assert (before > 0, len(chat.inbox(ANA)), copies(tmp_path, line)) == (True, sent, 0)


def test_turns_that_are_past_their_time_leave_no_byte(harness, tmp_path):
    with harness.services.db.write() as tx:
        tx.execute(text("UPDATE turn SET why = 'AXOLOTLS'"))
    assert copies(tmp_path, "AXOLOTLS")
    with harness.services.db.write() as tx:
        turns.expire(tx, harness.clock.forward(days=1))
    assert copies(tmp_path, "AXOLOTLS") == 0
