"""The stream against a relay that does everything wrong, and against a real PDS."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from support.relay import ALICE, ME, Relay, close, commit, drop, error, frame, hears, mention

from bot.devnet.localnet import LocalNet
from bot.domain.events import IdentityChanged, PostCreated, PostDeleted, Progress
from bot.domain.tracked import Tracked
from bot.streams.firehose import Firehose

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Enough(Exception):
    """The listener has waited as often as the test wanted."""


class Listener:
    """A firehose that hardly waits, and remembers how long it should have; after `patience` times, Enough."""

    def __init__(self, url, *, patience=100, tracked=None, **more):
        self.delays = []
        self.patience = patience
        settings = {"start": "now", "clock": lambda: NOW, "monotonic": lambda: 0.0}
        settings |= {"sleep": self.sleep, "jitter": lambda: 1.0} | more
        self.source = Firehose(url, tracked or Tracked(ME, [ALICE]), **settings)

    async def sleep(self, seconds):
        self.delays.append(seconds)
        if len(self.delays) == self.patience:
            raise Enough
        await asyncio.sleep(0.02)

    async def take(self, count, cursor=None, kind=PostCreated):
        """The next events of this kind."""
        taken = []
        async with asyncio.timeout(20), aclosing(self.source.events(cursor)) as events:
            async for event in events:
                if isinstance(event, kind):
                    taken.append(event)
                    if len(taken) == count:
                        return taken
        return taken


async def received_through(trouble, **more):
    """A mention, the trouble, and what comes after it on the next connection."""
    relay = Relay([hears(1), *trouble], [hears(2, "after")])
    async with relay.serving() as url:
        listener = Listener(url, **more)
        events = await listener.take(2)
    assert [event.record["text"] for event in events] == ["hi", "after"]
    return relay, listener


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1013])
async def test_a_close_is_survived_and_the_stream_resumed(code):
    relay, listener = await received_through([close(code)])
    assert relay.cursors == [None, 1]
    assert listener.source.counts[f"lost: closed {code}"] == 1


async def test_a_dropped_connection_is_survived_and_the_stream_resumed():
    relay, listener = await received_through([drop])
    assert relay.cursors == [None, 1]
    assert listener.source.counts["lost: dropped"] == 1


async def test_a_consumer_too_slow_comes_back():
    relay, listener = await received_through([error("ConsumerTooSlow")])
    assert relay.cursors == [None, 1]
    assert listener.source.counts["notice: ConsumerTooSlow"] == 1


async def test_a_cursor_of_the_future_begins_anew_at_the_present():
    relay = Relay([error("FutureCursor")], [hears(2), close(1000)], [hears(3)])
    async with relay.serving() as url:
        events = await Listener(url, start="oldest").take(2, cursor=1000)
    assert relay.cursors == [1000, None, 2]
    assert [event.cursor for event in events] == [2, 3]


async def test_an_outdated_cursor_is_a_gap_that_is_reported_and_survived():
    relay = Relay([frame("#info", {"name": "OutdatedCursor"}), hears(5)])
    async with relay.serving() as url:
        listener = Listener(url)
        (event,) = await listener.take(1, cursor=1)
    assert (event.cursor, relay.cursors) == (5, [1])
    assert listener.source.counts["notice: OutdatedCursor"] == 1


BAD = {
    "garbage": b"\xff\x00\xff",
    "cut off": hears(2)[:-30],
    "text": "hello",
    "empty": b"",
    "three parts": hears(2) + b"\xa0",
    "header no map": b"\x01" + b"\xa0",
    "no seq": frame("#commit", {"repo": ALICE}),
    "wrong types": frame("#commit", {"seq": 2, "repo": 7, "ops": 7}),
    "unknown kind": frame("#labels", {"seq": 2}),
    "huge": commit(2, ("create", "3kaaaaaaaaaaa", {"text": "x" * 6_000_000})),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_bad_frame_costs_nothing_but_itself(bad):
    relay = Relay([hears(1), bad, hears(3, "after")])
    async with relay.serving() as url:
        listener = Listener(url)
        events = await listener.take(2)
    assert [event.record["text"] for event in events] == ["hi", "after"]
    assert len(relay.cursors) == 1
    assert sum(listener.source.counts[name] for name in listener.source.counts if name.startswith("bad")) == (
        0 if len(bad) > 1_000_000 else 1
    )


async def test_a_frame_in_fragments_is_one_frame():
    whole = hears(1)
    relay = Relay([lambda socket: socket.send([whole[:50], whole[50:51], whole[51:]])])
    async with relay.serving() as url:
        assert len(await Listener(url).take(1)) == 1


async def test_a_server_that_is_not_there_yet_is_waited_for():
    relay = Relay([hears(1)])
    async with relay.serving() as url:
        pass
    listener = Listener(url, patience=8)
    with pytest.raises(Enough):
        await listener.take(1)
    assert listener.delays == [0.5, 1, 2, 4, 8, 16, 30, 30]


async def test_an_http_error_is_waited_out():
    async def busy(reader, writer):
        writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(busy, "127.0.0.1", 0)
    async with server:
        listener = Listener(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", patience=3)
        with pytest.raises(Enough):
            await listener.take(1)
    assert listener.source.counts["lost: http 503"] == 3


async def test_the_delay_is_short_again_once_frames_flow():
    relay = Relay([close(1000)], [close(1000)], [close(1000)], [hears(1), close(1000)], [hears(2)])
    async with relay.serving() as url:
        listener = Listener(url)
        await listener.take(2)
    assert listener.delays == [0.5, 1, 2, 0.5]


async def test_the_delay_is_spread_by_jitter():
    relay = Relay([close(1000)], [hears(1)])
    async with relay.serving() as url:
        listener = Listener(url, jitter=lambda: 0.0)
        await listener.take(1)
    assert listener.delays == [0.25]


@pytest.mark.parametrize(("start", "asked"), [("now", None), ("oldest", 0)])
async def test_without_a_cursor_the_setting_says_where_to_begin(start, asked):
    relay = Relay([hears(1)])
    async with relay.serving() as url:
        await Listener(url, start=start).take(1)
    assert relay.cursors == [asked]


async def test_uninteresting_frames_move_the_cursor_once_a_second():
    quiet = [frame("#account", {"seq": seq}) for seq in range(1, 6)]
    relay = Relay([*quiet, hears(6)])
    async with relay.serving() as url:
        listener = Listener(url)
        ticks = iter([0, 0.5, 1, 1.5, 2, 2.5])
        listener.source._monotonic = lambda: next(ticks)
        events = await listener.take(4, kind=object)
    assert [event.cursor for event in events] == [1, 3, 5, 6]
    assert [isinstance(event, Progress) for event in events] == [True, True, True, False]


async def test_the_stream_resumes_after_frames_that_were_of_no_interest():
    relay = Relay([hears(1), frame("#account", {"seq": 9}), close(1000)], [hears(10)])
    async with relay.serving() as url:
        await Listener(url).take(2)
    assert relay.cursors == [None, 9]


async def test_a_frame_from_before_does_not_move_the_cursor_back():
    relay = Relay([hears(5), hears(3), close(1000)], [hears(6)])
    async with relay.serving() as url:
        events = await Listener(url).take(3)
    assert [event.cursor for event in events] == [5, 5, 6]
    assert relay.cursors == [None, 5]


async def test_a_restart_within_a_frame_reads_the_whole_frame_again():
    both = commit(7, ("create", "3kaaaaaaaaaaa", mention("a")), ("create", "3kaaaaaaaaaab", mention("b")))
    relay = Relay([both])
    async with relay.serving() as url:
        (first,) = await Listener(url).take(1)
        events = await Listener(url).take(2, cursor=first.cursor)
    assert relay.cursors == [None, 6]
    assert [(event.cursor, event.record["text"]) for event in events] == [(6, "a"), (7, "b")]


async def test_only_the_deletions_and_handles_of_tracked_people_are_told():
    relay = Relay(
        [
            commit(1, ("delete", "3kaaaaaaaaaaa", None), repo="did:plc:stranger"),
            frame("#identity", {"seq": 2, "did": "did:plc:stranger", "handle": "x.test"}),
            commit(3, ("delete", "3kaaaaaaaaaaa", None)),
            frame("#identity", {"seq": 4, "did": ALICE, "handle": "alice.test"}),
        ]
    )
    async with relay.serving() as url:
        known = await Listener(url).take(2, kind=PostDeleted | IdentityChanged)
    assert [event.cursor for event in known] == [3, 4]


# --- a real PDS ---


async def next_of(events, kind):
    async with asyncio.timeout(30):
        async for event in events:
            if isinstance(event, kind):
                return event
    return None


@pytest.mark.network
async def test_a_real_pds_is_followed_across_its_restart(tmp_path):
    with LocalNet(tmp_path) as net:
        jay, alice = net.actor("jay"), net.actor("alice")
        source = Firehose(net.firehose_url, Tracked(jay.did), start="oldest")
        async with aclosing(source.events(None)) as events:
            ref = alice.post("hi @jay.test", mentions=[jay])
            heard = await next_of(events, PostCreated)
            assert (heard.ref, heard.did, heard.record) == (ref, alice.did, alice.posts()[0].record)
            quote = alice.post("see", quote=jay.post("own words"))
            assert (await next_of(events, PostCreated)).record["text"] == "own words"
            assert (await next_of(events, PostCreated)).ref == quote
            edited = alice.edit(ref, alice.posts()[0].record | {"text": "hey @jay.test"})
            assert (await next_of(events, PostCreated)).ref == edited
            alice.delete(ref)
            assert (await next_of(events, PostDeleted)).uri == ref.uri
            alice.rename("alicia")
            assert (await next_of(events, IdentityChanged)).handle == "alicia.test"

            net.kill()
            net.start()
            missed = alice.post("are you there, @jay.test?", mentions=[jay])
            assert (await next_of(events, PostCreated)).ref == missed
        assert source.counts["lost: dropped"] == 1
        again = Firehose(net.firehose_url, Tracked(jay.did))
        async with aclosing(again.events(heard.cursor)) as events:
            assert (await next_of(events, PostCreated)).record["text"] == "own words"
