"""What the bot repeated of somebody's words goes with them: its answers, its turns, and what quoted those."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.events import rows
from support.factory import ANA, BEN
from support.forgetting import (
    forget_note,
    the_operator_forgets_the_person,
)
from support.harness import Harness, ScriptedBrain

from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.privacy.retention import apply_retention
from memory.model import RetentionPolicy

CANARY = "ZEBRAFISH"
ECHO = ("reply", {"text": f"You said {CANARY}."})
TABLES = ("mention", "outbox", "turn", "answer_source", "passage", "note", "revision", "receipt", "errand")


@pytest.fixture
def harness(db, tmp_path):
    """Ana told something, and the bot repeated it."""
    remember = ("remember", {"text": f"lives in {CANARY}"})
    harness = Harness(db, tmp_path, ScriptedBrain(remember, ECHO))
    harness.told = harness.say(ANA, f"I live in {CANARY}")
    harness.work()
    (harness.answer,) = harness.replies(harness.told)
    return harness


def found(harness, word=CANARY):
    """The tables that have the word."""
    return [name for name in TABLES if word in repr([dict(row) for row in rows(harness, name)])]


def quote(ref):
    return {"embed": {"$type": "app.bsky.embed.record", "record": ref.to_json()}}


def under(root, parent):
    return {"reply": {"root": root.to_json(), "parent": parent.to_json()}}


def delete_post(harness):
    harness.network.remove(harness.told.uri)
    harness.send(PostDeleted, harness.told.uri, ANA, harness.clock())


def edit_post(harness):
    harness.handle(harness.edit(harness.told, "I live somewhere"), edited=True)


FORGETTING = [forget_note, delete_post, edit_post, the_operator_forgets_the_person]


@pytest.mark.parametrize("forget", FORGETTING)
def test_the_bots_own_answer_that_repeats_it_is_erased(harness, forget):
    before = found(harness)
    forget(harness)
    assert before
    assert found(harness) == []


@pytest.mark.parametrize("forget", FORGETTING)
def test_who_quoted_the_answer_keeps_none_of_its_words(harness, forget):
    harness.brain.script = [ECHO]
    quoting = harness.say(BEN, "what does that mean?", **quote(harness.answer.ref))
    harness.work()
    (again,) = harness.replies(quoting)
    harness.clock.forward(minutes=1)
    harness.say(BEN, "and this?", **quote(again.ref))
    harness.work()
    forget(harness)
    assert harness.entry(quoting).state is State.ANSWERED
    assert found(harness) == []


@pytest.mark.parametrize("forget", FORGETTING)
def test_a_reason_of_a_silence_is_erased(db, tmp_path, forget):
    silent = ("stay_silent", {"reason": f"{CANARY} is no question"})
    harness = Harness(db, tmp_path, ScriptedBrain(("remember", {"text": f"lives in {CANARY}"}), silent))
    harness.introduce(ANA)
    harness.told = harness.say(ANA, f"I live in {CANARY}")
    harness.work()
    assert CANARY in harness.entry(harness.told).why
    forget(harness)
    assert found(harness) == []


def test_a_reason_of_a_silence_is_not_kept_longer_than_texts(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(("stay_silent", {"reason": f"{CANARY} is no question"})))
    harness.say(ANA, f"I live in {CANARY}")
    harness.work()
    parts, now = harness.services, harness.clock.forward(days=31)
    policy = RetentionPolicy(text=timedelta(days=30), idle=timedelta(days=300))
    apply_retention(parts.db, parts.memory, parts.ledger, parts.journal, policy, now)
    assert found(harness) == []


def test_the_brains_last_answer_about_a_note_that_it_forgets_is_posted_and_then_erased(harness):
    harness.clock.forward(minutes=1)
    harness.brain.script = [("forget", {"note": "n1"}), ("reply", {"text": f"{CANARY} is forgotten."})]
    ref = harness.say(ANA, "my home shall be a secret again")
    harness.work()
    (posted,) = harness.replies(ref)
    assert CANARY in posted.record["text"]
    assert found(harness) == []


def test_a_turn_that_was_under_way_leaves_no_words_behind(harness):
    harness.clock.forward(minutes=1)

    async def forget():
        harness.erase(ANA)

    harness.brain.script = [forget, ECHO]
    ref = harness.say(BEN, "what does that mean?", **quote(harness.answer.ref))
    harness.work()
    assert harness.entry(ref).state is State.ANSWERED
    assert found(harness) == []


def test_a_draft_to_somebody_else_that_repeats_it_is_not_posted(harness):
    harness.clock.forward(minutes=1)
    harness.brain.script = [ECHO]
    ref = harness.say(BEN, "what does that mean?", **quote(harness.answer.ref))
    harness.draft()
    assert harness.entry(ref).state is State.DRAFTED
    harness.erase(ANA)
    harness.brain.script = [("reply", {"text": "I cannot see it."})]
    harness.work()
    assert [post.record["text"] for post in harness.replies(ref)] != []
    assert not [post for post in harness.replies(ref) if CANARY in post.record["text"]]


def test_what_was_forgotten_is_not_shown_again_though_it_stands_on_the_network(harness):
    harness.erase(ANA)
    harness.clock.forward(minutes=1)
    harness.brain.script = [("reply", {"text": "I cannot see it."})]
    harness.say(BEN, "what does that mean?", **quote(harness.answer.ref), **under(harness.told, harness.told))
    harness.work()
    shown = harness.brain.prompts[-1]
    assert CANARY not in repr(shown)
    assert found(harness) == []


def test_who_was_forgotten_is_not_named_by_who_answered_in_their_thread(harness):
    asked = harness.say(BEN, "who is that?", **under(harness.told, harness.told))
    harness.work()
    harness.erase(ANA)
    assert harness.entry(asked).state is State.ANSWERED
    assert found(harness, ANA) == []


def test_who_waits_in_the_thread_of_a_forgotten_person_is_answered_and_then_names_nobody(harness):
    asked = harness.say(BEN, "who is that?", **under(harness.told, harness.told))
    harness.erase(ANA)
    harness.work()
    (answer,) = harness.replies(asked)
    assert answer.record["reply"]["root"]["uri"] == harness.told.uri
    assert found(harness, ANA) == []


def test_others_keep_what_has_nothing_to_do_with_it(harness):
    harness.brain.script = [("reply", {"text": "Hello Ben."})]
    ref = harness.say(BEN, "hello")
    harness.work()
    harness.erase(ANA)
    (part,) = harness.entry(ref).parts
    assert part.text.startswith("Hello Ben.")
    assert "Hello Ben." in repr([dict(row) for row in rows(harness, "turn")])


def test_a_deleted_post_without_a_note_leaves_no_later_answer_that_repeats_it(harness):
    harness.brain.script = [("reply", {"text": "Which one?"})]
    said = harness.say(BEN, "my street is AXOLOTL Road")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.brain.script = [("reply", {"text": "It was AXOLOTL Road."})]
    harness.say(BEN, "which street was it?")
    harness.work()
    harness.network.remove(said.uri)
    harness.send(PostDeleted, said.uri, BEN, harness.clock())
    assert found(harness, "AXOLOTL") == []
    assert "which street was it?" in repr(rows(harness, "passage"))
