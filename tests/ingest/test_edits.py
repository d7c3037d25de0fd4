"""Edits of posts, as the handler and the worker see them, on both databases."""

from __future__ import annotations

import pytest
from support.events import addressed, plain, rows
from support.factory import ANA, BEN, ME
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from bot.domain.events import PostCreated
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.errors import TransientNetworkError
from bot.wording import answers
from memory.errors import UnknownPerson


def test_a_waiting_mention_that_is_edited_is_thought_about_with_its_new_words(harness):
    ref = harness.say(ANA, "I live in Lisbn")
    new = harness.edit(ref, "I live in Lisbon")
    harness.handle(new, edited=True)
    harness.work()

    assert [prompt.mention.text for prompt in harness.brain.prompts] == ["I live in Lisbon"]
    assert (harness.outcome(ref), harness.entry(ref).mention.ref.cid) == ((State.ANSWERED, None), new.cid)
    assert harness.replies(ref)[0].record["reply"]["parent"]["cid"] == new.cid
    assert harness.entry(ref).parts[0].text == harness.replies(ref)[0].text


def test_a_thought_under_way_is_lost_to_an_edit_and_thought_again(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "first")
    edits = [lambda: harness.handle(harness.edit(ref, "second"), edited=True)]

    async def edit_once():
        while edits:
            edits.pop()()

    harness.brain.script.insert(0, edit_once)
    harness.work()

    assert [prompt.mention.text for prompt in harness.brain.prompts] == ["first", "second"]
    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])
    assert len(harness.replies(ref)) == 1


def test_a_draft_of_the_old_words_is_thrown_away_with_its_notes(harness):
    harness.introduce(ANA)
    ref = harness.say(ANA, "I live in Lisbon")
    harness.draft()
    drafted = harness.entry(ref).state, harness.notes(ANA)
    harness.brain.script[:] = [("reply", {"text": "So you moved."})]
    harness.handle(harness.edit(ref, "I live in Porto"), edited=True)
    waiting = harness.entry(ref).state, harness.notes(ANA)
    harness.work()

    assert (drafted, waiting) == ((State.DRAFTED, ["lives in Lisbon"]), (State.WAITING, []))
    (reply,) = harness.replies(ref)
    assert reply.text.startswith("So you moved.")


def test_what_the_new_words_say_is_remembered_though_the_old_ones_said_it_too(harness):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.draft()
    harness.handle(harness.edit(ref, "I live in Lisbon!"), edited=True)
    harness.work()

    assert (harness.notes(ANA), len(harness.brain.prompts)) == (["lives in Lisbon"], 2)


@pytest.mark.parametrize("drafted", [False, True])
def test_an_edit_that_the_stream_did_not_bring_is_seen_before_thinking_and_before_posting(harness, drafted):
    ref = harness.say(ANA, "I live in Lisbn")
    if drafted:
        harness.draft()
    new = harness.edit(ref, "I live in Lisbon")
    harness.work()

    assert harness.brain.prompts[-1].mention.text == "I live in Lisbon"
    assert harness.replies(ref)[0].record["reply"]["parent"]["cid"] == new.cid


def test_an_answered_post_that_is_edited_loses_its_notes_and_is_not_answered_again(harness, answered):
    harness.handle(harness.edit(answered, "I live in Porto"), edited=True)
    harness.work()

    assert (harness.notes(ANA), len(harness.replies(answered)), len(harness.brain.prompts)) == ([], 1, 1)
    assert (harness.outcome(answered), harness.entry(answered).mention.text) == (
        (State.ANSWERED, None),
        "I live in Porto",
    )


def test_an_edit_after_the_first_post_of_a_reply_lets_the_others_follow(db, tmp_path, monkeypatch):
    harness = Harness(db, tmp_path, ScriptedBrain(("reply", {"text": "word " * 150})))
    ref, put = harness.say(ANA, "tell me everything"), harness.network.put

    async def the_first_only(rkey, record):
        if harness.network.posts(ME):
            raise TransientNetworkError("timeout")
        return await put(rkey, record)

    with monkeypatch.context() as patched:
        patched.setattr(harness.network, "put", the_first_only)
        harness.work()
    harness.handle(harness.edit(ref, "tell me everything, please"), edited=True)
    harness.clock.forward(minutes=5)
    harness.work()

    assert (harness.outcome(ref), len(harness.brain.prompts)) == ((State.ANSWERED, None), 1)
    assert len(harness.network.posts(ME)) == len(harness.entry(ref).parts) > 1


def test_an_edit_told_twice_does_not_take_what_was_read_from_it(harness):
    ref = harness.say(ANA, "hm")
    new = harness.edit(ref, "I live in Lisbon")
    harness.handle(new, edited=True)
    harness.work()
    harness.handle(new, edited=True)

    assert (harness.notes(ANA), harness.outcome(ref)) == (["lives in Lisbon"], (State.ANSWERED, None))


