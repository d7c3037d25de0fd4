"""After every way of forgetting, no column and no file has the words, and `--prove` would find them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Text, text
from support.backup import backup, restore
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
from bot.errors import TransientNetworkError
from bot.network.in_memory_chat import ALL
from bot.privacy import proof
from bot.privacy.reapplying import apply_journal, import_person
from memory.tables import Base

CANARY = "ZEBRAFISH"
SECRET = f"lives in {CANARY}"
# Columns that are about no person, or hold only hashes, names of ours and codes.
IMPERSONAL = {
    *(f"mention.{name}" for name in ("cid", "reason", "root_cid", "parent_cid", "rev", "state", "worker")),
    *("mention.langs", "mention.command", "mention.brain", "mention.model"),
    *("outbox.facets", "outbox.rkey", "outbox.uri", "outbox.cid", "outbox.mention_uri"),
    *("introduction.mention_uri", "introduction.key"),
    *(f"direct_message.{name}" for name in ("mention_uri", "after", "sent")),
    *("cursor.host", "gap.host", "gap.reason", "errand.kind", "errand.subject"),
    *("session.account", "session.session", "erasure.hash", "erasure_salt.salt"),
    *("ledger_line.kind", "ledger_line.hash", "ledger_line.day", "ledger_salt.salt"),
    *("turn.uri", "turn.did", "turn.brain", "turn.model", "turn.persona", "turn.outcome", "turn.error"),
    *("person.did", "person.status", "handle.did", "mention.did", "mention.uri"),
    *("answer_source.mention_uri", "answer_source.uri", "mention.hidden_root", "mention.merged_into"),
    *("mention.root_uri", "mention.parent_uri", "note.did", "note.source_uri", "note.source_cid"),
    *("note.said_by", "receipt.uri", "receipt.did", "receipt.cid", "revision.did", "revision.op"),
    *("revision.actor", "revision.source_uri", "revision.key", "passage.did", "passage.kind"),
    *("passage.author", "passage.source", "passage.lang", "passage.emb_model", "shelf.did"),
    *("stop.did", "memory_wish.did", "block.uri", "block.did", "gate.uri", "gate.post", "gate.record"),
    *("thread_stop.root_uri", "thread_stop.did", "person_queue.did", "spend_day.day", "spend_day.kind"),
    *("denial.did", "stance.did", "stance.statements"),
    *("spend.kind", "spend.person", "spend.thread", "spend.mention"),
}


@pytest.fixture
def harness(db, tmp_path):
    """Ana told something twice, in an answered and in a silent turn; Ben quoted the answer."""
    remember = ("remember", {"text": SECRET})
    harness = Harness(db, tmp_path, ScriptedBrain(remember, ("reply", {"text": f"{CANARY}, noted."})))
    harness.folder = tmp_path
    harness.network.set_handle(ANA, f"{CANARY.lower()}.test")
    harness.told = harness.say(ANA, f"I live in {CANARY}")
    harness.work()
    (answer,) = harness.replies(harness.told)
    harness.clock.forward(minutes=1)
    revise = ("revise", {"note": "n1", "text": f"{SECRET} by the sea"})
    harness.brain.script = [revise, ("stay_silent", {"reason": f"{CANARY} is no question"})]
    harness.again = harness.say(ANA, f"{CANARY} is where I live")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.brain.script = [("reply", {"text": f"It says {CANARY}."})]
    quoting = {"embed": {"$type": "app.bsky.embed.record", "record": answer.ref.to_json()}}
    harness.say(BEN, "what is that?", **quoting)
    harness.work()
    harness.clock.forward(minutes=1)
    let_messages_wait(harness)
    harness.brain.script = [("reply", {"text": "Done."})]
    return harness


def let_messages_wait(harness):
    """Ana asked what is known of her, and the messages that tell her could not be sent yet."""
    chat = harness.network.direct_messages
    chat.unable, chat.allowed[ANA] = None, ALL
    chat.fail("send", TransientNetworkError("503"))
    harness.say(ANA, "what do you know about me?")
    harness.work()


def places(harness, *words):
    """The columns and the files with one of the words."""
    rows = {trace.place for trace in proof.find_in_rows(harness.services.db, words) if not trace.needed}
    files, _ = proof.find_in_files([harness.folder], words)
    return rows, [trace.place for trace in files]


def forgotten_and_imported(harness):
    parts = harness.services
    with parts.db.read() as tx:
        document = parts.memory.export(tx, ANA)
    harness.erase(ANA)
    with parts.db.write() as tx:
        import_person(tx, parts.memory, parts.ledger, parts.journal, json.dumps(document), harness.clock())


def forgotten_and_restored(harness):
    parts, rows = harness.services, backup(harness.services.db)
    harness.erase(ANA)
    restore(parts.db, rows)
    apply_journal(parts.db, parts.memory, parts.ledger, parts.journal, harness.clock())


def brain_forgets_the_note(harness):
    harness.brain.script = [("forget", {"note": "n2"}), ("reply", {"text": "Done."})]
    harness.say(ANA, "forget where I live")
    harness.work()


def operator_forgets_the_note(harness):
    forget_note(harness, 2)


def posts_are_deleted(harness):
    for ref in (harness.told, harness.again):
        harness.network.remove(ref.uri)
        harness.send(PostDeleted, ref.uri, ANA, harness.clock())


def posts_are_edited(harness):
    for ref in (harness.told, harness.again):
        harness.handle(harness.edit(ref, "I live somewhere"), edited=True)


PERSON = [
    forget_me,
    forget_me_found_by_notification,
    the_operator_forgets_the_person,
    the_account_is_deleted,
    its_time_is_over,
    forgotten_and_imported,
    forgotten_and_restored,
]
NOTE = [brain_forgets_the_note, operator_forgets_the_note, posts_are_deleted, posts_are_edited]


def by_name(function):
    return function.__name__


def test_the_canary_stands_in_every_column_with_what_people_or_brains_write(harness):
    columns = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Text)
    }
    harness.brain.script = [("remember", {"text": SECRET}), ("reply", {"text": f"{CANARY}, noted."})]
    harness.say("did:plc:carl", f"I live in {CANARY}, too")
    harness.draft()  # what is drafted for who was never told of memory waits
    rows, _ = places(harness, CANARY, CANARY.lower())
    assert columns - IMPERSONAL == {place for place in rows if place not in IMPERSONAL}
    assert columns >= IMPERSONAL


@pytest.mark.parametrize("forget", PERSON, ids=by_name)
def test_of_a_forgotten_person_neither_words_nor_names_are_left(harness, forget):
    forget(harness)
    assert places(harness, CANARY, CANARY.lower(), ANA) == (set(), [])


@pytest.mark.parametrize("forget", NOTE, ids=by_name)
def test_of_a_forgotten_note_no_word_is_left(harness, forget):
    with harness.services.db.write() as tx:  # the handle has the canary, too, and stays
        tx.execute(text("UPDATE person SET handle = NULL"))
        tx.execute(text("DELETE FROM handle"))
    harness.network.set_handle(ANA, "ana.test")
    forget(harness)
    assert places(harness, CANARY) == (set(), [])


def test_a_word_is_found_in_a_file_across_the_pieces_that_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(proof, "CHUNK", 7)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_bytes(b"xxxxxZEBRAFISH ZEBRAFISHZEBRAFISH")
    (found,), unread = proof.find_in_files([tmp_path], [CANARY])
    assert (found.count, found.place, unread) == (3, str(tmp_path / "deep" / "log"), [])


def test_a_word_is_found_in_json_whatever_its_letters(harness):
    harness.brain.script = [("reply", {"text": "Ξ£ΔΨ ∞ “ok”"})]
    harness.say(BEN, "hi")
    harness.work()
    assert {"turn.reply", "turn.calls", "outbox.text"} <= places(harness, "Ξ£ΔΨ ∞ “ok”")[0]


def test_on_postgresql_the_tables_are_vacuumed_by_a_scrub(harness):
    db = harness.services.db
    if db.is_sqlite:
        pytest.skip("PostgreSQL only")
    harness.erase(ANA)
    assert db.needs_scrub
    assert db.scrub()
    with db.read() as tx:
        left = tx.execute(text("SELECT relname FROM pg_stat_user_tables WHERE last_vacuum IS NULL")).all()
    assert (left, db.needs_scrub) == ([], False)


@pytest.mark.slow
def test_a_word_is_found_among_thousands_that_are_searched_for(harness):
    words = [f"nothing has word {number}" for number in range(3000)]
    assert proof.find_in_rows(harness.services.db, words) == []
    assert "turn.reply" in places(harness, *words, CANARY)[0]


def test_nothing_is_found_if_nothing_is_searched_for(harness):
    assert proof.find_in_rows(harness.services.db, []) == []
    assert proof.find_in_files([harness.folder], []) == ([], [])
