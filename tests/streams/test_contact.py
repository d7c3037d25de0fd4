from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from support.relay import ME, Relay, hears

from bot.domain.tracked import Tracked
from bot.streams.contact import Contact
from bot.streams.firehose import Firehose


class Watch:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def contact(watch):
    return Contact(watch)


def test_without_a_connection_there_was_no_contact(contact):
    contact.lost()  # it could not be made
    found = contact.hearing(Counter())
    assert (found.connected, found.contact, found.silence) == (False, None, None)


def test_a_connection_that_stands_is_contact_though_nothing_is_said(contact, watch):
    contact.opened()
    watch.now += 1000
    found = contact.hearing(Counter())
    assert (found.connected, found.contact, found.silence) == (True, 0, None)


def test_contact_is_counted_from_when_the_connection_was_lost(contact, watch):
    contact.opened()
    contact.received(2.5)
    watch.now += 50
    contact.lost()
    watch.now += 7
    contact.lost()  # again, in vain
    found = contact.hearing(Counter(frames=3, reconnects=1))
    assert (found.contact, found.silence, found.lag) == (7, 57, 2.5)
    assert (found.messages, found.reconnects) == (3, 1)


def test_an_event_is_being_handled_until_the_next_one_is_asked_for(contact, watch):
    with contact.handling():
        watch.now += 5
        assert contact.hearing(Counter()).handling == 5
    assert contact.hearing(Counter()).handling == 0


async def test_a_stream_tells_that_it_hears(watch):
    relay = Relay([hears(1)])
    async with relay.serving() as url:
        stream = Firehose(url, Tracked(ME), start="now", monotonic=watch)
        assert stream.hearing().contact is None
        events = stream.events(None)
        await anext(events)
        while not stream.hearing().connected:  # the first message may come before its reader knows
            await asyncio.sleep(0.01)
        watch.now += 3
        found = stream.hearing()
        await events.aclose()
    assert (found.connected, found.silence, found.handling) == (True, 3, 3)
