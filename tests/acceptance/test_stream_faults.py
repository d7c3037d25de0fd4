"""Everything that can go wrong with a stream, played to both sources: what it costs, and that it is told."""

import asyncio
import contextlib
import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs
from support.relay import ME, Relay, close, commit, drop, error, frame, mention
from websockets.asyncio.server import serve

from benchmarks import corpus
from bot.domain.events import Gap, PostCreated, Progress
from bot.domain.tracked import Tracked
from bot.streams import stream
from bot.streams.firehose import Firehose
from bot.streams.jetstream import Jetstream

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BASE = datetime(2026, 11, 22, 12, tzinfo=UTC)
STRANGER = "did:plc:strangerstrangerstranger"
BIG = 31_000_000_000  # numbers of a relay take eight bytes
START = int(BASE.timestamp()) * 1_000_000


class Frames:
    """The firehose's side. `place` is the cursor of a message, `resumed` what is asked for behind it."""

    source = Firehose
    oldest = 0

    @staticmethod
    def hears(number, text="hi"):
        """A message that mentions the bot."""
        key = f"3k{number:011d}".replace("0", "a").replace("1", "b")
        time = (BASE + timedelta(seconds=number)).isoformat()
        return commit(BIG + number, ("create", key, mention(text)), time=time)

    @staticmethod
    def quiet(number):
        """A message that concerns nobody."""
        time = (BASE + timedelta(seconds=number)).isoformat()
        ops = ("create", "app.bsky.feed.like/x", {"a": 1})
        return commit(BIG + number, ops, repo=STRANGER, time=time, rev="3mptbyplx2i2p")

    place = resumed = staticmethod(lambda number: BIG + number)
    error = staticmethod(error)

    @staticmethod
    def info(name):
        return frame("#info", {"name": name})


class Lines:
    """Jetstream's."""

    source = Jetstream
    oldest = 10**15

    @staticmethod
    def hears(number, text="hi"):
        return corpus.as_lines([Frames.hears(number, text)])[0].decode()

    @staticmethod
    def quiet(number):
        return corpus.as_lines([Frames.quiet(number)])[0].decode()

    @staticmethod
    def place(number):
        return START + number * 1_000_000

    @staticmethod
    def resumed(number):
        return Lines.place(number) - 5_000_000

    @staticmethod
    def error(name):
        return json.dumps({"$type": "error", "error": name, "message": "so it is"})

    @staticmethod
    def info(name):
        payload = {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": name}
        return json.dumps({"$type": "message", "payload": payload})


@pytest.fixture(params=[Frames, Lines], ids=["firehose", "jetstream"])
def side(request):
    return request.param


class Reader:
    """A source that hardly waits."""

    def __init__(self, side, *urls, **more):
        async def sleep(seconds):
            await asyncio.sleep(0.01)

        settings = {"clock": lambda: NOW, "sleep": sleep, "jitter": lambda: 1.0} | more
        self.source = side.source(urls, Tracked(ME), **settings)
        self.counts = self.source.counts
        self.gaps = []

    async def take(self, count, cursor=None):
        """The texts of the next mentions; the gaps told before them are in `gaps`."""
        self.taken = []
        async with asyncio.timeout(20), aclosing(self.source.events(cursor)) as events:
            async for event in events:
                if isinstance(event, Gap):
                    self.gaps.append(event)
                elif isinstance(event, PostCreated):
                    self.taken.append(event)
                    if len(self.taken) == count:
                        break
        return [event.record["text"] for event in self.taken]


async def survived(side, *trouble, **more):
    """A mention, the trouble, and what comes after it on the next connection."""
    relay = Relay([side.hears(1), *trouble], [side.hears(2, "after")])
    async with relay.serving() as url:
        reader = Reader(side, url, **more)
        assert await reader.take(2) == ["hi", "after"]
    assert relay.cursors == [None, side.resumed(1)]
    assert [(gap.until, gap.replayed) for gap in reader.gaps] == [(side.place(2), True)]
    return reader


def told(reader):
    return [(gap.why, gap.since) for gap in reader.gaps]


def ends(reader):
    return [(gap.why, gap.until, gap.replayed) for gap in reader.gaps]


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1013])
async def test_a_close_is_a_gap_and_the_stream_is_resumed(side, code):
    assert told(await survived(side, close(code))) == [(f"closed {code}", side.place(1))]


async def test_a_reset_connection_is_a_gap_and_the_stream_is_resumed(side):
    assert told(await survived(side, drop)) == [("dropped", side.place(1))]