def edited(harness, ref, *words):
    """Let the post be edited so often; returns what tells of each edit, to be called again and again."""

    def telling(number, text):
        new, at, rev = harness.edit(ref, text), harness.clock(), f"3mptbyplx2i2{number}"
        (post,) = (post for post in harness.network.posts(ANA) if post.ref == new)
        return lambda: harness.send(PostCreated, new, ANA, post.record, at, edited=True, rev=rev)

    return [telling(number, text) for number, text in enumerate(words, 2)]


def standing(harness, ref):
    entry = harness.entry(ref)
    return (
        entry.state,
        entry.mention.text,
        entry.mention.ref.cid,
        harness.notes(ANA),
        len(harness.replies(ref)),
    )


def test_edits_that_are_told_again_by_a_rewind_change_nothing(harness):
    ref = harness.say(ANA, "hm")
    second, third = edited(harness, ref, "I live in Porto", "I live in Lisbon")
    second()
    third()
    harness.work()
    once = standing(harness, ref)
    for tell in (second, third, second):
        tell()
        harness.work()

    assert once == (State.ANSWERED, "I live in Lisbon", once[2], ["lives in Lisbon"], 1)
    assert standing(harness, ref) == once


def test_an_edit_that_comes_after_a_later_one_changes_nothing(harness):
    ref = harness.say(ANA, "hm")
    second, third = edited(harness, ref, "forget me", "I live in Lisbon")
    third()
    harness.work()
    once = standing(harness, ref)
    second()
    harness.work()

    assert standing(harness, ref) == once


def test_of_a_post_that_is_first_heard_as_an_edit_earlier_ones_are_not_heard_after_it(harness):
    ref = harness.say(ANA, "hm", heard=False)
    second, third = edited(harness, ref, "stop", "I live in Lisbon")
    third()
    harness.work()
    second()

    assert standing(harness, ref)[0:4:3] == (State.ANSWERED, ["lives in Lisbon"])
    assert rows(harness, "stop") == []


def test_an_edit_without_a_revision_is_believed(harness, answered):
    new = harness.edit(answered, "I live in Porto")
    harness.handle(new, edited=True)

    assert harness.notes(ANA) == []


def test_a_post_edited_to_speak_to_the_bot_no_more_is_declined_and_its_words_go(harness):
    ref = harness.say(ANA, "secret")
    harness.handle(
        harness.network.write(ANA, plain("never mind"), rkey=ref.uri.rpartition("/")[2]), edited=True
    )
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, "edited"), [])
    assert harness.entry(ref).mention.text == ""


def test_a_post_edited_to_speak_to_the_bot_is_answered_once(harness):
    ref = harness.network.write(ANA, plain("to all"))
    new = harness.network.write(ANA, addressed("to you"), rkey=ref.uri.rpartition("/")[2])
    for _ in range(2):
        harness.handle(new, edited=True)
        harness.work()

    assert (harness.outcome(new), len(harness.replies(new))) == ((State.ANSWERED, None), 1)


def test_a_post_that_was_shown_and_is_edited_to_speak_to_the_bot_is_answered(harness):
    root = harness.network.write(BEN, plain("oaks"))
    harness.say(ANA, "hm?", reply={"root": root.to_json(), "parent": root.to_json()})
    harness.work()
    edited = harness.edit(root, "what do you think?")
    harness.handle(edited, edited=True)
    harness.work()

    assert len(harness.replies(edited)) == 1


def test_words_edited_into_a_stop_stop_and_into_a_forget_erase(harness, answered):
    harness.handle(harness.edit(answered, "stop"), edited=True)
    stopped = harness.say(ANA, "hello?")
    harness.work()
    outcome = harness.outcome(stopped)
    harness.handle(harness.edit(answered, "forget me"), edited=True)

    assert outcome == (State.DECLINED, PolicyReason.STOPPED)
    with pytest.raises(UnknownPerson):
        harness.notes(ANA)
    assert not [row for row in rows(harness, "mention") if ANA in str(row)]


def test_an_edit_brings_nothing_back_of_what_was_forgotten(harness, answered):
    waiting = harness.say(ANA, "hm")
    harness.say(ANA, "forget me")
    harness.work()
    before = len(harness.network.posts(ME))
    for ref in (answered, waiting):
        harness.handle(harness.edit(ref, "I live in Porto"), edited=True)
        harness.work()

    assert not [row for row in rows(harness, "mention") if ANA in str(row)]
    assert len(harness.network.posts(ME)) == before


def test_a_waiting_mention_edited_into_a_forget_is_confirmed_once(harness):
    ref = harness.say(ANA, "hello")
    harness.handle(harness.edit(ref, "forget me"), edited=True)
    harness.work()

    (reply,) = harness.replies(ref)
    assert (reply.text, harness.brain.prompts) == (answers.text("en", "erased"), [])
