"""Drafts that wait for the operator: what they become, and what they leave."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.factory import ANA, BEN, LIMITS, ME
from support.harness import REMEMBER, Harness, ScriptedBrain

from bot.domain.approval import Approve
from bot.domain.consent import Consent
from bot.domain.mention import Part, State
from bot.errors import NotFound
from bot.privacy import retention
from bot.storage import consent, drafts, steering
from bot.storage.tables import IntroductionRow
from memory.model import RetentionPolicy
from memory.row_security import only
from memory.rows import passages
from memory.rows.passages import PASSAGE

NOTE = "lives in Lisbon"


@pytest.fixture
def harness(db, tmp_path):
    brain = ScriptedBrain(REMEMBER, ("reply", {"text": "Noted."}))
    made = Harness(db, tmp_path, brain).with_approval(Approve.ALL)
    made.introduce(ANA)
    return made


def hand(harness, what, ref, *more):
    with harness.services.db.write() as tx:
        return what(tx, ref.uri, *more)


def approve(harness, ref):
    hand(harness, drafts.approve, ref, harness.clock())
    harness.work()


def reject(harness, ref):
    return hand(harness, drafts.reject, ref, harness.clock())


def exchange(harness, did=ANA):
    with harness.services.db.read() as tx, only(tx, did):
        return [one.text for one in passages.find(tx, PASSAGE.did == did, PASSAGE.note_id.is_(None), limit=9)]


def waiting(harness):
    with harness.services.db.read() as tx:
        return len(tx.execute(IntroductionRow.__table__.select()).all())


def ask(harness, did=ANA):
    ref = harness.say(did, "I live in Lisbon")
    harness.work()
    return ref


def test_a_draft_waits_and_nothing_is_remembered_before_it_is_approved(harness):
    ref = ask(harness)
    harness.clock.forward(hours=5)
    harness.work()
    assert harness.outcome(ref) == (State.DRAFTED, drafts.WAITS)
    assert harness.entry(ref).is_held
    assert (harness.replies(ref), harness.notes(ANA), exchange(harness)) == ([], [], [])

    approve(harness, ref)
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert [post.text for post in harness.replies(ref)] == ["Noted."]
    assert harness.notes(ANA) == [NOTE]
    assert "Noted." in exchange(harness)
    assert waiting(harness) == 0


def test_a_rejected_draft_leaves_no_memory(harness):
    ref = ask(harness)
    assert reject(harness, ref)
    harness.work()
    harness.run_jobs()
    assert harness.outcome(ref) == (State.DECLINED, drafts.REJECTED)
    assert (harness.replies(ref), harness.notes(ANA), exchange(harness)) == ([], [], [])
    assert waiting(harness) == 0
    assert harness.entry(ref).parts == ()
    assert not reject(harness, ref)


def test_a_mention_that_is_skipped_leaves_no_memory_either(harness):
    ref = ask(harness)
    hand(harness, steering.skip, ref, harness.clock(), "not this one")
    assert (harness.outcome(ref), waiting(harness)) == ((State.DECLINED, "not this one"), 0)


def test_a_rejected_mention_can_be_thought_about_again_and_waits_again(harness):
    ref = ask(harness)
    reject(harness, ref)
    hand(harness, steering.retry, ref, harness.clock())
    harness.work()
    assert harness.entry(ref).is_held
    assert len(harness.brain.prompts) == 2


def test_a_held_draft_is_not_posted_by_trying_it_again(harness):
    ref = ask(harness)
    with pytest.raises(NotFound, match="post approve"):
        hand(harness, steering.retry, ref, harness.clock())
    harness.work()
    assert harness.replies(ref) == []


def test_who_had_an_answer_is_no_new_person(harness):
    harness.with_approval(Approve.NEW_PEOPLE)
    first = ask(harness)
    assert harness.entry(first).is_held
    approve(harness, first)
    second = harness.say(ANA, "and now?")
    harness.work()
    assert len(harness.replies(second)) == 1
    assert harness.entry(ask(harness, BEN)).is_held


def test_the_person_is_told_when_the_draft_with_the_notice_is_posted(harness):
    ref = ask(harness, BEN)
    assert harness.notes(BEN) == []
    approve(harness, ref)
    assert harness.notes(BEN) == [NOTE]
    with harness.services.db.read() as tx:
        assert harness.services.memory.people.get(tx, BEN).told_of_memory


def test_who_was_told_is_not_told_again_by_another_approval(harness):
    approve(harness, ask(harness, BEN))
    before = told_at(harness, BEN)
    harness.clock.forward(hours=1)
    approve(harness, ask(harness, BEN))
    assert told_at(harness, BEN) == before


def told_at(harness, did):
    with harness.services.db.read() as tx:
        return harness.services.memory.people.get(tx, did).introduced_at


def test_an_approved_draft_is_posted_however_old_its_mention_is(harness):
    ref = ask(harness)
    harness.clock.forward(seconds=2 * LIMITS.max_age.total_seconds())
    approve(harness, ref)
    assert len(harness.replies(ref)) == 1


def test_what_stands_against_it_meanwhile_is_asked_once_more(harness):
    ref = ask(harness)
    harness.say(ANA, "stop")
    assert harness.outcome(ref)[0] is State.DECLINED
    assert waiting(harness) == 0
    with pytest.raises(NotFound):
        hand(harness, drafts.approve, ref, harness.clock())


def test_forget_me_erases_a_draft_that_waits(harness):
    ref = ask(harness)
    harness.say(ANA, "forget me")
    harness.work()
    assert waiting(harness) == 0
    with pytest.raises(NotFound):
        hand(harness, drafts.approve, ref, harness.clock())
    with harness.services.db.read() as tx:
        assert drafts.held(tx, None, 9) == ()


def test_a_draft_that_may_repeat_what_is_forgotten_is_thought_of_anew(harness):
    """It may wait for days, and what is forgotten is gone at once."""
    approve(harness, ask(harness))
    harness.clock.forward(hours=1)
    harness.brain.script = [("reply", {"text": "You live in Lisbon."})]
    ref = harness.say(ANA, "where do I live?")
    harness.work()
    assert harness.entry(ref).is_held
    harness.clock.forward(hours=1)
    harness.brain.script = [("reply", {"text": "I do not know."})]
    wish = harness.say(ANA, "forget that I live in Lisbon")
    harness.work()
    assert harness.outcome(wish)[0] is State.ANSWERED
    assert [part.text for part in harness.entry(ref).parts] == ["I do not know."]
    assert harness.entry(ref).is_held


@pytest.mark.parametrize(("days", "state"), [(29, State.DRAFTED), (31, State.DECLINED)])
def test_a_draft_that_nobody_approves_goes_with_the_texts_of_its_time(harness, days, state):
    ref = ask(harness)
    harness.clock.forward(days=days)
    parts = harness.services
    stores = parts.db, parts.memory, parts.ledger, parts.journal
    retention.apply_retention(*stores, RetentionPolicy(), harness.clock())
    assert harness.outcome(ref) == (state, drafts.WAITS if state is State.DRAFTED else drafts.UNAPPROVED)
    assert waiting(harness) == (state is State.DRAFTED)


def test_an_edited_post_is_thought_about_again(harness):
    ref = ask(harness)
    again = harness.edit(ref, "I live in Odense")
    harness.handle(again, edited=True)
    harness.work()
    assert len(harness.brain.prompts) == 2
    assert harness.entry(ref).is_held
    assert waiting(harness) == 1


def test_an_edited_draft_waits_and_is_what_is_posted_and_remembered_as_said(harness):
    ref = ask(harness)
    before = harness.entry(ref).parts
    hand(harness, drafts.edit, ref, before, [Part(0, "So I heard.", ())], harness.clock())
    harness.work()
    assert harness.entry(ref).is_held
    approve(harness, ref)
    assert [post.text for post in harness.replies(ref)] == ["So I heard."]
    assert "So I heard." in exchange(harness)
    assert "Noted." not in exchange(harness)
    assert harness.entry(ref).parts[0].edited_at == harness.clock()


def test_what_was_edited_while_it_was_thought_of_anew_is_not_taken(harness):
    """The operator's editor may still hold what was forgotten meanwhile."""
    ref = ask(harness)
    before = harness.entry(ref).parts
    harness.brain.script = [("reply", {"text": "Another answer."})]
    harness.handle(harness.edit(ref, "I live in Odense"), edited=True)
    harness.work()
    with pytest.raises(NotFound, match="another one"):
        hand(harness, drafts.edit, ref, before, [Part(0, "So I heard.", ())], harness.clock())
    assert [part.text for part in harness.entry(ref).parts] == ["Another answer."]


