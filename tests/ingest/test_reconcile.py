"""What the stream did not bring is found by the notifications, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, ME, NOW
from support.harness import Harness

from bot.domain.events import Gap
from bot.domain.mention import State
from bot.errors import PermanentNetworkError, TransientNetworkError
from bot.storage import cursors, gaps, mentions
from bot.streams import notifications


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)


def unheard(harness, did=ANA, words="hi", ago=timedelta(0)):
    """A mention that stands on the network, and that no stream has brought."""
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": ME}
    record = {
        "$type": "app.bsky.feed.post",
        "text": f"@jay.test {words}",
        "createdAt": (NOW - ago).isoformat(),
        "facets": [{"index": {"byteStart": 0, "byteEnd": 9}, "features": [feature]}],
    }
    return harness.network.write(did, record)


def closed(harness):
    with harness.services.db.read() as tx:
        return [row.closed_at for row in tx.execute(text("SELECT closed_at FROM gap"))]


@pytest.mark.slow
def test_mentions_on_every_page_that_the_stream_missed_are_answered(harness):
    heard = harness.say(ANA, "heard")
    missed = [unheard(harness, did) for did in (ANA, BEN, "did:plc:cleo", "did:plc:dan", "did:plc:eve")]
    found = harness.reconcile()
    harness.work()

    assert (found, harness.reconcile()) == (5, 0)
    assert [harness.outcome(ref) for ref in (heard, *missed)] == [(State.ANSWERED, None)] * 6
    assert all(len(harness.replies(ref)) == 1 for ref in (heard, *missed))


def test_pages_are_read_until_one_is_older_than_48_hours_before_the_last_time(harness):
    harness.reconcile()
    harness.clock.forward(hours=12)
    unheard(harness, ago=timedelta(hours=100))
    unheard(harness, ago=timedelta(hours=49))
    inside = unheard(harness, ago=timedelta(hours=47))
    for _ in range(3):
        harness.network.write(ANA, {"text": "nothing"})
    asked = len([call for call in harness.network.calls if call[0] == "notifications"])

    assert harness.reconcile() == 1
    assert harness.entry(inside).state == State.WAITING
    assert len([call for call in harness.network.calls if call[0] == "notifications"]) == asked + 1


def test_what_was_missed_while_it_was_off_for_days_is_found(harness):
    harness.reconcile()
    harness.clock.forward(days=5)
    missed = [unheard(harness, ago=-timedelta(days=day)) for day in range(1, 5)]

    assert harness.reconcile() == len(missed)


def test_commands_that_were_missed_are_obeyed_in_their_order(harness):
    unheard(harness, words="stop")
    unheard(harness, words="start")
    ref = unheard(harness, words="hello again")
    harness.reconcile()
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


def test_what_was_answered_before_the_database_was_lost_stays_answered(harness):
    ref = harness.say(ANA, "hi")
    harness.work()
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))

    assert harness.reconcile() == 0
    assert len(harness.replies(ref)) == 1


def test_a_gap_is_closed_when_notifications_were_read_and_everybody_was_looked_at(harness):
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.send(Gap, "test", 5, 9, "stall", harness.clock())
    harness.clock.forward(minutes=1)
    harness.reconcile()
    still_open = closed(harness)
    harness.run_jobs()
    harness.reconcile()
    with harness.services.db.read() as tx:
        (gap,) = gaps.latest(tx, limit=9)

    assert (still_open, [at is not None for at in closed(harness)]) == ([None], [True])
    assert gap.closed_by == "second look"


def test_a_post_over_which_this_program_has_a_bug_holds_up_no_other_and_leaves_the_gap_open(
    harness, monkeypatch
):
    refs = [unheard(harness, words=words) for words in ("poison", "hi")]
    harness.send(Gap, "test", None, None, "closed", NOW)
    harness.clock.forward(seconds=1)
    real = mentions.accept

    def accept(tx, mention, **others):
        if "poison" in mention.text:
            raise RuntimeError
        return real(tx, mention, **others)

    with monkeypatch.context() as patch:
        patch.setattr(mentions, "accept", accept)
        harness.reconcile()
    harness.run_jobs()
    failed = closed(harness), harness.entry(refs[1]).state
    harness.clock.forward(seconds=1)
    harness.reconcile()

    assert failed == ([None], State.WAITING)
    assert (harness.entry(refs[0]).state, None in closed(harness)) == (State.WAITING, False)


def test_a_gap_that_opens_while_notifications_are_read_stays_open(harness):
    read = harness.network.notifications

    async def slow(cursor=None):
        harness.clock.forward(seconds=1)
        harness.send(Gap, "test", 5, 9, "stall", harness.clock())
        return await read(cursor)

    harness.network.notifications = slow
    harness.reconcile()

    assert closed(harness) == [None]


@pytest.mark.parametrize(
    "error", [TransientNetworkError("502"), PermanentNetworkError("400 No service configured")]
)
def test_without_an_appview_it_is_skipped_and_tried_again(harness, error):
    async def run():
        ring = asyncio.Event()
        serving = asyncio.create_task(harness.reconciler.serve(ring))
        await until(lambda: harness.network.fired["notifications"])
        ring.set()
        await until(mark)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    async def until(holds):
        while not holds():
            await asyncio.sleep(0.01)

    def mark():
        with harness.services.db.read() as tx:
            return cursors.get(tx, notifications.HOST)

    harness.network.fail("notifications", error)
    ref = unheard(harness)
    asyncio.run(run())

    assert harness.entry(ref).state == State.WAITING
