"""What the stream did not bring is found by the notifications, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, ME, NOW
from support.harness import Crew

from bot.domain.events import Gap
from bot.domain.mention import State
from bot.errors import NetworkRefused, NetworkTrouble
from bot.storage import cursors, gaps, mentions
from bot.streams import notifications


@pytest.fixture
def crew(db, tmp_path):
    return Crew(db, tmp_path)


def unheard(crew, did=ANA, words="hi", ago=timedelta(0)):
    """A mention that stands on the network, and that no stream has brought."""
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": ME}
    record = {
        "$type": "app.bsky.feed.post",
        "text": f"@jay.test {words}",
        "createdAt": (NOW - ago).isoformat(),
        "facets": [{"index": {"byteStart": 0, "byteEnd": 9}, "features": [feature]}],
    }
    return crew.network.write(did, record)


def closed(crew):
    with crew.bench.db.read() as tx:
        return [row.closed_at for row in tx.execute(text("SELECT closed_at FROM gap"))]


def test_mentions_on_every_page_that_the_stream_missed_are_answered(crew):
    heard = crew.say(ANA, "heard")
    missed = [unheard(crew, did) for did in (ANA, BEN, "did:plc:cleo", "did:plc:dan", "did:plc:eve")]
    found = crew.reconcile()
    crew.work()

    assert (found, crew.reconcile()) == (5, 0)
    assert [crew.fate(ref) for ref in (heard, *missed)] == [(State.ANSWERED, None)] * 6
    assert all(len(crew.replies(ref)) == 1 for ref in (heard, *missed))


def test_pages_are_read_until_one_is_older_than_48_hours_before_the_last_time(crew):
    crew.reconcile()
    crew.clock.forward(hours=12)
    unheard(crew, ago=timedelta(hours=100))
    unheard(crew, ago=timedelta(hours=49))
    inside = unheard(crew, ago=timedelta(hours=47))
    for _ in range(3):
        crew.network.write(ANA, {"text": "nothing"})
    asked = len([call for call in crew.network.calls if call[0] == "notifications"])

    assert crew.reconcile() == 1
    assert crew.entry(inside).state == State.WAITING
    assert len([call for call in crew.network.calls if call[0] == "notifications"]) == asked + 1


def test_what_was_missed_while_it_was_off_for_days_is_found(crew):
    crew.reconcile()
    crew.clock.forward(days=5)
    missed = [unheard(crew, ago=-timedelta(days=day)) for day in range(1, 5)]

    assert crew.reconcile() == len(missed)


def test_commands_that_were_missed_are_obeyed_in_their_order(crew):
    unheard(crew, words="stop")
    unheard(crew, words="start")
    ref = unheard(crew, words="hello again")
    crew.reconcile()
    crew.work()

    assert crew.fate(ref) == (State.ANSWERED, None)


def test_what_was_answered_before_the_database_was_lost_stays_answered(crew):
    ref = crew.say(ANA, "hi")
    crew.work()
    with crew.bench.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))

    assert crew.reconcile() == 0
    assert len(crew.replies(ref)) == 1


def test_a_gap_is_closed_when_notifications_were_read_and_everybody_was_looked_at(crew):
    crew.say(ANA, "hi")
    crew.work()
    crew.clock.forward(minutes=1)
    crew.take(Gap, "test", 5, 9, "stall", crew.clock())
    crew.clock.forward(minutes=1)
    crew.reconcile()
    still_open = closed(crew)
    crew.run_errands()
    crew.reconcile()
    with crew.bench.db.read() as tx:
        (gap,) = gaps.latest(tx, limit=9)

    assert (still_open, [at is not None for at in closed(crew)]) == ([None], [True])
    assert gap.closed_by == "second look"


def test_a_post_that_this_program_stumbles_over_holds_up_no_other_and_leaves_the_gap_open(crew, monkeypatch):
    refs = [unheard(crew, words=words) for words in ("poison", "hi")]
    crew.take(Gap, "test", None, None, "closed", NOW)
    crew.clock.forward(seconds=1)
    real = mentions.accept

    def accept(tx, mention, **others):
        if "poison" in mention.text:
            raise RuntimeError
        return real(tx, mention, **others)

    with monkeypatch.context() as patch:
        patch.setattr(mentions, "accept", accept)
        crew.reconcile()
    crew.run_errands()
    stumbled = closed(crew), crew.entry(refs[1]).state
    crew.clock.forward(seconds=1)
    crew.reconcile()

    assert stumbled == ([None], State.WAITING)
    assert (crew.entry(refs[0]).state, None in closed(crew)) == (State.WAITING, False)


def test_a_gap_that_opens_while_notifications_are_read_stays_open(crew):
    read = crew.network.notifications

    async def slow(cursor=None):
        crew.clock.forward(seconds=1)
        crew.take(Gap, "test", 5, 9, "stall", crew.clock())
        return await read(cursor)

    crew.network.notifications = slow
    crew.reconcile()

    assert closed(crew) == [None]


@pytest.mark.parametrize("error", [NetworkTrouble("502"), NetworkRefused("400 No service configured")])
def test_without_an_appview_it_is_skipped_and_tried_again(crew, error):
    async def run():
        ring = asyncio.Event()
        serving = asyncio.create_task(crew.reconciler.serve(ring))
        await until(lambda: crew.network.fired["notifications"])
        ring.set()
        await until(mark)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    async def until(holds):
        while not holds():
            await asyncio.sleep(0.01)

    def mark():
        with crew.bench.db.read() as tx:
            return cursors.get(tx, notifications.HOST)

    crew.network.fail("notifications", error)
    ref = unheard(crew)
    asyncio.run(run())

    assert crew.entry(ref).state == State.WAITING
