"""Connect to a stream, reconnect, change hosts, and report what may have been missed. For every dialect.

Whatever ends or disturbs a stream is counted in `counts`. The stream resumes after the last message that was
handed on, and then reports a Gap. A stream that is silent is not disturbed, as long as the server answers
pings.
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
from bot.streams.contact import Contact
from bot.streams.gaps import GapTracker
from bot.streams.message import BadFrame, Notice, with_cursors

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from bot.clock import Clock
    from bot.domain.events import Event
    from bot.domain.hearing import Hearing
    from bot.streams.message import Dialect, Message

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
PROGRESS_SECONDS = 1.0
STATS_SECONDS = 60.0
MAX_LOSSES = 3  # connections lost without a message, before another host or cursor is tried
BUFFER_EVENTS = 5_000  # events

log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Stream:
    """An EventStream over websockets. `urls` are hosts in order of preference, e.g. wss://bsky.network.

    `start` says where to begin without a cursor: "now", or "oldest" that the server keeps. `cursors` are all
    that were stored, the latest first: the stream begins with the host of the latest. `host` is the name
    under which the last event's cursor is stored.

    Of the events of one message only the last has its cursor; the others have the one before. An event's
    `at` is the server's time, or the clock's if that cannot be read. Close the iterator (contextlib.aclosing)
    to close the connection.
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
        self._contact = Contact(monotonic)
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
        self._url_index = self._latest_url()
        self._cursor: int | None = None
        self._undecoded = (
            b""  # the last message that did not pass the filter; it has the cursor to resume from
        )
        self._received = 0
        self._failures = 0
        self._outage = False
        self._overflowed = False
        self._handed_on_at = float("-inf")
        self._gaps = GapTracker(clock, monotonic)
        self.host = self._name

    @property
    def _netloc(self) -> str:
        return urlsplit(self._urls[self._url_index]).netloc

    @property
    def _name(self) -> str:
        """The name under which the cursor is stored."""
        return self._dialect.shared or self._netloc

    def _latest_url(self) -> int:
        """The index of the host with the latest cursor; 0 if there is none."""
        hosts = [urlsplit(url).netloc for url in self._urls]
        return next((hosts.index(host) for host in self._cursors if host in hosts), 0)

    async def events(self, cursor: int | None) -> AsyncGenerator[Event, None]:
        """Events after `cursor`, without end."""
        self._cursor = self._dialect.oldest if cursor is None and self._start == "oldest" else cursor
        if cursor is None and self._cursors:
            self._gap("host switch", unrecoverable=True)
        reader, reporter = asyncio.create_task(self._read()), asyncio.create_task(self._log_stats())
        reader.add_done_callback(self._buffer.end)
        try:
            while True:
                self.host, event = await self._buffer.take()
                with self._contact.handling():
                    yield event
        finally:
            reader.cancel()
            reporter.cancel()
            await asyncio.gather(reader, reporter, return_exceptions=True)

    def hearing(self) -> Hearing:
        return self._contact.hearing(self.counts)

    # --- connections ---

    async def _read(self) -> None:
        while True:
            try:
                await self._connection()
            except websocket.ConnectionLost as lost:
                trouble = str(lost)
            self._contact.lost()
            self._decode_last()
            self._note_loss(trouble)
            self.counts[f"lost: {trouble}"] += 1
            delay = self._delay()
            log.warning("stream.lost", host=self._netloc, trouble=trouble, cursor=self._cursor, delay=delay)
            self._overflowed = trouble == "overflow"
            if self._overflowed:
                await self._buffer.emptied()
            await self._sleep(delay)
            self._fail_over()

    async def _connection(self) -> None:
        """Read one connection until it ends. Raises ConnectionLost."""
        await websocket.receive(
            websocket.stream_url(self._urls[self._url_index], self._dialect, self._resume_cursor()),
            self._receive,
            text=self._dialect.text,
            headers=self._dialect.headers,
            opened=self._opened,
            ping_seconds=self._ping_seconds,
            tls=self._tls,
        )

    def _resume_cursor(self) -> int | None:
        """The cursor to ask for. After an overflow without rewind, or the buffer would fill again."""
        rewind = 0 if self._overflowed else self._dialect.rewind
        return None if self._cursor is None else max(self._dialect.oldest, self._cursor - rewind)

    def _opened(self) -> None:
        self.counts["reconnects"] += self.counts["connected"] > 0
        self.counts["connected"] += 1
        self._contact.opened()
        log.info("stream.connected", host=self._netloc, cursor=self._cursor)

    def _note_loss(self, why: str) -> None:
        """Note one gap for each outage, and choose a cursor that the server will accept."""
        refused = why in ("FutureCursor", "CursorTooOld")
        stuck = why in ("protocol", "too big") and self._failures >= MAX_LOSSES
        if not self._outage or refused:
            self._gap(why)
        self._outage = True
        self._gaps.unrecoverable |= refused or stuck or self._cursor is None
        if why == "FutureCursor":
            self._cursor = None  # the server started its numbers again: go on with new messages
        elif why == "CursorTooOld":
            self._cursor = self._dialect.oldest
        elif stuck and self._cursor is not None:
            self._cursor += self._dialect.rewind + 1  # the message after it cannot be received

    def _fail_over(self) -> None:
        if len(self._urls) == 1 or not self._failures or self._failures % MAX_LOSSES:
            return
        self._cursors[self._netloc] = self._cursor
        self._url_index = (self._url_index + 1) % len(self._urls)
        if not self._dialect.shared:
            self._cursor = self._cursors.get(self._netloc)
        log.warning("stream.failed_over", host=self._netloc, cursor=self._cursor)
        self._gap("host switch", unrecoverable=self._cursor is None)

    def _delay(self) -> float:
        """Seconds to wait. They double with each failure, and up to half is taken off by chance."""
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return delay * (0.5 + self._jitter() / 2)

    # --- messages ---

    def _receive(self, data: bytes) -> None:
        """Take one undecoded message. Raises ConnectionLost."""
        self._received += 1
        if self._concerns(data):
            self.counts["candidates"] += 1
        elif self._monotonic() - self._handed_on_at < PROGRESS_SECONDS:
            self._undecoded = data
            return
        self._decode(data)

    def _decode(self, data: bytes) -> None:
        self._undecoded = b""
        self.counts["frames"] = self._received
        try:
            message = self._dialect.read(data, self._clock())
        except Exception as error:  # noqa: BLE001 - nothing that a stranger sends may end the stream
            trouble = str(error) if isinstance(error, BadFrame) else type(error).__name__
            self.counts[f"bad: {trouble}"] += 1
            log.warning("frame.bad", host=self._netloc, trouble=trouble, cursor=self._cursor, size=len(data))
            self._gap("undecodable", unrecoverable=True)
        else:
            if isinstance(message, Notice):
                self._take_notice(message)
            else:
                self._hand_on(message)

    def _hand_on(self, message: Message) -> None:
        """Hand on the message's events; without any, a Progress once in PROGRESS_SECONDS."""
        if message.events and self._buffer.full():
            raise websocket.ConnectionLost("overflow")
        self._failures, self._outage = 0, False
        self._report_gaps(message.seq)
        now = self._monotonic()
        self._contact.received((self._clock() - message.at).total_seconds())
        for event in with_cursors(message, self._cursor or 0):
            self._buffer.put(self._name, event)
        self._cursor = max(self._cursor or 0, message.seq)
        if message.faults:
            self._count_faults(message)
        if message.events:
            self.counts["hits"] += len(message.events)
            self._handed_on_at = now
        elif now - self._handed_on_at >= PROGRESS_SECONDS:
            self._handed_on_at = now
            self._buffer.put(self._name, Progress(self._cursor, message.at))

    def _count_faults(self, message: Message) -> None:
        self.counts.update(f"bad: {fault}" for fault in message.faults)
        if {"car", "cid", "record"} & set(message.faults):
            self._gap("undecodable", unrecoverable=True)

    def _take_notice(self, notice: Notice) -> None:
        self.counts[f"notice: {notice.name}"] += 1
        if notice.fatal:
            raise websocket.ConnectionLost(notice.name)
        self._gap(notice.name, unrecoverable=True)

    def _decode_last(self) -> None:
        """Move the cursor to the last message, though it did not pass the filter."""
        if self._undecoded:
            self._decode(self._undecoded)

    def _gap(self, why: str, *, unrecoverable: bool = False) -> None:
        self.counts["gaps"] += 1
        self._gaps.note(self._name, self._cursor, why, unrecoverable=unrecoverable)

    def _report_gaps(self, seq: int | None = None) -> None:
        """Report the gaps that end before the message `seq`; None: no message came since."""
        ends = () if seq is None else (self._name, seq)
        for gap in self._gaps.due(self._cursor, *ends):
            self._buffer.put(self._name, gap)

    async def _log_stats(self) -> None:
        received = self._received
        while True:
            await asyncio.sleep(STATS_SECONDS)
            rate = round((self._received - received) / STATS_SECONDS, 1)
            received = self._received
            counts = {name: self.counts[name] for name in ("candidates", "hits", "gaps", "reconnects")}
            log.info("stream.stats", host=self._netloc, events_per_s=rate, lag=self._contact.lag, **counts)
            if self._contact.connected:  # a quiet stream
                self._report_gaps()