def test_a_planned_draft_can_be_held(harness):
    harness.with_approval(Approve.NONE)
    ref = harness.say(ANA, "hello")
    harness.draft()
    hand(harness, drafts.hold, ref)
    harness.clock.forward(hours=1)
    harness.work()
    assert harness.replies(ref) == []
    approve(harness, ref)
    assert len(harness.replies(ref)) == 1


@pytest.mark.parametrize("what", [drafts.hold, lambda tx, uri: drafts.edit(tx, uri, [], [], None)])
def test_an_answer_that_stands_cannot_be_held_or_edited(harness, what):
    ref = ask(harness)
    approve(harness, ref)
    with pytest.raises(NotFound):
        hand(harness, what, ref)


def test_the_answers_of_the_program_are_not_held(harness):
    ref = harness.say(ANA, "help")
    harness.work()
    assert len(harness.replies(ref)) == 1


def test_a_retracted_answer_is_deleted_and_never_given_again(harness, sqlite, tmp_path):
    ref = ask(harness)
    approve(harness, ref)
    assert hand(harness, drafts.retract, ref, harness.clock()) == 1
    harness.run_jobs()
    assert harness.network.posts(ME) == []
    assert harness.outcome(ref)[0] is State.ANSWERED
    assert hand(harness, drafts.retract, ref, harness.clock()) == 0

    harness.handle(ref)
    harness.reconcile()
    harness.work()
    other = Harness(sqlite(), tmp_path, network=harness.network)  # a new database beside the old ledger
    other.clock.now = harness.clock()
    other.handle(ref)
    other.reconcile()
    other.work()
    assert harness.network.posts(ME) == []


