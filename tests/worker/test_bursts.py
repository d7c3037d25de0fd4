"""Several posts of one person that get one answer: bursts, series, and crowded threads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN, LIMITS, NO_PAUSE
from support.harness import REMEMBER, REPLY, Harness
from support.living import live

from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.errors import NotFound
from bot.storage import steering
from bot.storage.ledger_entries import EntryKind
from bot.storage.tables import MentionRow

PACE = replace(NO_PAUSE, think_delay=timedelta(seconds=30))


@pytest.fixture
def bot(db, tmp_path):
    return Harness(db, tmp_path).with_pace(PACE)


def under(root, parent=None):
    return {"reply": {"root": root.to_json(), "parent": (parent or root).to_json()}}


def states(bot, *refs):
    return [bot.entry(ref).state for ref in refs]


def prompt(bot):
    (only,) = bot.brain.prompts
    return only.text()


def test_what_is_said_within_a_minute_gets_one_answer_under_the_last_post(bot):
    thread = bot.network.write(BEN, bot._addressed("a thread"))
    refs = [
        bot.say(ANA, text, **under(thread)) for text in ("I have a cat.", "It is called Miso.", "Guess why!")
    ]
    live(bot, 60)

    assert states(bot, *refs) == [State.MERGED, State.MERGED, State.ANSWERED]
    assert [len(bot.replies(ref)) for ref in refs] == [0, 0, 1]
    assert [bot.entry(ref).merged_into for ref in refs] == [refs[2].uri, refs[2].uri, None]
    for text in ("I have a cat.", "It is called Miso.", "Guess why!"):
        assert prompt(bot).count(text) == 1


def test_nobody_elses_words_come_into_the_turn(bot):
    thread = bot.network.write(BEN, bot._addressed("a thread"))
    before, other, mine = (bot.say(did, f"hello from {did}", **under(thread)) for did in (ANA, BEN, ANA))
    live(bot, 60)

    assert states(bot, before, other, mine) == [State.MERGED, State.ANSWERED, State.ANSWERED]


def test_in_another_thread_it_is_another_conversation(bot):
    first, other = bot.say(ANA, "hello"), bot.say(ANA, "and hello")
    last = bot.say(ANA, "and more", **under(first))
    live(bot, 90)

    assert states(bot, first, other, last) == [State.MERGED, State.ANSWERED, State.ANSWERED]


def test_what_is_thought_about_already_gets_its_own_answer(bot):
    first = bot.say(ANA, "I have a cat.")
    live(bot, 31)
    second = bot.say(ANA, "It is called Miso.", **under(first))
    live(bot, 60)

    assert states(bot, first, second) == [State.ANSWERED] * 2


def test_after_a_minute_and_a_half_a_new_burst_begins(bot):
    bot.with_pace(replace(PACE, think_delay=timedelta(minutes=10)))
    first = bot.say(ANA, "one")
    bot.clock.forward(seconds=60)
    second = bot.say(ANA, "two", **under(first))
    bot.clock.forward(seconds=60)
    third = bot.say(ANA, "three", **under(first))
    live(bot, 1000)

    assert states(bot, first, second, third) == [State.MERGED, State.ANSWERED, State.ANSWERED]


def test_a_command_is_merged_with_nothing(bot):
    thread = bot.network.write(BEN, bot._addressed("a thread"))
    first, wish = bot.say(ANA, "hello", **under(thread)), bot.say(ANA, "help", **under(thread))
    last = bot.say(ANA, "and hello", **under(thread))
    live(bot, 60)

    assert states(bot, first, wish, last) == [State.MERGED, State.ANSWERED, State.ANSWERED]
    assert bot.entry(first).merged_into == last.uri


def write(bot, text, **fields):
    """A post of Ana's that does not name the bot, heard."""
    post = {"$type": "app.bsky.feed.post", "text": text, "createdAt": bot.clock().isoformat()}
    ref = bot.network.write(ANA, post | fields)
    bot.handle(ref)
    return ref


