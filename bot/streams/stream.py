"""One supervisor for every stream: it connects, fails over, resumes, and tells what may have been missed.

Whatever ends or disturbs a stream is counted in `counts`, survived, resumed from the last message that was
handed on, and then told as a Gap. Only silence is no trouble, as long as the other side answers pings.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import structlog

from bot.domain.events import Progress
from bot.streams import websocket
from bot.streams.buffer import EventBuffer
from bot.streams.gaps import GapTracker
from bot.streams.message import BadFrame, Notice, with_cursors

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from bot.clock import Clock
    from bot.domain.events import Event
    from bot.streams.message import Dialect, Message

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
PROGRESS_SECONDS = 1.0
STATS_SECONDS = 60.0
PATIENCE = 3  # connections lost without a message: then another host, or another place
BUFFER_EVENTS = 5_000  # events

log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Stream:
    """An EventStream over websockets. `urls` are hosts in order of preference, e.g. wss://bsky.network.

    `start` says where to begin without a cursor: "now", or "oldest" that the server keeps. `cursors` are
    those that were stored, of any host, the latest first: it begins with the host that was heard last.
    `host` names the cursor that the last event carried.

    The events of one message carry the cursor before it, save the last: only with that one is it passed.
    `at` is the message's own time, or the clock's if that cannot be read. Close the iterator
    (contextlib.aclosing) to close the connection.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        dialect: Dialect,
        *,
        start: Literal["now", "oldest"] = "now",
        cursors: Mapping[str, int] = MappingProxyType({}),
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        ping_seconds: float = websocket.PING_SECONDS,
        buffer: int = BUFFER_EVENTS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.lag = 0.0  # seconds from the server's time of the last message that was read
        self._urls = (urls,) if isinstance(urls, str) else tuple(urls)
        self._dialect = dialect
        self._concerns = dialect.may_concern
        self._start = start
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._ping_seconds = ping_seconds
        self._tls = tls
        self._buffer = EventBuffer(buffer)
        self._cursors: dict[str, int | None] = dict(cursors)
        self._turn = self._heard_last()
        self._cursor: int | None = None
        self._unread = b""  # the last message that was of no concern; it has the place to resume from
        self._heard = 0
        self._failures = 0
        self._outage = False
        self._overflown = False
        self._told_at = float("-inf")
        self._connected = False
        self._gaps = GapTracker(clock, monotonic)
        self.host = self._name

    @property
    def _netloc(self) -> str:
        return urlsplit(self._urls[self._turn]).netloc

    @property
    def _name(self) -> str:
        """What the cursor is stored under."""
        return self._dialect.shared or self._netloc

    def _heard_last(self) -> int:
        """Which host the latest cursor is of; if it is of none of them, or of all, the first."""
        hosts = [urlsplit(url).netloc for url in self._urls]
        return next((hosts.index(host) for host in self._cursors if host in hosts), 0)

    async def events(self, cursor: int | None) -> AsyncGenerator[Event, None]:
        """Events after `cursor`, for ever."""
        self._cursor = self._dialect.oldest if cursor is None and self._start == "oldest" else cursor
        if cursor is None and self._cursors:
            self._gap("host switch", unrecoverable=True)
        reader, reporter = asyncio.create_task(self._read()), asyncio.create_task(self._report())
        reader.add_done_callback(self._buffer.end)
        try:
            while True:
                self.host, event = await self._buffer.take()
                yield event
        finally:
            reader.cancel()
            reporter.cancel()
            await asyncio.gather(reader, reporter, return_exceptions=True)

    # --- connections ---

    async def _read(self) -> None:
        while True:
            try:
                await self._connection()
            except websocket.ConnectionLost as lost:
                trouble = str(lost)
            self._connected = False
            self._catch_up()
            self._mend(trouble)
            self.counts[f"lost: {trouble}"] += 1
            delay = self._delay()
            log.warning("stream.lost", host=self._netloc, trouble=trouble, cursor=self._cursor, delay=delay)
            self._overflown = trouble == "overflow"
            if self._overflown:
                await self._buffer.emptied()
            await self._sleep(delay)
            self._fail_over()

    async def _connection(self) -> None:
        """One connection to its end, which raises ConnectionLost."""
        await websocket.receive(
            websocket.stream_url(self._urls[self._turn], self._dialect, self._place()),
            self._hear,
            text=self._dialect.text,
            headers=self._dialect.headers,
            opened=self._opened,
            ping_seconds=self._ping_seconds,
            tls=self._tls,
        )

    def _place(self) -> int | None:
        """Where to resume: exactly behind what filled the mailbox, or it would fill again; else before it."""
        rewind = 0 if self._overflown else self._dialect.rewind
        return None if self._cursor is None else max(self._dialect.oldest, self._cursor - rewind)

    def _opened(self) -> None:
        self.counts["reconnects"] += self.counts["connected"] > 0
        self.counts["connected"] += 1
        self._connected = True
        log.info("stream.connected", host=self._netloc, cursor=self._cursor)

    def _mend(self, trouble: str) -> None:
        """Note the gap, once an outage, and find a cursor that the server will take."""
        refused = trouble in ("FutureCursor", "CursorTooOld")
        stuck = trouble in ("protocol", "too big") and self._failures >= PATIENCE
        if not self._outage or refused:
            self._gap(trouble)
        self._outage = True
        self._gaps.unrecoverable |= refused or stuck or self._cursor is None
        if trouble == "FutureCursor":
            self._cursor = None  # the server's numbers began anew: go on live
        elif trouble == "CursorTooOld":
            self._cursor = self._dialect.oldest
        elif stuck and self._cursor is not None:
            self._cursor += self._dialect.rewind + 1  # the message behind it cannot be received

    def _fail_over(self) -> None:
        if len(self._urls) == 1 or not self._failures or self._failures % PATIENCE:
            return
        self._cursors[self._netloc] = self._cursor
        self._turn = (self._turn + 1) % len(self._urls)
        if not self._dialect.shared:
            self._cursor = self._cursors.get(self._netloc)
        log.warning("stream.failed_over", host=self._netloc, cursor=self._cursor)
        self._gap("host switch", unrecoverable=self._cursor is None)

    def _delay(self) -> float:
        """Seconds to wait: doubling, spread by half, and soon again once messages have flowed."""
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return delay * (0.5 + self._jitter() / 2)

    # --- messages ---

    def _hear(self, data: bytes) -> None:
        """One message, undecoded. Raises ConnectionLost."""
        self._heard += 1
        if self._concerns(data):
            self.counts["candidates"] += 1
        elif self._monotonic() - self._told_at < PROGRESS_SECONDS:
            self._unread = data
            return
        self._look(data)

    def _look(self, data: bytes) -> None:
        self._unread = b""
        self.counts["frames"] = self._heard
        try:
            message = self._dialect.read(data, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever a stranger sent: it must not end the ears
            trouble = str(error) if isinstance(error, BadFrame) else type(error).__name__
            self.counts[f"bad: {trouble}"] += 1
            log.warning("frame.bad", host=self._netloc, trouble=trouble, cursor=self._cursor, size=len(data))
            self._gap("undecodable", unrecoverable=True)
        else:
            if isinstance(message, Notice):
                self._note(message)
            else:
                self._pass(message)

    def _pass(self, message: Message) -> None:
        """Hand on the message's events, or now and then a sign that the stream moves."""
        if message.events and self._buffer.full():
            raise websocket.ConnectionLost("overflow")
        self._failures, self._outage = 0, False
        self._tell_gaps(message.seq)
        now = self._monotonic()
        self.lag = (self._clock() - message.at).total_seconds()
        for event in with_cursors(message, self._cursor or 0):
            self._buffer.put(self._name, event)
        self._cursor = max(self._cursor or 0, message.seq)
        if message.faults:
            self._complain(message)
        if message.events:
            self.counts["hits"] += len(message.events)
            self._told_at = now
        elif now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self._buffer.put(self._name, Progress(self._cursor, message.at))

    def _complain(self, message: Message) -> None:
        self.counts.update(f"bad: {fault}" for fault in message.faults)
        if {"car", "cid", "record"} & set(message.faults):
            self._gap("undecodable", unrecoverable=True)

    def _note(self, notice: Notice) -> None:
        self.counts[f"notice: {notice.name}"] += 1
        if notice.fatal:
            raise websocket.ConnectionLost(notice.name)
        self._gap(notice.name, unrecoverable=True)

    def _catch_up(self) -> None:
        """Resume behind the last message, though it was of no concern."""
        if self._unread:
            self._look(self._unread)

    def _gap(self, why: str, *, unrecoverable: bool = False) -> None:
        self.counts["gaps"] += 1
        self._gaps.note(self._name, self._cursor, why, unrecoverable=unrecoverable)

    def _tell_gaps(self, seq: int | None = None) -> None:
        """Tell the gaps that end before this message; None: nothing was heard since."""
        ends = () if seq is None else (self._name, seq)
        for gap in self._gaps.due(self._cursor, *ends):
            self._buffer.put(self._name, gap)

    async def _report(self) -> None:
        heard = self._heard
        while True:
            await asyncio.sleep(STATS_SECONDS)
            rate = round((self._heard - heard) / STATS_SECONDS, 1)
            heard = self._heard
            counts = {name: self.counts[name] for name in ("candidates", "hits", "gaps", "reconnects")}
            log.info("stream.stats", host=self._netloc, events_per_s=rate, lag=self.lag, **counts)
            if self._connected:  # a quiet stream
                self._tell_gaps()