async def test_a_consumer_too_slow_is_a_gap_and_the_stream_is_resumed(side):
    assert told(await survived(side, side.error("ConsumerTooSlow"))) == [("ConsumerTooSlow", side.place(1))]


async def test_an_unknown_error_is_a_gap_and_the_stream_is_resumed(side):
    assert told(await survived(side, side.error("Whatever"))) == [("Whatever", side.place(1))]


async def test_what_is_said_while_there_is_no_cursor_to_go_back_to_may_be_missed(side):
    relay = Relay([close(1011)], [side.hears(1)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(1)
    assert ends(reader) == [("closed 1011", side.place(1), False)]


async def test_what_was_missed_once_says_nothing_of_the_next_gap(side):
    bad = "{" if side is Lines else b"x"
    relay = Relay([side.hears(1), bad, side.hears(2), close(1001)], [side.hears(3)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(3)
    assert ends(reader) == [("undecodable", side.place(2), False), ("closed 1001", side.place(3), True)]


async def test_what_comes_again_moves_no_place_back(side):
    relay = Relay([side.hears(5), close(1001)], [side.hears(4), close(1001)], [side.hears(6)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(3)
    assert relay.cursors == [None, side.resumed(5), side.resumed(5)]
    assert [event.cursor for event in reader.taken] == [side.place(5), side.place(5), side.place(6)]
    assert told(reader)[0] == ("closed 1001", side.place(5))
    assert ends(reader)[0] == ("closed 1001", side.place(5), True)


async def test_an_outdated_cursor_is_a_gap_and_the_stream_goes_on(side):
    relay = Relay([side.info("OutdatedCursor"), side.hears(5)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(1, cursor=side.place(1))
    assert told(reader) == [("OutdatedCursor", side.place(1))]
    assert ends(reader) == [("OutdatedCursor", side.place(5), False)]
    assert len(relay.cursors) == 1


async def test_a_cursor_of_the_future_is_a_gap_and_begins_anew_at_the_present(side):
    relay = Relay([side.error("FutureCursor")], [side.hears(2)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(1, cursor=side.place(1000))
    assert relay.cursors == [side.resumed(1000), None]
    assert [event.cursor for event in reader.taken] == [side.place(2)]
    assert told(reader) == [("FutureCursor", side.place(1000))]
    assert [gap.replayed for gap in reader.gaps] == [False]


async def test_a_cursor_refused_as_too_old_is_a_gap_and_begins_anew_at_the_oldest(side):
    relay = Relay([side.hears(2)])
    asked = []

    def refuse(connection, request):
        asked.append(int(parse_qs(urlsplit(request.path).query)["cursor"][0]))
        if len(asked) == 1:
            refusal = {"error": "CursorTooOld", "message": "floor 7"}
            return connection.respond(HTTPStatus.BAD_REQUEST, json.dumps(refusal))
        return None

    async with serve(relay._play, "127.0.0.1", 0, process_request=refuse, close_timeout=0.1) as server:
        reader = Reader(side, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await reader.take(1, cursor=side.place(1000))
    assert asked == [side.resumed(1000), side.oldest]
    assert told(reader) == [("CursorTooOld", side.place(1000))]
    assert [gap.replayed for gap in reader.gaps] == [False]


@pytest.mark.parametrize("bad", ["garbage", "cut off", "other type", "fragments of the other type"])
async def test_an_undecodable_message_is_a_gap_and_costs_nothing_but_itself(side, bad):
    whole = side.hears(2)
    other = "text" if isinstance(whole, bytes) else b"bytes"
    message = {
        "garbage": whole[:0] + ("\xff\x00" if isinstance(whole, str) else b"\xff\x00"),
        "cut off": whole[:-30],
        "other type": other,
        "fragments of the other type": [other[:2], other[2:]],
    }[bad]
    relay = Relay([side.hears(1), lambda socket: socket.send(message), side.hears(3, "after")])
    async with relay.serving() as url:
        reader = Reader(side, url)
        assert await reader.take(2) == ["hi", "after"]
    assert told(reader) == [("undecodable", side.place(1))]
    assert ends(reader) == [("undecodable", side.place(3), False)]
    assert len(relay.cursors) == 1


async def test_a_message_over_which_its_reader_has_a_bug_costs_nothing_but_itself(side, monkeypatch):
    relay = Relay([side.hears(1), side.hears(2, "poison"), side.hears(3, "after")])
    async with relay.serving() as url:
        reader = Reader(side, url)
        read = reader.source._dialect.read

        def fail(data, now):
            return read(data, now) if b"poison" not in data else {}["poison"]

        monkeypatch.setattr(reader.source._dialect, "read", fail)
        assert await reader.take(2) == ["hi", "after"]
    assert ends(reader) == [("undecodable", side.place(3), False)]
    assert reader.counts["bad: KeyError"] == 1


async def test_many_undecodable_messages_are_one_gap_a_minute(side):
    relay = Relay([*["{" if side is Lines else b"x"] * 500, side.hears(3)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(1)
    assert len(reader.gaps) == 1
    assert sum(n for name, n in reader.counts.items() if name.startswith("bad")) == 500


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
async def test_a_message_in_fragments_is_heard_wherever_it_is_cut(side, pieces):
    whole = side.hears(1)
    size = max(1, len(whole) // pieces)
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    relay = Relay([lambda socket: socket.send(parts), side.hears(2)])
    async with relay.serving() as url:
        assert await Reader(side, url).take(2) == ["hi", "hi"]


async def test_a_ping_between_fragments_is_answered_and_costs_nothing(side):
    whole = side.hears(1)

    async def parts():
        yield whole[:50]
        await socket_.ping()
        yield whole[50:]

    async def send(socket):
        nonlocal socket_
        socket_ = socket
        await socket.send(parts())

    socket_ = None
    async with Relay([send]).serving() as url:
        assert await Reader(side, url).take(1) == ["hi"]


async def test_no_compression_is_offered_and_the_subprotocol_is(side):
    seen = []

    def look(connection, request):
        seen.append(request.headers)

    relay = Relay([side.hears(1)])
    async with serve(relay._play, "127.0.0.1", 0, process_request=look, close_timeout=0.1) as server:
        await Reader(side, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}").take(1)
    assert "Sec-WebSocket-Extensions" not in seen[0]
    assert seen[0].get("Sec-WebSocket-Protocol") == ("xrpc.v1.json" if side is Lines else None)


@contextlib.asynccontextmanager
async def raw(answer):
    """A server that says `answer(reader, writer)` and waits for the other side to leave."""

    async def connected(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await answer(reader, writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def trouble_of(side, url, **more):
    """What the first outage is called."""
    reader = Reader(side, url, **more)
    async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
        waiting = asyncio.ensure_future(anext(aiter(events)))
        while not (lost := [name for name in reader.counts if name.startswith("lost: ")]):
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    return lost[0].removeprefix("lost: ")


@pytest.mark.slow
async def test_a_stall_is_found_by_pings_and_is_a_gap(side):
    hanging = asyncio.Event()

    async def hang(socket):
        socket.transport.pause_reading()  # pings are not even read
        hanging.set()
        await asyncio.sleep(1.5)

    relay = Relay([side.hears(1), hang], [side.hears(2, "after")])
    async with relay.serving() as url:
        reader = Reader(side, url, ping_seconds=0.1)
        assert await reader.take(2) == ["hi", "after"]
    assert hanging.is_set()
    assert told(reader) == [("stalled", side.place(1))]


@pytest.mark.slow
async def test_a_quiet_stream_is_no_stall(side):
    async def be_quiet(socket):
        await asyncio.sleep(1.0)

    relay = Relay([be_quiet, side.hears(1)])
    async with relay.serving() as url:
        reader = Reader(side, url, ping_seconds=0.1)
        await reader.take(1)
    assert told(reader) == []
    assert len(relay.cursors) == 1


async def test_a_server_that_is_no_websocket_is_an_outage(side):
    async def answer(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
        await writer.drain()

    async with raw(answer) as url:
        assert await trouble_of(side, url) == "http 200"


async def test_a_server_that_closes_in_the_handshake_is_an_outage(side):
    async def answer(reader, writer):
        writer.close()

    async with raw(answer) as url:
        assert await trouble_of(side, url) == "dropped"


async def test_nobody_there_is_an_outage(side):
    async with raw(None) as url:
        pass
    assert await trouble_of(side, url) == "unreachable"


async def test_an_outage_is_one_gap_however_often_one_tries(side):
    relay = Relay([side.hears(1), close(1001)], [close(1011)], [drop], [close(1011)], [side.hears(2)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(2)
    assert told(reader) == [("closed 1001", side.place(1))]
    assert len(relay.cursors) == 5


async def test_a_dead_host_is_left_for_the_next_and_that_is_a_gap(side):
    dead, alive = Relay([close(1011)]), Relay([side.hears(7)])
    async with dead.serving() as one, alive.serving() as two:
        stored = {urlsplit(one).netloc: side.place(3), urlsplit(two).netloc: side.place(6)}
        reader = Reader(side, one, two, cursors=stored)
        await reader.take(1, cursor=side.place(3))
        assert reader.source.host == ("jetstream" if side is Lines else urlsplit(two).netloc)
    assert dead.cursors == [side.resumed(3)] * 3
    assert alive.cursors == [side.resumed(3) if side is Lines else side.place(6)]
    assert [(gap.why, gap.replayed) for gap in reader.gaps] == [("closed 1011", True), ("host switch", True)]
    ended = side.place(7) if side is Lines else None  # the other host counts in its own way
    assert [gap.until for gap in reader.gaps] == [ended, side.place(7)]


async def test_a_switch_to_a_host_that_was_never_heard_may_miss_something(side):
    dead, alive = Relay([close(1011)]), Relay([side.hears(7)])
    async with dead.serving() as one, alive.serving() as two:
        reader = Reader(side, one, two)
        await reader.take(1, cursor=side.place(3))
    assert [gap.replayed for gap in reader.gaps] == [
        side is Lines
    ] * 2  # its cursor means the same everywhere


async def test_it_begins_with_the_host_that_was_heard_last():
    first, second = Relay([Frames.hears(4)]), Relay([Frames.hears(8, "last")])
    async with first.serving() as one, second.serving() as two:
        hosts = [urlsplit(url).netloc for url in (one, two)]
        reader = Reader(Frames, one, two, cursors={hosts[1]: Frames.place(7), hosts[0]: Frames.place(3)})
        assert reader.source.host == hosts[1]
        assert await reader.take(1, cursor=Frames.place(7)) == ["last"]
    assert (first.cursors, told(reader)) == ([], [])


async def test_a_host_that_is_new_is_begun_with_a_gap_if_another_was_heard_before(side):
    async with Relay([side.hears(1)]).serving() as url:
        reader = Reader(side, url, cursors={"elsewhere.example": 5})
        await reader.take(1)
        other = Reader(side, url, cursors={})
        await other.take(1)
    assert ends(reader) == [("host switch", side.place(1), False)]
    assert told(other) == []


async def test_a_gap_is_told_on_a_stream_that_is_quiet_after_it_but_not_while_it_lasts(side, monkeypatch):
    monkeypatch.setattr(stream, "STATS_SECONDS", 0.05)
    again = asyncio.Event()

    async def refuse(socket):
        await (asyncio.sleep(0) if again.is_set() else socket.close(1011))

    relay = Relay([side.hears(1), close(1001)], [refuse])
    async with relay.serving() as url:
        reader = Reader(side, url)
        async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
            await anext(events)
            gap = asyncio.ensure_future(anext(events))
            while reader.counts["reconnects"] < 20:
                await asyncio.sleep(0.01)
            early = gap.done()
            again.set()
            gap = await gap
    assert not early
    assert (gap.why, gap.since, gap.until, gap.replayed) == ("closed 1001", side.place(1), None, True)


async def test_a_gap_of_a_kind_that_was_told_just_now_is_told_later_and_reaches_to_there(side):
    now = [0.0]

    def minute(socket):
        now[0] += 61
        return socket.send(side.hears(4))

    bad = "{" if side is Lines else b"x"
    later = asyncio.Event()
    relay = Relay([side.hears(1), bad, side.hears(2), bad, side.hears(3), lambda _: later.wait(), minute])
    async with relay.serving() as url:
        reader = Reader(side, url, monotonic=lambda: now[0])
        async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
            heard = [await anext(events) for _ in range(4)]
            later.set()
            heard += [await anext(events) for _ in range(2)]
    kinds = [type(event).__name__ for event in heard]
    assert kinds == ["PostCreated", "Gap", "PostCreated", "PostCreated", "Gap", "PostCreated"]
    gaps = [(gap.since, gap.until) for gap in heard if isinstance(gap, Gap)]
    assert gaps == [(side.place(1), side.place(2)), (side.place(2), side.place(4))]


async def test_a_host_that_is_left_is_taken_up_again_where_it_was_left():
    first = Relay([close(1011)], [close(1011)], [close(1011)], [Frames.hears(4, "back")])
    second = Relay([close(1011)])
    async with first.serving() as one, second.serving() as two:
        assert await Reader(Frames, one, two).take(1, cursor=Frames.place(3)) == ["back"]
    assert first.cursors == [Frames.place(3)] * 4
    assert second.cursors == [None] * 3


async def test_uninteresting_messages_move_the_place_to_resume_from(side):
    relay = Relay([side.hears(1), *map(side.quiet, range(2, 40)), close(1001)], [side.hears(50)])
    async with relay.serving() as url:
        reader = Reader(side, url)
        await reader.take(2)
    assert relay.cursors == [None, side.resumed(39)]
    assert reader.counts["candidates"] == 2


async def test_an_overflow_is_a_gap_and_loses_nothing(side):
    """The listener sleeps while more comes than the mailbox holds."""
    messages = [side.hears(number, str(number)) for number in range(1, 41)]
    relay = Relay(messages)
    async with relay.serving() as url:
        reader = Reader(side, url, buffer=5)
        texts, gaps = [], []
        async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
            async for event in events:
                if isinstance(event, PostCreated):
                    texts.append(int(event.record["text"]))
                elif isinstance(event, Gap):
                    gaps.append((event.why, event.replayed))
                if 40 in texts or len(relay.cursors) > 30:
                    break
                if len(relay.cursors) > 1:  # a server that resumes behind the cursor
                    asked = relay.cursors[-1]
                    exclusive = side is Frames
                    rest = [it for n, it in enumerate(messages, 1) if side.place(n) >= asked + exclusive]
                    relay.scripts = [rest]
    assert sorted(set(texts)) == list(range(1, 41))
    assert gaps == [("overflow", True)]
    assert reader.counts["lost: overflow"] >= 1


async def test_after_an_overflow_it_does_not_come_back_before_all_was_taken(side):
    relay = Relay([side.hears(number, str(number)) for number in range(1, 11)], [side.hears(20)])
    async with relay.serving() as url:
        reader = Reader(side, url, buffer=5)
        async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
            taken = [await anext(events)]
            while not reader.counts["lost: overflow"]:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)  # time enough for twenty reconnections
            early = len(relay.cursors)
            while not (isinstance(taken[-1], PostCreated) and taken[-1].cursor == side.place(20)):
                taken.append(await anext(events))
    assert (early, len(relay.cursors)) == (1, 2)


async def test_a_message_that_breaks_the_protocol_is_got_over(side):
    async def broken(socket):
        socket.transport.write(b"\xf3\x05hello")  # reserved bits and an opcode that is none

    relay = Relay([side.hears(1), broken], [broken], [broken], [broken], [side.hears(3, "after")])
    async with relay.serving() as url:
        reader = Reader(side, url)
        assert await reader.take(2) == ["hi", "after"]
    assert relay.cursors[-1] > relay.cursors[1]
    assert ends(reader) == [("protocol", side.place(3), False)]


async def test_progress_is_told_on_a_busy_stream_without_hits(side):
    relay = Relay([*map(side.quiet, range(1, 30))])
    ticks = iter(range(100))
    async with relay.serving() as url:
        reader = Reader(side, url, monotonic=lambda: next(ticks) / 4)
        places = []
        async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
            async for event in events:
                assert isinstance(event, Progress)
                places.append(event.cursor)
                if len(places) == 5:
                    break
    assert places == sorted(set(places))
    assert set(places) <= set(map(side.place, range(1, 30)))


async def test_everybody_is_heard_over_tls(side, tmp_path):
    import ssl

    from benchmarks.ingest import _certificate

    cert = _certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert)
    relay = Relay([side.hears(1)])
    async with serve(relay._play, "127.0.0.1", 0, ssl=server_side, close_timeout=0.1) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        trusted = ssl.create_default_context(cafile=cert)
        assert await Reader(side, url, tls=trusted).take(1) == ["hi"]
        assert await trouble_of(side, url) == "unreachable"


async def test_the_source_says_now_and_then_how_it_fares(side, monkeypatch):
    monkeypatch.setattr(stream, "STATS_SECONDS", 0.2)
    relay = Relay([side.hears(1), *map(side.quiet, range(2, 9)), close(1001)], [side.hears(10)])
    with capture_logs() as logs:
        async with relay.serving() as url:
            reader = Reader(side, url)
            async with asyncio.timeout(20), aclosing(reader.source.events(None)) as events:
                while not any(line["event"] == "stream.stats" for line in logs):
                    await (anext(events) if reader.counts["hits"] < 2 else asyncio.sleep(0.05))
    stats = next(line for line in logs if line["event"] == "stream.stats")
    assert {"host", "events_per_s", "lag", "candidates", "hits", "gaps", "reconnects"} <= set(stats)
    assert reader.counts["frames"] == 9
    assert (reader.counts["candidates"], reader.counts["hits"], reader.counts["reconnects"]) == (2, 2, 1)
