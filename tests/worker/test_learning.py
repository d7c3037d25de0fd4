"""What memory learns from a turn: from who was told at once, from who was not when they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot.brains.rules import wording
from bot.brains.rules.brain import Rules
from bot.domain.consent import Consent
from bot.domain.mention import State
from bot.errors import PermanentNetworkError
from bot.storage.tables import IntroductionRow
from bot.wording import answers
from memory.row_security import only
from memory.rows import passages
from memory.rows.passages import PASSAGE

NOTICE = answers.text("en", "notice_ask")
REMEMBER = ("remember", {"text": "lives in Odense"})
REPLY = ("reply", {"text": "Noted."})
SILENT = ("stay_silent", {"reason": "noise"})


def exchanges(harness, did=ANA):
    with harness.services.db.read() as tx, only(tx, did):
        said = passages.find(tx, PASSAGE.did == did, PASSAGE.note_id.is_(None), limit=9)
        return [one.text for one in said]


def held(harness, did=ANA):
    """Notes, texts of passages, and whatever waits for a reply."""
    with harness.services.db.read() as tx:
        waiting = tx.execute(IntroductionRow.__table__.select()).all()
    return harness.notes(did), exchanges(harness, did), len(waiting)


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


def test_nothing_is_kept_of_who_was_never_told(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, SILENT))
    ref = harness.say(ANA, "I live in Odense")
    harness.work()

    assert harness.outcome(ref) == (State.SILENT, "noise")
    assert held(harness) == ([], [], 0)


def test_who_was_told_is_remembered_from_a_silent_turn_too(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, SILENT))
    harness.introduce(ANA)
    harness.say(ANA, "I live in Odense")
    harness.work()

    assert held(harness) == (["lives in Odense"], ["I live in Odense"], 0)


def test_the_first_turn_is_remembered_when_the_notice_stands(harness):
    ref = harness.say(ANA, "I live in Odense")
    harness.draft()
    drafted = held(harness)
    harness.work()

    assert drafted == ([], [], 1)
    assert harness.replies(ref)[0].text == f"Noted.\n\n{NOTICE}"
    assert held(harness) == (["lives in Odense"], ["I live in Odense", "Noted."], 0)


def test_nothing_is_kept_of_a_first_turn_whose_reply_is_declined_and_the_next_one_tells(harness):
    harness.say(ANA, "I live in Odense")
    harness.draft()
    harness.say(ANA, "stop")
    harness.work()
    declined = held(harness)
    harness.say(ANA, "start")
    ref = harness.say(ANA, "I live in Odense")
    harness.work()

    assert declined == ([], [], 0)
    assert harness.replies(ref)[0].text == f"Noted.\n\n{NOTICE}"


def test_nothing_waits_of_who_is_forgotten_meanwhile(harness):
    harness.say(ANA, "I live in Odense")
    harness.draft()
    harness.erase(ANA)

    with harness.services.db.read() as tx:
        assert tx.execute(IntroductionRow.__table__.select()).all() == []


def test_what_waits_goes_with_the_words_that_it_was_made_of(harness):
    told = harness.say(ANA, "I live in Odense")
    harness.work()
    (answer,) = harness.replies(told)
    quoting = {"embed": {"$type": "app.bsky.embed.record", "record": answer.ref.to_json()}}
    harness.say(BEN, "what is that?", **quoting)
    harness.draft()
    before = held(harness, BEN)
    harness.erase(ANA)

    assert before == ([], [], 1)
    assert held(harness, BEN) == ([], [], 0)


def test_nothing_waits_of_a_post_that_was_edited_meanwhile(harness):
    ref = harness.say(ANA, "I live in Odense")
    harness.draft()
    harness.handle(harness.edit(ref, "I do not live in Odense"), edited=True)

    assert held(harness) == ([], [], 0)


def test_the_first_post_tells_though_the_second_never_leaves(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, ("reply", {"text": "A sentence. " * 40})))
    harness.say(ANA, "I live in Odense")
    harness.draft()
    put, parts = harness.network.put, []

    async def one_only(rkey, record):
        parts.append(rkey)
        if len(parts) > 1:
            raise PermanentNetworkError("no")
        return await put(rkey, record)

    harness.network.put = one_only
    harness.work()
    (post,) = harness.network.posts(harness.network.did)

    assert NOTICE in post.text
    assert harness.notes(ANA) == ["lives in Odense"]


def test_what_the_operator_changed_meanwhile_stays_and_the_reply_leaves(harness):
    ref = harness.say(ANA, "I live in Odense")
    harness.draft()
    harness.services.memory.limits = replace(harness.services.memory.limits, per_day=0)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert harness.notes(ANA) == []


@pytest.mark.parametrize("consent", [Consent.OPT_IN, Consent.OFF])
def test_without_a_wish_nothing_is_kept_and_the_first_reply_says_so(harness, consent):
    harness.with_consent(consent)
    ref, again = harness.say(ANA, "I live in Odense"), harness.say(ANA, "and I bake")
    harness.work()

    assert harness.replies(ref)[0].text == f"Noted.\n\n{answers.text('en', f'notice_{consent.name.lower()}')}"
    assert harness.replies(again)[0].text == "Noted."
    assert held(harness) == ([], [], 0)
    assert "not remembered" in harness.brain.prompts[-1].text()


def test_without_memory_nothing_that_was_known_before_is_shown(harness):
    harness.introduce(ANA)
    harness.say(ANA, "I live in Odense")
    harness.work()
    harness.with_consent(Consent.OFF)
    harness.say(ANA, "where do I live?")
    harness.work()

    assert harness.notes(ANA) == ["lives in Odense"]
    assert "Odense" not in harness.brain.prompts[-1].text()


def test_with_opt_in_who_wished_it_is_remembered_and_begins_anew_when_forgotten(harness):
    harness.with_consent(Consent.OPT_IN)
    for text in ("remember me", "I live in Odense"):
        harness.say(ANA, text)
        harness.work()
        harness.clock.forward(minutes=1)
    wished = held(harness)
    harness.say(ANA, "forget me")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.say(ANA, "I live in Odense")
    harness.work()

    assert wished == (["lives in Odense"], ["I live in Odense", "Noted."], 0)
    assert held(harness) == ([], [], 0)


def test_who_wishes_it_before_the_reply_stands_is_not_remembered(harness):
    harness.say(ANA, "I live in Odense")
    harness.draft()
    harness.say(ANA, "don't remember me")
    harness.work()

    assert held(harness) == ([], [], 0)


def test_what_was_known_before_the_wish_is_not_shown_and_stays(harness):
    harness.say(ANA, "I live in Odense")
    harness.work()
    for text in ("don't remember me", "where do I live?"):
        harness.clock.forward(minutes=1)
        harness.say(ANA, text)
        harness.work()

    assert harness.notes(ANA) == ["lives in Odense"]
    assert "Odense" not in harness.brain.prompts[-1].text()


@pytest.mark.parametrize(
    ("text", "langs", "lang"),
    [("hola", ["es"], "es"), ("Ich wohne seit drei Jahren in Odense.", None, "de"), ("hm", None, "en")],
)
def test_the_notice_is_in_the_language_of_the_person(harness, text, langs, lang):
    ref = harness.say(ANA, text, **({"langs": langs} if langs else {}))
    harness.work()

    assert harness.replies(ref)[0].text.endswith(answers.text(lang, "notice_ask"))


def test_the_rules_promise_nothing_to_who_is_not_remembered(harness):
    harness.with_brain(Rules())
    for text in ("don't remember me", "I have a cat called Mango"):
        ref = harness.say(ANA, text)
        harness.work()
        harness.clock.forward(minutes=1)
    (answer,) = harness.replies(ref)

    assert any(phrase in answer.text for phrase in wording.NOT_REMEMBERED)
    assert held(harness) == ([], [], 0)
