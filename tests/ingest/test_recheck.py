"""A person is compared with the network, on both databases."""

from __future__ import annotations

from support.events import account, rows, status_of
from support.factory import ANA
from support.harness import REPLY
from support.wishes import block

from bot.domain.events import RepoSync
from bot.domain.mention import State


def test_after_a_sync_what_no_longer_stands_goes_and_what_was_edited_is_read_again(harness, answered):
    waiting = harness.say(ANA, "old words")
    harness.network.remove(answered.uri)
    harness.edit(waiting, "new words")
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert (harness.notes(ANA), harness.entry(answered).mention.text) == ([], "")
    assert (harness.entry(waiting).mention.text, harness.entry(waiting).state) == ("new words", State.WAITING)


def test_a_second_look_goes_to_the_posts_of_notes_first(harness, answered, monkeypatch):
    monkeypatch.setattr("bot.ingest.recheck.MAX_POSTS", 1)
    harness.brain.script[:] = [REPLY]
    later = harness.say(ANA, "hello again")
    harness.work()
    harness.network.remove(answered.uri)
    harness.network.remove(later.uri)
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert (harness.notes(ANA), harness.entry(later).mention.text) == ([], "hello again")


def test_a_block_that_is_found_by_a_second_look_takes_back_what_was_said_in_the_last_minute(harness):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()
    block(harness, ANA)
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    for _ in range(2):
        harness.run_jobs()

    assert (len(rows(harness, "outbox")), harness.replies(ref)) == (1, [])


def test_a_second_look_at_a_hidden_account_takes_nothing(harness, answered):
    harness.network.set_status(ANA, "deactivated")
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()
    hidden = harness.notes(ANA)
    harness.network.set_status(ANA, "active")
    harness.clock.forward(minutes=1)
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert (hidden, harness.notes(ANA)) == ([], ["lives in Lisbon"])


def test_a_relays_takedown_is_not_undone_by_the_persons_own_server(harness, answered):
    account(harness, "takendown")
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert status_of(harness) == "takendown"


def test_posts_that_are_hidden_while_they_are_looked_at_are_not_taken_for_deleted(
    harness, answered, monkeypatch
):
    read = harness.network.post

    async def hidden_meanwhile(uri, *more):
        harness.network.set_status(ANA, "deactivated")
        return await read(uri, *more)

    monkeypatch.setattr(harness.network, "post", hidden_meanwhile)
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert harness.notes(ANA) == ["lives in Lisbon"]