def test_a_series_is_answered_at_its_end_also_where_only_its_beginning_names_the_bot(bot):
    first = bot.say(ANA, "1/3 I have a cat.")
    bot.clock.forward(seconds=70)
    bot.work()
    second = write(bot, "2/3 It is called Miso.", **under(first))
    bot.clock.forward(seconds=70)
    bot.work()
    third = write(bot, "3/3 Guess why!", **under(first, second))
    live(bot, 60)

    assert states(bot, first, second, third) == [State.MERGED, State.MERGED, State.ANSWERED]
    assert len(bot.replies(third)) == 1
    for text in ("I have a cat.", "It is called Miso.", "Guess why!"):
        assert prompt(bot).count(text) == 1


def test_a_series_that_breaks_off_is_answered_where_it_ended(bot):
    first = bot.say(ANA, "1/3 I have a cat.")
    live(bot, 120)
    assert bot.outcome(first) == (State.ANSWERED, None)


def test_a_mark_out_of_ten_waits_for_nothing(bot):
    ref = bot.say(ANA, "my anxiety is at 5/10")
    live(bot, 35)
    assert bot.entry(ref).state is State.ANSWERED


def test_a_series_of_which_each_part_names_the_bot_waits_for_each(bot):
    first = bot.say(ANA, "1/3 I have a cat.")
    bot.clock.forward(seconds=70)
    second = bot.say(ANA, "2/3 It is called Miso.", **under(first))
    bot.clock.forward(seconds=70)
    bot.work()
    third = bot.say(ANA, "3/3 Guess why!", **under(first, second))
    live(bot, 60)

    assert states(bot, first, second, third) == [State.MERGED, State.MERGED, State.ANSWERED]


@pytest.mark.parametrize("text", ["3/3 out of turn", "no part at all", "2/4 of another series"])
def test_what_does_not_continue_the_series_is_not_heard(bot, text):
    first = bot.say(ANA, "1/3 I have a cat.")
    other = write(bot, text, **under(first))

    with pytest.raises(NotFound):
        bot.entry(other)


def test_nobody_else_can_continue_a_series(bot):
    bot.say(BEN, "hello")  # so that Ben is known
    first = bot.say(ANA, "1/3 I have a cat.")
    post = {"$type": "app.bsky.feed.post", "text": "2/3 no dog", "createdAt": bot.clock().isoformat()}
    other = bot.network.write(BEN, post | under(first))
    bot.handle(other)

    with pytest.raises(NotFound):
        bot.entry(other)


def crowd(bot, count):
    """A thread in which so many people say something."""
    root = bot.network.write(BEN, bot._addressed("a thread"))
    for number in range(count):
        bot.say(f"did:plc:p{number}", "hey", **under(root))
    return root


def test_in_a_heated_thread_each_person_gets_one_answer_in_the_window(db, tmp_path):
    bot = Harness(db, tmp_path, limits=replace(LIMITS, heated_thread=5, partner_posts=3, thread_posts=99))
    root = crowd(bot, 5)
    first = bot.say(ANA, "one", **under(root))
    live(bot, 1)
    later = []
    for text in ("two", "three", "four"):
        bot.clock.forward(seconds=120)
        later.append(bot.say(ANA, text, **under(root)))
        bot.work()
    assert states(bot, first, *later) == [State.ANSWERED, State.MERGED, State.MERGED, State.WAITING]

    live(bot, 600)
    assert states(bot, *later) == [State.MERGED, State.MERGED, State.ANSWERED]
    assert [prompt.text().count("three") for prompt in bot.brain.prompts if "four" in prompt.text()] == [1]


def test_a_thread_that_is_not_heated_lets_people_talk(db, tmp_path):
    bot = Harness(db, tmp_path, limits=replace(LIMITS, heated_thread=5, thread_posts=99))
    root = crowd(bot, 3)
    refs = []
    for text in ("one", "two"):
        refs.append(bot.say(ANA, text, **under(root)))
        live(bot, 100)
    assert states(bot, *refs) == [State.ANSWERED] * 2


