"""An answer goes with every post that the bot was shown when it thought of it, however it may repeat it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.backup import backup, restore
from support.factory import ANA, BEN, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.domain.reply import reserved_key, tid, tid_time
from bot.errors import TransientNetworkError
from bot.privacy import proof
from bot.privacy.reapplying import apply_journal, import_person
from bot.privacy.retention import apply_retention
from bot.storage import turns
from bot.storage.tables import SourceRow
from memory.model import RetentionPolicy

WORD = "ZEBRAFISH"
ECHO = ("reply", {"text": f"It says {WORD}."})
BLIND = ("reply", {"text": "I cannot see it."})


@pytest.fixture
def harness(db, tmp_path):
    """Ana told the world something; the bot has it from nowhere else."""
    harness = Harness(db, tmp_path, ScriptedBrain(ECHO))
    harness.root = harness.network.write(ANA, {"text": WORD, "createdAt": harness.clock().isoformat()})
    harness.clock.forward(minutes=5)
    return harness


def ask(harness, did, words="what does it say?", *, under=None, quoting=None, drafted=False, rkey=None):
    fields = {"reply": {"root": under.to_json(), "parent": under.to_json()}} if under else {}
    if quoting:
        fields["embed"] = {"$type": "app.bsky.embed.record", "record": quoting.ref.to_json()}
    ref = harness.say(did, words, rkey=rkey, **fields)
    harness.draft() if drafted else harness.work()
    harness.clock.forward(minutes=5)
    return ref


def answer(harness, ref):
    (post,) = harness.replies(ref)
    return post


def delete(harness, ref):
    harness.network.remove(ref.uri)
    harness.send(PostDeleted, ref.uri, ref.uri.split("/")[2], harness.clock())


def places(harness, word=WORD):
    return [trace.place for trace in proof.find_in_rows(harness.services.db, [word])]


def keep_no_turns(harness):
    options = replace(harness.services.options, retain_turns=timedelta(0))
    harness.worker._services = replace(harness.services, options=options)


@pytest.mark.parametrize("who", [ANA, BEN])
def test_it_goes_though_nobody_knows_the_words_of_the_post(harness, who):
    ask(harness, who, under=harness.root)
    delete(harness, harness.root)
    assert places(harness) == []


def test_it_goes_with_the_person_whose_post_it_was_shown_in_a_quote(harness):
    (post,) = harness.network.posts(ANA)
    ask(harness, BEN, quoting=post)
    before = places(harness)
    harness.erase(ANA)
    assert (before != [], places(harness)) == (True, [])


def test_it_goes_though_memory_showed_it_in_place_of_the_post(harness):
    ask(harness, BEN, under=harness.root)
    again = ask(harness, BEN, "say it again")
    assert WORD in repr(harness.brain.prompts[-1].recollection)
    delete(harness, harness.root)
    assert harness.entry(again).state is State.ANSWERED
    assert places(harness) == []


def test_it_goes_though_its_turn_had_no_words_left_since_another_post_was_deleted(harness):
    other = harness.network.write(
        BEN,
        {"text": "oaks", "createdAt": harness.clock().isoformat()}
        | {"reply": {"root": harness.root.to_json(), "parent": harness.root.to_json()}},
    )
    ask(harness, BEN, under=other)
    delete(harness, other)
    delete(harness, harness.root)
    assert places(harness) == []


def test_it_goes_though_no_turns_are_kept(harness):
    keep_no_turns(harness)
    ask(harness, BEN, under=harness.root)
    assert places(harness) != []
    delete(harness, harness.root)
    assert places(harness) == []


def test_it_goes_though_its_turn_is_past_its_time(harness):
    ask(harness, BEN, under=harness.root)
    with harness.services.db.write() as tx:
        turns.expire(tx, harness.clock())
    assert places(harness) != []
    delete(harness, harness.root)
    assert places(harness) == []


def test_it_goes_though_its_turn_could_not_be_stored(harness, monkeypatch):
    def broken(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(turns, "add", broken)
    ask(harness, BEN, under=harness.root)
    delete(harness, harness.root)
    assert places(harness) == []


@pytest.mark.parametrize("retain", [True, False])
def test_it_goes_though_the_post_was_deleted_by_a_transaction_that_it_did_not_see(harness, retain):
    if not retain:
        keep_no_turns(harness)

    async def delete_unseen():
        harness.handler.tracked.drop_post(harness.root.uri)

    harness.brain.script = [delete_unseen, ECHO]
    asked = ask(harness, BEN, under=harness.root)
    assert WORD in answer(harness, asked).record["text"]
    assert places(harness) == []


def test_what_an_edit_took_back_is_not_shown_again_though_the_answer_stands(harness):
    harness.brain.script = [ECHO]
    told = ask(harness, BEN, f"I live in {WORD}")
    posted = answer(harness, told)
    harness.handle(harness.edit(told, "I live somewhere"), edited=True)
    harness.brain.script = [BLIND]
    ask(harness, ANA, quoting=posted)
    assert places(harness) == []


def test_one_that_is_posted_after_the_wish_is_not_shown_again(harness):
    told = ask(harness, ANA, under=harness.root, drafted=True)
    assert harness.entry(told).state is State.DRAFTED
    delete(harness, harness.root)
    harness.work()
    posted = answer(harness, told)
    assert WORD in posted.record["text"]
    harness.brain.script = [BLIND]
    ask(harness, BEN, quoting=posted)
    assert places(harness) == []


def test_one_that_a_timeout_left_half_put_before_the_wish_is_not_shown_again(harness):
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    told = ask(harness, BEN, under=harness.root)
    delete(harness, harness.root)
    harness.brain.script = [BLIND]
    harness.work()
    posted = answer(harness, told)
    assert WORD in posted.record["text"]
    ask(harness, BEN, quoting=posted)
    assert (harness.outcome(told), places(harness)) == ((State.ANSWERED, "adopted"), [])


def test_one_that_a_timeout_left_half_put_before_an_edit_is_not_shown_again(harness):
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    told = ask(harness, BEN, f"I live in {WORD}")
    harness.handle(harness.edit(told, "I live somewhere"), edited=True)
    harness.brain.script = [BLIND]
    harness.work()
    posted = answer(harness, told)
    assert WORD in posted.record["text"]
    ask(harness, ANA, quoting=posted)
    assert (harness.outcome(told), places(harness)) == ((State.ANSWERED, "adopted"), [])


def test_one_that_is_being_put_when_the_wish_comes_is_not_shown_again(harness, monkeypatch):
    told, put = ask(harness, ANA, under=harness.root, drafted=True), harness.network.put

    async def late(rkey, record):
        await asyncio.to_thread(delete, harness, harness.root)
        return await put(rkey, record)

    monkeypatch.setattr(harness.network, "put", late)
    harness.work()
    posted = answer(harness, told)
    assert WORD in posted.record["text"]
    harness.brain.script = [BLIND]
    ask(harness, BEN, quoting=posted)
    assert places(harness) == []


def test_one_that_was_posted_after_the_wish_is_not_shown_by_an_older_database_either(harness):
    told = ask(harness, ANA, under=harness.root, drafted=True)
    drafted = backup(harness.services.db)
    delete(harness, harness.root)
    harness.work()
    posted = answer(harness, told)
    assert WORD in posted.record["text"]
    restore(harness.services.db, drafted)
    parts = harness.services
    apply_journal(parts.db, parts.memory, parts.ledger, parts.journal, harness.clock())
    harness.brain.script = [BLIND]
    harness.work()
    ask(harness, BEN, quoting=posted)
    assert (harness.outcome(told)[0], places(harness)) == (State.ANSWERED, [])


def test_one_whose_key_has_a_later_time_than_the_wish_is_not_shown_again(harness):
    """A record key is up to 67 seconds off."""
    keys = (tid(harness.clock() + timedelta(seconds=second)) for second in range(60))
    rkey = next(key for key in keys if _is_late(key))
    told = ask(harness, ANA, f"I live in {WORD}", rkey=rkey)
    posted = answer(harness, told)
    harness.clock.now = harness.clock.now - timedelta(minutes=5)
    delete(harness, told)
    harness.clock.forward(minutes=5)
    harness.brain.script = [BLIND]
    ask(harness, BEN, quoting=posted)
    assert places(harness) == []


def _is_late(rkey):
    answered = reserved_key(ME, f"at://{ANA}/app.bsky.feed.post/{rkey}", 0)
    return tid_time(answered) > tid_time(rkey) + 1_000_000


def test_one_that_this_database_does_not_know_is_not_shown(harness):
    told = ask(harness, BEN, under=harness.root)
    posted = answer(harness, told)
    with harness.services.db.write() as tx:
        for table in ("outbox", "mention", "turn", "passage", "answer_source"):
            tx.execute(text(f"DELETE FROM {table}"))
    delete(harness, harness.root)
    harness.brain.script = [BLIND]
    ask(harness, BEN, quoting=posted)
    assert places(harness) == []


def test_one_that_is_adopted_keeps_no_words_and_is_not_shown_once_something_was_forgotten(harness, tmp_path):
    told = ask(harness, BEN, quoting=harness.network.posts(ANA)[0])
    with harness.services.db.write() as tx:
        for table in ("outbox", "mention", "turn", "passage", "answer_source"):
            tx.execute(text(f"DELETE FROM {table}"))
    fresh = Harness(harness.services.db, tmp_path / "fresh", harness.brain, network=harness.network)
    fresh.clock.now = harness.clock.now
    fresh.handle(told)
    fresh.work()
    assert (fresh.outcome(told), places(fresh)) == ((State.ANSWERED, "adopted"), [])
    delete(fresh, harness.root)
    fresh.erase(ANA)
    fresh.brain.script = [BLIND]
    ask(fresh, BEN, quoting=answer(fresh, told))
    assert places(fresh) == []


# --- imported answers ----------------------------------------------------------------------------


def move(harness, did):
    """Export, forget without a wish, and import again: what stands there then."""
    parts = harness.services
    with parts.db.write() as tx:
        document = json.dumps(parts.memory.export(tx, did))
        parts.memory.erase(tx, did)
    return document


def take_in(harness, document):
    parts = harness.services
    with parts.db.write() as tx:
        import_person(tx, parts.memory, parts.ledger, parts.journal, document, harness.clock())


def test_an_imported_one_goes_with_the_next_post_that_is_forgotten(harness):
    ask(harness, BEN, under=harness.root)
    document = move(harness, BEN)
    with harness.services.db.write() as tx:
        for table in ("outbox", "mention", "turn", "answer_source"):
            tx.execute(text(f"DELETE FROM {table}"))
    take_in(harness, document)
    assert places(harness) == ["passage.text"]
    delete(harness, harness.root)
    assert places(harness) == []


def test_one_that_was_erased_is_not_imported_again(harness):
    ask(harness, BEN, under=harness.root)
    document = move(harness, BEN)
    delete(harness, harness.root)
    take_in(harness, document)
    assert places(harness) == []


# --- the lists -----------------------------------------------------------------------------------


def test_an_answer_that_was_shown_nothing_of_it_stays(harness):
    ask(harness, BEN, under=harness.root)
    harness.brain.script = [("reply", {"text": "Hello Eve."})]
    ask(harness, "did:plc:eve", "hello")
    delete(harness, harness.root)
    with harness.services.db.read() as tx:
        found = harness.services.memory.retrieval.find(tx, "did:plc:eve", "Eve", now=harness.clock())
    assert "Hello Eve." in [each.text for each in found]


def test_an_answer_that_was_shown_one_to_somebody_else_stays_whatever_a_third_person_has_forgotten(harness):
    shown = answer(harness, ask(harness, BEN, under=harness.root))
    harness.brain.script = [("reply", {"text": "Hello Eve."})]
    ask(harness, "did:plc:eve", "hello", under=shown.ref)
    harness.erase("did:plc:carol")
    assert places(harness, "Hello Eve.") != []


def test_a_post_that_no_answer_was_shown_is_not_named_in_the_journal(harness):
    delete(harness, harness.network.write(BEN, {"text": "oaks", "createdAt": harness.clock().isoformat()}))
    assert len(harness.services.journal) == 0


def test_when_a_person_is_past_their_time_no_list_names_them(harness):
    ask(harness, BEN, under=harness.root)
    harness.clock.forward(days=20)
    ask(harness, ANA, "hello")
    parts, now = harness.services, harness.clock.forward(days=15)
    policy = RetentionPolicy(text=timedelta(days=60), idle=timedelta(days=30))
    apply_retention(parts.db, parts.memory, parts.ledger, parts.journal, policy, now)
    assert places(harness, BEN) == []


def test_the_list_names_nobody_who_was_forgotten(harness):
    ask(harness, BEN, under=harness.root)
    harness.erase(ANA)
    assert places(harness, ANA) == []


def test_a_list_goes_with_the_texts_of_its_mention(harness):
    ask(harness, BEN, under=harness.root)
    parts, now = harness.services, harness.clock.forward(days=31)
    policy = RetentionPolicy(text=timedelta(days=30), idle=timedelta(days=300))
    apply_retention(parts.db, parts.memory, parts.ledger, parts.journal, policy, now)
    with parts.db.read() as tx:
        assert tx.execute(SourceRow.__table__.select()).all() == []
