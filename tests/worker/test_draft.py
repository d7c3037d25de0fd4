"""From a claimed mention to a stored reply, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, LIMITS, ME
from support.harness import Harness, ScriptedBrain

from bot.counts import DELAYED
from bot.domain import gate
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.storage import outbox, turns
from bot.wording import answers
from memory.errors import UnknownPerson

NOTICE = answers.text("en", "notice_ask")
REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})


def test_the_first_reply_says_what_it_is_and_how_to_stop_it_and_the_second_does_not(harness):
    first, second = harness.say(ANA, "hi"), harness.say(ANA, "hi again")
    harness.work()

    texts = [harness.replies(ref)[0].text for ref in (first, second)]
    assert texts == [f"hello\n\n{NOTICE}", "hello"]


def test_memory_and_reply_commit_together_or_not_at_all(db, tmp_path, monkeypatch):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.introduce(ANA)
    ref = harness.say(ANA, "I live in Lisbon")
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "draft", lambda *_: 1 / 0)
        harness.work(1)
    failed = harness.entry(ref).state, harness.notes(ANA)
    harness.clock.forward(minutes=1)
    harness.work()

    assert failed == (State.WAITING, [])
    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])


def test_a_note_names_the_post_it_came_from(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()

    with db.read() as tx:
        (note,) = harness.services.memory.recall(tx, ANA).notes
    assert (note.receipt.uri, note.receipt.cid, note.receipt.said_by) == (ref.uri, ref.cid, ANA)


def test_an_answer_that_stands_already_is_adopted_and_not_thought_again(harness, tmp_path):
    ref = harness.say(ANA, "hi")
    harness.work()
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))
    (tmp_path / "ledger").unlink()
    lost = Harness(harness.services.db, tmp_path / "elsewhere", network=harness.network)
    lost.handle(ref)
    lost.work()

    assert (lost.outcome(ref), lost.brain.prompts) == ((State.ANSWERED, "adopted"), [])
    assert len(harness.replies(ref)) == 1


def test_a_labelled_bot_is_declined_unthought(harness):
    harness.network.set_labels(ANA, "bot")
    ref = harness.say(ANA, "beep")
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, PolicyReason.BOT), [])


def test_forgetting_beats_a_thought_under_way(db, tmp_path):
    harness = Harness(db, tmp_path)

    async def forget_now():
        refs.append(await asyncio.to_thread(harness.say, ANA, "forget me"))

    refs = [harness.say(ANA, "I live in Lisbon")]
    harness.brain.script = [REMEMBER, REPLY, forget_now]
    harness.work()

    assert [len(harness.replies(ref)) for ref in refs] == [0, 1]
    with pytest.raises(UnknownPerson):
        harness.notes(ANA)


@pytest.mark.slow
def test_a_flood_of_one_person_is_put_off_at_once_and_others_are_served(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, person_hour=2))
    flood = [harness.say(ANA, f"hi {number}") for number in range(30)]
    ben, delayed = harness.say(BEN, "hi"), dict(DELAYED.items())
    harness.work(9)

    states = [harness.entry(ref).state for ref in flood]
    assert (states.count(State.ANSWERED), states.count(State.WAITING)) == (2, 28)
    limit = (PolicyReason.PERSON_HOUR.value,)
    assert dict(DELAYED.items())[limit] == delayed.get(limit, 0) + 1
    assert harness.entry(ben).state == State.ANSWERED


def test_a_mention_older_than_a_day_expires_in_silence(harness):
    ref = harness.say(ANA, "hi")
    harness.clock.forward(hours=25)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME)) == ((State.EXPIRED, PolicyReason.TOO_OLD), [])


def test_the_prompt_holds_nothing_of_another_person(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(("remember", {"text": "keeps a kea"}), REPLY))
    harness.say(ANA, "I keep a kea")
    harness.work()
    harness.brain.script = [REPLY]
    harness.say(BEN, "what does Ana keep?")
    harness.work()

    assert harness.notes(ANA) == ["keeps a kea"]
    assert "kea" not in harness.brain.prompts[-1].text()
    assert harness.brain.prompts[-1].recollection.notes == ()


def test_the_next_prompt_shows_the_last_exchange_once_with_its_date(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.say(ANA, "my jay eats acorns")
    harness.work()
    harness.clock.forward(minutes=30)
    harness.say(ANA, "what does my jay eat?")
    harness.work()
    shown = harness.brain.prompts[-1].text()
    assert shown.count("my jay eats acorns") == 1
    assert "· 2026-11-22 · you: " in shown


# --- the gate ------------------------------------------------------------------------------------

SECRET = "keeps the spare key in the blue flowerpot"


def refusals(harness, ref):
    with harness.services.db.read() as tx:
        (turn,) = turns.of_mention(tx, ref.uri)
    return [call.answer for call in turn.calls if not call.ok]


def test_a_note_of_another_person_is_never_posted(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.brain.script = [("remember", {"text": SECRET}), ("reply", {"text": "Noted."})]
    harness.say(BEN, "I keep the spare key in the blue flowerpot")
    harness.work()
    assert harness.notes(BEN) == [SECRET]
    harness.brain.script = [("reply", {"text": f"Ben {SECRET}."})]
    mention = harness.say(ANA, "where is Ben's key?")
    harness.work()
    assert harness.replies(mention) == []
    assert refusals(harness, mention) == [f"Not done: {gate.OTHERS}"]
    harness.brain.script = [("reply", {"text": f"You {SECRET}."})]
    harness.work()
    own = harness.say(BEN, "where is my key?")
    harness.work()
    assert len(harness.replies(own)) == 1


def test_an_answer_is_not_given_twice_in_a_day(db, tmp_path):
    harness = Harness(db, tmp_path)
    text = "A raven can plan for a day that is not here yet, which is rare."
    harness.brain.script = [("reply", {"text": text})]
    first, second = harness.say(ANA, "tell me of ravens"), harness.say(ANA, "and of crows?")
    harness.work()
    assert len(harness.replies(first)) == 1
    assert harness.replies(second) == []
    assert refusals(harness, second) == [f"Not done: {gate.REPEAT}"]
    harness.clock.forward(hours=25)
    third = harness.say(ANA, "ravens again, please")
    harness.work()
    assert len(harness.replies(third)) == 1


def test_a_reply_takes_its_posts_together_with_the_notice(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.brain.script = [("reply", {"text": "word " * 160}), ("reply", {"text": "word " * 100})]
    mention = harness.say(ANA, "tell me all")
    harness.work()
    assert "4 posts, 3 are allowed" in refusals(harness, mention)[0]
    posts = [post for post in harness.network.posts(ME) if "reply" in post.record]
    assert len(posts) <= 3
    assert "I'm a bot" in " ".join(post.text for post in posts)
