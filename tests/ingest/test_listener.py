from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from support.factory import ANA, ME, NOW
from support.harness import Harness

from bot.domain import addressing
from bot.domain.events import Gap, PostCreated, Progress
from bot.domain.mention import State
from bot.ingest import handler, listener
from bot.storage import cursors, mentions
from memory.errors import DatabaseUnavailable


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)


def cursor(harness):
    with harness.services.db.read() as tx:
        return cursors.get(tx, "test")


def test_a_mention_heard_twice_is_kept_once(harness):
    ref = harness.say(ANA, "hi")
    harness.handle(ref)

    assert (harness.handler.counts["accepted"], harness.handler.counts["repeated"]) == (1, 1)
    assert harness.entry(ref).state == State.WAITING


def test_what_is_not_for_the_bot_is_counted_by_its_reason(harness):
    ref = harness.network.write(ANA, {"$type": "app.bsky.feed.post", "text": "about birds"})
    harness.handle(ref)
    own = harness.network.write(ME, {"$type": "app.bsky.feed.post", "text": "@jay.test hello me"})
    harness.handle(own)

    assert harness.handler.counts == {"ignored.not addressed": 1, "ignored.own post": 1}


def test_progress_moves_the_cursor(harness):
    harness.listener.handle(Progress(41, NOW))
    harness.listener.handle(Progress(42, NOW))

    assert cursor(harness) == 42


def test_a_database_in_trouble_is_waited_for_and_nothing_is_dropped(harness, monkeypatch):
    monkeypatch.setattr(listener, "DATABASE_RETRY", 0)
    troubles = iter([OperationalError("INSERT", {}, Exception("disk full"))] * 3)
    real = mentions.accept

    def accept(*arguments, **others):
        for trouble in troubles:
            raise trouble
        return real(*arguments, **others)

    monkeypatch.setattr(mentions, "accept", accept)
    monkeypatch.setattr(harness, "handle", lambda ref: ref)
    ref = harness.say(ANA, "hi")

    async def events(_cursor):
        (post,) = harness.network.posts(ANA)
        yield PostCreated(7, ref, ANA, post.record, NOW)

    listening = replace(harness.listener, stream=SimpleNamespace(host="test", events=events))
    asyncio.run(listening.run())

    assert next(troubles, None) is None
    assert (harness.entry(ref).state, cursor(harness)) == (State.WAITING, 7)


def test_the_cursor_stays_before_an_event_that_could_not_be_stored(harness, monkeypatch):
    harness.listener.handle(Progress(0, NOW))
    monkeypatch.setattr(mentions, "accept", Mock(side_effect=DatabaseUnavailable("gone")))
    with pytest.raises(DatabaseUnavailable):
        harness.say(ANA, "hi")

    assert cursor(harness) == 0


def test_an_event_over_which_this_program_has_a_bug_is_a_gap_and_costs_nothing_but_itself(
    harness, monkeypatch
):
    real = mentions.accept

    def accept(tx, mention, **others):
        if "poison" in mention.text:
            raise RuntimeError
        return real(tx, mention, **others)

    monkeypatch.setattr(mentions, "accept", accept)
    refs = [harness.say(ANA, text, heard=False) for text in ("poison", "hi")]

    async def events(_cursor):
        for seq, (ref, post) in enumerate(zip(refs, harness.network.posts(ANA), strict=True), 7):
            yield PostCreated(seq, ref, ANA, post.record, NOW)

    listening = replace(harness.listener, stream=SimpleNamespace(host="test", events=events))
    asyncio.run(listening.run())

    with harness.services.db.read() as tx:
        gaps = tx.execute(text("SELECT since, until, reason FROM gap")).all()
    assert gaps == [(6, 7, "bug")]
    assert (harness.entry(refs[1]).state, cursor(harness)) == (State.WAITING, 8)


def test_a_person_who_is_only_declined_leaves_no_row_in_memory(harness):
    harness.network.set_labels(ANA, "bot")
    harness.say(ANA, "beep")
    harness.work()

    with harness.services.db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM person")).scalar_one() == 0


def test_start_lets_a_stopped_person_talk_again(harness):
    harness.say(ANA, "stop")
    refs = [harness.say(ANA, "start"), harness.say(ANA, "hello again")]
    harness.work()

    assert [harness.entry(ref).state for ref in refs] == [State.ANSWERED, State.ANSWERED]


@pytest.mark.parametrize("edited", [False, True])
def test_a_mention_is_judged_once(harness, monkeypatch, edited):
    ref = harness.say(ANA, "hi")
    judged, read = [], []
    judge, parse = addressing.judge, handler.parse
    monkeypatch.setattr(addressing, "judge", lambda *event: judged.append(event) or judge(*event))
    monkeypatch.setattr(handler, "parse", lambda words, names: read.append(words) or parse(words, names))

    if edited:
        harness.handle(harness.edit(ref, "hello"), edited=True)
    else:
        harness.say(ANA, "hello")

    assert (len(judged), read) == (1, ["hello"])


def test_a_gap_does_not_move_the_cursor(harness):
    harness.listener.handle(Progress(41, NOW))
    harness.send(Gap, "test", 5, 9, "stall", harness.clock())

    assert cursor(harness) == 41