def test_of_a_flood_only_the_last_posts_are_read_and_all_of_it_is_one_turn(bot):
    thread = bot.network.write(BEN, bot._addressed("a thread"))
    refs = [bot.say(ANA, f"drop no. {number};", **under(thread)) for number in range(40)]
    live(bot, 60)

    assert states(bot, *refs) == [State.MERGED] * 39 + [State.ANSWERED]
    assert [f"no. {number};" in prompt(bot) for number in range(40)] == [False] * 27 + [True] * 13
    assert all(bot.services.ledger.has(EntryKind.ANSWERED, ref.uri) for ref in refs)


# --- what is erased, lost and restored ----------------------------------------------------------


def test_if_the_last_post_is_deleted_the_ones_before_are_answered(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "It is called Miso.", **under(first))
    third = bot.say(ANA, "never mind", **under(first))
    bot.send(PostDeleted, third.uri, ANA, bot.clock())
    live(bot, 60)

    assert states(bot, first, second, third) == [State.MERGED, State.ANSWERED, State.DECLINED]
    assert "never mind" not in prompt(bot)
    assert "I have a cat." in prompt(bot)


def test_a_last_post_that_is_found_to_be_gone_leaves_the_ones_before_to_be_answered(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "never mind", **under(first))
    bot.network.remove(second.uri)
    live(bot, 60)

    assert states(bot, first, second) == [State.ANSWERED, State.DECLINED]


def test_a_post_of_a_burst_that_is_deleted_before_the_turn_is_not_shown(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "It is called Miso.", **under(first))
    bot.network.remove(first.uri)
    bot.send(PostDeleted, first.uri, ANA, bot.clock())
    live(bot, 60)

    assert bot.entry(second).state is State.ANSWERED
    assert "I have a cat." not in prompt(bot)


def test_a_post_of_a_burst_that_no_event_told_the_end_of_is_not_shown(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "It is called Miso.", **under(first))
    bot.network.remove(first.uri)
    live(bot, 60)

    assert bot.entry(second).state is State.ANSWERED
    assert "I have a cat." not in prompt(bot)


def test_a_burst_that_was_answered_is_not_answered_again(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "It is called Miso.", **under(first))
    live(bot, 60)
    bot.network.remove(second.uri)
    bot.send(PostDeleted, second.uri, ANA, bot.clock())
    live(bot, 600)

    assert states(bot, first, second) == [State.MERGED, State.ANSWERED]
    assert len(bot.brain.prompts) == 1


def test_a_post_of_a_burst_that_is_deleted_takes_the_notes_of_the_turn_along(bot):
    bot.introduce(ANA)
    bot.brain.script = [REMEMBER, REPLY]
    first = bot.say(ANA, "I live in Lisbon.")
    bot.say(ANA, "Do you?", **under(first))
    live(bot, 60)
    assert bot.notes(ANA) == ["lives in Lisbon"]

    bot.send(PostDeleted, first.uri, ANA, bot.clock())
    assert bot.notes(ANA) == []


def test_each_post_of_a_burst_is_found_again(bot):
    bot.introduce(ANA)
    first = bot.say(ANA, "My cat is called Miso.")
    bot.say(ANA, "Do you like cats?", **under(first))
    live(bot, 60)

    with bot.services.db.read() as tx:
        found = bot.services.memory.retrieval.find(tx, ANA, "Miso", now=bot.clock(), names={})
    assert first.uri in {passage.uri for passage in found}


def test_who_is_forgotten_leaves_nothing_of_a_burst(bot):
    first = bot.say(ANA, "I have a cat.")
    bot.say(ANA, "It is called Miso.", **under(first))
    live(bot, 60)
    bot.erase(ANA)

    with bot.services.db.read() as tx:
        assert set(tx.scalars(select(MentionRow.merged_into))) == {None}


def test_what_was_answered_in_a_burst_is_not_answered_again_by_a_new_database(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "It is called Miso.", **under(first))
    live(bot, 60)

    assert all(bot.services.ledger.has(EntryKind.ANSWERED, ref.uri) for ref in (first, second))


def test_a_merged_mention_cannot_be_tried_again(bot):
    first = bot.say(ANA, "I have a cat.")
    second = bot.say(ANA, "It is called Miso.", **under(first))
    live(bot, 60)

    with pytest.raises(NotFound, match=second.uri), bot.services.db.write() as tx:
        steering.retry(tx, first.uri, bot.clock())