def test_a_draft_that_is_being_posted_can_be_retracted(harness):
    put = harness.network.put

    async def meanwhile(*arguments):
        posted = await put(*arguments)
        assert reject(harness, ref)
        return posted

    ref = ask(harness)
    harness.network.put = meanwhile
    approve(harness, ref)
    harness.run_jobs()
    harness.clock.forward(minutes=1)
    harness.run_jobs()
    assert harness.network.posts(ME) == []
    assert harness.outcome(ref) == (State.DECLINED, drafts.REJECTED)
    assert harness.notes(ANA) == []


def test_held_drafts_come_the_oldest_first(harness):
    harness.introduce(BEN)
    refs = []
    for did in (BEN, ANA):
        refs.append(ask(harness, did))
        harness.clock.forward(minutes=1)
    with harness.services.db.read() as tx:
        assert [entry.mention.uri for entry in drafts.held(tx, None, 9)] == [ref.uri for ref in refs]
        assert [entry.mention.uri for entry in drafts.held(tx, ANA, 9)] == [refs[1].uri]


def test_a_draft_that_is_held_takes_no_time_to_post_from_others(harness):
    ask(harness)
    harness.with_approval(Approve.NONE)
    harness.clock.forward(seconds=1)
    ref = harness.say(BEN, "hello")
    harness.work()
    assert harness.entry(ref).ended_at - harness.entry(ref).seen_at < timedelta(seconds=1)


def test_an_approval_without_the_notice_tells_nobody_of_memory(harness):
    """Who wished to be remembered was told of it by another answer."""
    harness.with_consent(Consent.OPT_IN)
    with harness.services.db.write() as tx:
        people = harness.services.memory.people
        people.meet(tx, BEN, harness.clock())
        people.mark_introduced(tx, BEN, harness.clock(), of_memory=False)
        consent.set_memory_wish(tx, BEN, harness.clock(), wanted=True)
    approve(harness, ask(harness, BEN))
    assert harness.notes(BEN) == [NOTE]
    with harness.services.db.read() as tx:
        assert not harness.services.memory.people.get(tx, BEN).told_of_memory
