"""What every event of the network comes to, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from support.events import BLOCK, account, block, jobs, rows, status_of, thread
from support.factory import ANA, BEN, ME
from support.harness import REPLY, Harness

from bot.domain.events import AccountChanged, Gap, IdentityChanged, PostDeleted, RepoSync
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.errors import TransientNetworkError
from bot.storage import gaps

# --- deletions -----------------------------------------------------------------------------------


def test_of_an_answered_post_that_is_deleted_neither_notes_nor_words_are_kept(harness, answered):
    harness.send(PostDeleted, answered.uri, ANA, harness.clock())

    assert (harness.notes(ANA), harness.entry(answered).mention.text) == ([], "")
    assert harness.outcome(answered) == (State.ANSWERED, None)


def test_a_reply_that_is_deleted_by_hand_is_known_to_be_gone(harness, answered):
    (reply,) = harness.replies(answered)
    harness.network.remove(reply.ref.uri)
    harness.send(PostDeleted, reply.ref.uri, ME, harness.clock())
    harness.work()

    assert [row["withdrawn_at"] is not None for row in rows(harness, "outbox")] == [True]
    assert harness.replies(answered) == []


# --- identities and accounts ---------------------------------------------------------------------


def test_a_handle_is_taken_from_the_directory_and_never_from_the_event(harness, answered):
    harness.network.set_handle(ANA, "ana.example")
    harness.send(IdentityChanged, ANA, "president.gov", harness.clock())
    harness.run_jobs()

    with harness.services.db.read() as tx:
        assert harness.services.memory.people.get(tx, ANA).handle == "ana.example"
        assert [handle for _, handle in harness.services.memory.people.handles(tx, ANA)] == ["ana.example"]


def test_a_handle_taken_over_by_another_did_brings_nothing_of_its_former_owner(harness, answered):
    harness.network.set_handle(ANA, "ana.test")
    harness.send(IdentityChanged, ANA, None, harness.clock())
    harness.run_jobs()
    harness.clock.forward(minutes=1)
    harness.network.set_handle(ANA, None)
    harness.network.set_handle(BEN, "ana.test")
    harness.brain.script[:] = [REPLY]
    harness.say(BEN, "what is new?")
    harness.work()
    harness.send(IdentityChanged, BEN, "ana.test", harness.clock())
    harness.run_jobs()

    with harness.services.db.read() as tx:
        assert harness.services.memory.people.get(tx, "ana.test").did == BEN
        assert harness.services.memory.people.get(tx, ANA).handle is None
    assert (harness.notes(BEN), harness.notes(ANA)) == ([], ["lives in Lisbon"])
    assert harness.brain.prompts[-1].recollection.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("status", ["deactivated", "takendown", "suspended", "deleted"])
def test_an_account_that_is_not_active_is_hidden_and_shown_again_when_it_is(harness, answered, status):
    account(harness, status)
    ref = harness.say(ANA, "hello?")
    harness.work()
    with harness.services.db.read() as tx:
        found = harness.services.memory.search(tx, "Lisbon")
    hidden = harness.notes(ANA), found, harness.outcome(ref)
    account(harness)

    assert hidden == ([], (), (State.DECLINED, PolicyReason.HIDDEN))
    assert (harness.notes(ANA), jobs(harness)) == (["lives in Lisbon"], [])


@pytest.mark.parametrize("status", ["desynchronized", "throttled", "tomorrow's word", None])
def test_a_servers_trouble_with_an_account_hides_nobody(harness, answered, status):
    harness.send(AccountChanged, ANA, status is None, status, harness.clock())

    assert harness.notes(ANA) == ["lives in Lisbon"]


def test_older_news_of_an_account_changes_nothing(harness, answered):
    earlier = harness.clock()
    harness.clock.forward(seconds=1)
    account(harness)
    harness.send(AccountChanged, ANA, False, "deleted", earlier)

    assert (harness.notes(ANA), jobs(harness)) == (["lives in Lisbon"], [])


def test_the_memory_of_a_deleted_account_is_purged_after_the_grace(harness, answered):
    account(harness, "deleted")
    harness.network.set_status(ANA, "deleted")
    harness.clock.forward(hours=23)
    harness.run_jobs()
    before = len(rows(harness, "note"))
    harness.clock.forward(hours=2)
    harness.run_jobs()

    assert (before, rows(harness, "note"), rows(harness, "person")) == (1, [], [])
    assert harness.brain.forgotten == 1
    assert not [row for row in rows(harness, "mention") if ANA in str(row)]
    harness.handle(answered)  # a replay of the stream brings nothing back
    assert harness.handler.counts["ignored.in the ledger"] == 1


def test_a_purge_is_cancelled_by_an_account_that_turns_out_to_be_there(harness, answered):
    account(harness, "deleted")
    harness.clock.forward(hours=25)
    harness.run_jobs()

    assert (harness.notes(ANA), jobs(harness)) == (["lives in Lisbon"], [])


@pytest.mark.parametrize("status", ["deactivated", "takendown", "suspended"])
def test_an_account_that_is_only_hidden_is_not_purged_though_its_end_was_heard(harness, answered, status):
    account(harness, "deleted")
    harness.network.set_status(ANA, status)
    harness.clock.forward(hours=25)
    harness.run_jobs()

    assert [row["text"] for row in rows(harness, "note")] == ["lives in Lisbon"]
    assert (status_of(harness), jobs(harness)) == (status, [])


def test_no_purge_happens_while_the_network_does_not_say_so(harness, answered):
    account(harness, "deleted")
    harness.network.set_status(ANA, "deleted")
    harness.clock.forward(hours=25)
    harness.network.fail("status", TransientNetworkError("down"))
    harness.run_jobs()
    kept = len(rows(harness, "note"))
    harness.clock.forward(hours=1)
    harness.run_jobs()

    assert (kept, rows(harness, "note")) == (1, [])


def test_a_gap_is_recorded_once_and_everybody_is_looked_at_again(harness, answered):
    harness.network.write(ANA, {"subject": ME}, collection="app.bsky.graph.block", rkey="3kabcdefghijk")
    for _ in range(2):
        harness.send(Gap, "test", 5, 9, "OutdatedCursor", harness.clock())
    harness.run_jobs()

    (gap,) = rows(harness, "gap")
    assert (gap["host"], gap["since"], gap["until"], gap["reason"]) == ("test", 5, 9, "OutdatedCursor")
    assert [row["uri"] for row in rows(harness, "block")] == [BLOCK]
    harness.network.remove(BLOCK)
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()
    assert rows(harness, "block") == []


def test_a_gap_that_was_replayed_is_recorded_as_closed_and_nobody_is_looked_at_again(harness, answered):
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM errand"))
    harness.send(Gap, "test", 5, 9, "closed 1001", harness.clock(), replayed=True)
    because_of_it = jobs(harness)
    harness.send(Gap, "test", 9, 12, "undecodable", harness.clock())
    with harness.services.db.read() as tx:
        known = gaps.latest(tx, limit=9)
        still_open = gaps.latest(tx, limit=9, still_open=True)

    assert [(gap.why, gap.closed_by) for gap in known] == [("undecodable", None), ("closed 1001", "replay")]
    assert still_open == known[:1]
    assert (because_of_it, jobs(harness)) == ([], [("recheck", ANA)])


def test_whom_and_what_is_followed_is_found_again_after_a_restart(harness, answered, tmp_path):
    root, in_thread = thread(harness)
    harness.say(ANA, "hi", **in_thread)
    harness.say(BEN, "hi")
    block(harness)
    again = Harness(harness.services.db, tmp_path, network=harness.network)
    with harness.services.db.read() as tx:
        again.handler.load_tracked(tx)

    for tracked in (harness.handler.tracked, again.handler.tracked):
        assert all(tracked.has_person(did) for did in (ANA, BEN, ME))
        assert all(tracked.has_post(uri) for uri in (root.uri, BLOCK))
        assert not tracked.has_person("did:plc:stranger")
