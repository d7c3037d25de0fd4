"""Who was forgotten stays forgotten: restored databases, old exports and late events bring nothing back."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text
from support.backup import backup, restore
from support.factory import ANA, BEN
from support.forgetting import (
    forget_me,
    forget_note,
    the_account_is_deleted,
    the_operator_forgets_the_person,
)
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain
from support.races import at_once

from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.domain.reply import tid
from bot.domain.uris import record_key
from bot.privacy.erasure import erase, propagate_erasure
from bot.privacy.reapplying import apply_journal, import_person
from bot.storage import redaction
from bot.storage.journal import Journal
from bot.storage.ledger_entries import EntryKind
from memory.db import Database
from memory.errors import UnknownPerson
from memory.store import Memory

NOTE, EVE = "lives in Lisbon", "did:plc:eve"


@pytest.fixture
def harness(db, tmp_path):
    """Ana and Ben told where they live; an hour later."""
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.ana, harness.ben = harness.say(ANA, "I live in Lisbon"), harness.say(BEN, "I live in Lisbon")
    harness.work()
    harness.clock.forward(hours=1)
    return harness


def start(harness, folder):
    """The bot after a start in `folder`, over the database as it is now."""
    fresh = Harness(harness.services.db, folder, harness.brain, network=harness.network)
    fresh.clock.now = harness.clock.now
    fresh.ana, fresh.ben = harness.ana, harness.ben
    parts = fresh.services
    fresh.found = apply_journal(parts.db, parts.memory, parts.ledger, parts.journal, fresh.clock())
    return fresh


def held(harness, did):
    """All rows that name this person, as one text."""
    return str([row for rows in backup(harness.services.db).values() for row in rows if did in str(row)])


def rows(harness, table):
    return next(held for each, held in backup(harness.services.db).items() if each.name == table)


@pytest.mark.parametrize(
    "wish",
    [forget_me, the_operator_forgets_the_person, the_account_is_deleted],
    ids=lambda wish: wish.__name__,
)
def test_who_was_forgotten_is_gone_from_a_database_that_was_restored(harness, tmp_path, wish):
    copy = backup(harness.services.db)
    wish(harness)
    restore(harness.services.db, copy)
    again = start(harness, tmp_path)
    assert (ANA in str(copy), held(again, ANA), again.notes(BEN)) == (True, "[]", [NOTE])


def test_who_left_nothing_but_a_mention_without_words_is_gone_too(harness, tmp_path):
    harness.network.set_labels(EVE, "bot")
    harness.say(EVE, "beep")
    harness.work()
    with harness.services.db.write() as tx:
        redaction.erase_texts(tx, harness.clock.forward(days=31))
    copy = backup(harness.services.db)
    harness.erase(EVE)
    restore(harness.services.db, copy)
    assert (EVE in str(copy), held(start(harness, tmp_path), EVE)) == (True, "[]")


def test_a_ledger_that_was_lost_changes_nothing_of_that(harness, tmp_path):
    copy = backup(harness.services.db)
    forget_me(harness)
    restore(harness.services.db, copy)
    (tmp_path / "ledger").unlink()
    assert held(start(harness, tmp_path), ANA) == "[]"


def test_a_start_without_a_restored_database_erases_nothing(harness, tmp_path):
    forget_me(harness)
    harness.clock.forward(minutes=1)
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.services.ledger.exchange(harness.services.db)
    before = backup(harness.services.db)
    again = start(harness, tmp_path)
    assert (again.notes(ANA), backup(again.services.db)) == ([NOTE], before)


def test_the_store_is_looked_through_only_if_a_line_was_not_carried_out_in_it(harness, tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(Memory, "held_posts", lambda *_: looked.append(1) or ())
    copy = backup(harness.services.db)
    forget_me(harness)
    start(harness, tmp_path)
    after_a_wish = len(looked)
    restore(harness.services.db, copy)
    start(harness, tmp_path)
    start(harness, tmp_path)
    assert (after_a_wish, len(looked)) == (0, 1)


def test_a_wish_that_is_not_answered_yet_is_answered_after_a_start(harness, tmp_path):
    wish = harness.say(ANA, "forget me")
    again = start(harness, tmp_path)
    again.work()
    assert len(again.replies(wish)) == 1


def test_a_crash_between_the_line_and_the_commit_is_made_good_at_the_next_start(harness, tmp_path):
    parts = harness.services
    with suppress(ZeroDivisionError), parts.db.write() as tx:
        erase(tx, parts.memory, parts.ledger, parts.journal, ANA, harness.clock())
        raise ZeroDivisionError
    settled = parts.ledger.has(EntryKind.ERASED, harness.ana.uri)
    assert (harness.notes(ANA), settled, held(start(harness, tmp_path), ANA)) == ([NOTE], True, "[]")


def test_without_its_journal_a_restored_database_is_erased_by_the_wish_that_is_heard_again(harness, tmp_path):
    copy = backup(harness.services.db)
    wish = harness.say(ANA, "forget me")
    harness.work()
    restore(harness.services.db, copy)
    (tmp_path / "journal").unlink()
    again = start(harness, tmp_path)
    before = again.notes(ANA)
    again.handle(wish)
    again.handle(wish)
    again.work()
    assert (before, held(again, ANA), len(again.replies(wish))) == ([NOTE], "[]", 1)
    assert (again.handler.counts["forgotten again"], again.handler.counts["repeated"]) == (1, 1)


def test_a_wish_that_was_done_here_is_not_done_again(harness):
    wish = harness.say(ANA, "forget me")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.handle(wish)
    assert (harness.notes(ANA), harness.reconcile()) == ([NOTE], 0)


# --- posts and notes -----------------------------------------------------------------------------


def the_post_is_deleted(harness):
    harness.network.remove(harness.ana.uri)
    harness.send(PostDeleted, harness.ana.uri, ANA, harness.clock())


def the_post_is_edited(harness):
    harness.handle(harness.edit(harness.ana, "I live somewhere", away=True), edited=True)


def the_operator_forgets_the_note(harness):
    parts, now = harness.services, harness.clock()
    with parts.db.write() as tx, propagate_erasure(tx, parts.memory, parts.journal, ANA, now):
        (note,) = parts.memory.recall(tx, ANA).notes
        parts.memory.forget_note(tx, note.id, actor="operator", at=now)


def the_brain_forgets_the_note(harness):
    harness.brain.script = [("forget", {"note": "n1"}), REPLY]
    harness.say(ANA, "forget where I live")
    harness.work()


@pytest.mark.parametrize(
    "wish",
    [the_post_is_deleted, the_post_is_edited, the_operator_forgets_the_note, the_brain_forgets_the_note],
    ids=lambda wish: wish.__name__,
)
def test_a_note_that_was_forgotten_is_gone_from_a_database_that_was_restored(harness, tmp_path, wish):
    copy = backup(harness.services.db)
    wish(harness)
    after = rows(harness, "passage")
    restore(harness.services.db, copy)
    again = start(harness, tmp_path)
    assert (again.notes(ANA), again.notes(BEN), len(rows(again, "note"))) == ([], [NOTE], 1)
    assert [row["key"] for row in rows(again, "passage")] == [row["key"] for row in after]


def test_another_note_of_the_same_post_stays(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, ("remember", {"text": "has a dog"}), REPLY))
    harness.ana = harness.ben = harness.say(ANA, "I live in Lisbon with my dog")
    harness.work()
    harness.clock.forward(hours=1)
    copy = backup(db)
    the_brain_forgets_the_note(harness)
    restore(db, copy)
    assert start(harness, tmp_path).notes(ANA) == ["has a dog"]


def test_posts_and_notes_are_erased_again_once(harness, tmp_path):
    copy = backup(harness.services.db)
    the_post_is_deleted(harness)
    restore(harness.services.db, copy)
    found = start(harness, tmp_path).found, start(harness, tmp_path).found
    assert [len(each.posts) for each in found] == [1, 0]


def test_the_words_of_a_deleted_post_are_gone_from_turns_of_others(harness, tmp_path):
    parent = harness.ana.to_json()
    harness.say(BEN, "is that so?", reply={"root": parent, "parent": parent})
    harness.work()
    harness.clock.forward(hours=1)
    copy = backup(harness.services.db)
    the_post_is_deleted(harness)
    restore(harness.services.db, copy)
    with harness.services.db.read() as tx:
        told = "SELECT count(*) FROM turn WHERE told LIKE '%I live in Lisbon%' AND did = :ben"
        before = tx.scalar(text(told), {"ben": BEN})
    again = start(harness, tmp_path)
    with again.services.db.read() as tx:
        left = tx.scalar(text(told + " AND uri <> :own"), {"ben": BEN, "own": harness.ben.uri})
    assert (before, left) == (2, 0)


# --- late events ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rkey", [True, False], ids=["by its record key", "by createdAt"])
def test_what_was_said_before_the_wish_and_is_heard_after_it_is_not_stored(harness, rkey):
    at = harness.clock()
    late = harness.say(ANA, "I have a dog", rkey=tid(at) if rkey else None, heard=False)
    harness.clock.forward(seconds=1)
    forget_me(harness)
    harness.clock.forward(hours=1)
    harness.handle(late)
    harness.reconcile()
    harness.work()
    assert (held(harness, ANA), harness.replies(late)) == ("[]", [])
    assert harness.handler.counts["ignored.said before an erasure"] == 2


def test_a_mention_that_got_no_answer_is_settled_when_its_author_is_erased(harness):
    harness.brain.script = [("stay_silent", {"reason": "noise"})]
    ahead = harness.clock() + timedelta(minutes=5)  # of a phone: it seems to be said after the wish
    silent = harness.say(ANA, "I have a dog", rkey=tid(ahead))
    harness.work()
    harness.erase(ANA)
    harness.clock.forward(hours=1)
    harness.handle(silent)
    assert (held(harness, ANA), harness.handler.counts["ignored.in the ledger"]) == ("[]", 1)


@pytest.mark.slow
def test_what_is_heard_while_its_author_is_erased_is_not_stored(harness, monkeypatch):
    late = harness.say(ANA, "I have a dog", heard=False)
    harness.clock.forward(seconds=1)
    judged, erased, names_post = threading.Event(), threading.Event(), Journal.names_post

    def slowly(*values):
        found = names_post(*values)
        judged.set()
        erased.wait(1)
        return found

    def erase():
        judged.wait(10)
        harness.erase(ANA)
        erased.set()

    monkeypatch.setattr(Journal, "names_post", slowly)
    at_once(partial(harness.handle, late), erase)
    assert held(harness, ANA) == "[]"


def test_what_cannot_be_dated_counts_as_said_before_the_wish(harness):
    forget_me(harness)
    harness.clock.forward(hours=1)
    harness.say(ANA, "I have a dog", createdAt="soon")
    assert held(harness, ANA) == "[]"


@pytest.mark.parametrize("after", [0.1, 1], ids=["within the second", "a second later"])
def test_who_speaks_again_begins_anew(harness, after):
    forget_me(harness)
    harness.clock.forward(seconds=after)
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()
    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.ANSWERED, None), [NOTE])
    assert "erases it all" in harness.replies(ref)[0].text


def test_what_was_said_between_the_wish_and_its_hearing_is_not_late(harness):
    wish = harness.say(ANA, "forget me", rkey=tid(harness.clock()), heard=False)
    harness.clock.forward(minutes=3)
    after = harness.say(ANA, "I live in Lisbon", rkey=tid(harness.clock()), heard=False)
    harness.clock.forward(hours=1)
    harness.handle(wish)
    harness.handle(after)
    harness.work()
    assert harness.notes(ANA) == [NOTE]


def test_a_late_stop_is_obeyed_and_not_stored(harness):
    late = harness.say(ANA, "stop", heard=False)
    harness.clock.forward(seconds=1)
    forget_me(harness)
    harness.handle(late)
    harness.clock.forward(seconds=1)
    ref = harness.say(ANA, "hello")
    harness.work()
    assert harness.outcome(ref)[0] is State.DECLINED
    assert late.uri not in str(rows(harness, "mention"))


def test_a_deleted_post_that_is_heard_again_is_not_stored(harness, tmp_path):
    the_post_is_deleted(harness)
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))
    (tmp_path / "ledger").unlink()
    again = start(harness, tmp_path)
    again.clock.now = harness.clock() - timedelta(hours=1)
    again.say(ANA, "I live in Lisbon", rkey=record_key(harness.ana.uri))
    assert rows(again, "mention") == []


# --- import --------------------------------------------------------------------------------------


def exported(harness, did=ANA):
    with harness.services.db.read() as tx:
        return json.dumps(harness.services.memory.export(tx, did))


def imported(harness, document):
    parts = harness.services
    with parts.db.write() as tx:
        found = import_person(tx, parts.memory, parts.ledger, parts.journal, document, harness.clock())
    return found.fresh, found.left_out


def test_an_old_export_brings_nobody_back(harness):
    document = exported(harness)
    forget_me(harness)
    assert (imported(harness, document), held(harness, ANA)) == ((False, 1), "[]")


def test_an_old_export_brings_no_deleted_post_back(harness):
    document = exported(harness)
    the_post_is_deleted(harness)
    harness.brain.script = [REPLY]
    with harness.services.db.write() as tx:
        harness.services.memory.erase(tx, ANA)
    assert (imported(harness, document), harness.notes(ANA)) == ((True, 1), [])


def test_a_note_that_two_posts_said_is_not_brought_back_by_an_export_from_before_one_was_deleted(harness):
    harness.say(ANA, "I do live in Lisbon")
    harness.work()
    document = exported(harness)
    the_post_is_deleted(harness)
    harness.clock.forward(minutes=1)
    forget_note(harness)
    with harness.services.db.write() as tx:
        harness.services.memory.erase(tx, ANA)
    imported(harness, document)
    assert harness.notes(ANA) == []


def test_an_export_from_after_the_wish_is_taken_in(harness):
    forget_me(harness)
    harness.clock.forward(minutes=1)
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    document = exported(harness)
    with harness.services.db.write() as tx:
        harness.services.memory.erase(tx, ANA)
    assert (imported(harness, document), harness.notes(ANA)) == ((True, None), [NOTE])


# --- several machines ----------------------------------------------------------------------------


@pytest.fixture
def shared(postgres, tmp_path):
    """The first of several machines, which have only PostgreSQL in common."""
    db = Database(postgres())
    harness = Harness(db, tmp_path / "first", ScriptedBrain(REMEMBER, REPLY))
    harness.ana, harness.ben = harness.say(ANA, "I live in Lisbon"), harness.say(BEN, "I live in Lisbon")
    harness.work()
    harness.clock.forward(hours=1)
    yield harness
    db.close()


def test_a_second_machine_with_an_empty_folder_erases_again_by_what_the_first_one_knew(shared, tmp_path):
    db, journal = shared.services.db, shared.services.journal
    copy = backup(db)
    forget_me(shared)
    restore(db, copy)
    journal.exchange(db)
    assert held(start(shared, tmp_path / "second"), ANA) == "[]"


def test_the_machine_that_has_the_file_erases_again_and_gives_the_journal_to_the_others(shared, tmp_path):
    copy = backup(shared.services.db)
    forget_me(shared)
    restore(shared.services.db, copy)
    assert held(start(shared, tmp_path / "first"), ANA) == "[]"
    late = start(shared, tmp_path / "second")
    late.handle(shared.ana)
    assert held(late, ANA) == "[]"


def test_a_second_machine_does_not_store_what_was_said_before_a_wish_that_the_first_one_heard(
    shared, tmp_path
):
    second = start(shared, tmp_path / "second")
    late = shared.say(ANA, "I have a dog", heard=False)
    shared.clock.forward(seconds=1)
    forget_me(shared)
    second.clock.now = shared.clock.forward(seconds=1)
    second.handle(late)
    with pytest.raises(UnknownPerson):
        second.notes(ANA)
    assert held(second, ANA) == "[]"
