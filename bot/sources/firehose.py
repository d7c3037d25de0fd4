"""The firehose of a PDS or a relay: com.atproto.sync.subscribeRepos over a websocket.

The SDK's client ends on a polite close, raises on frames it cannot read, and goes deaf on a quiet stream;
this one has a supervisor of its own. Whatever ends or disturbs the stream is counted in `counts`, survived,
and resumed from the last frame that was handed on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode, urlsplit

import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bot.events import PostCreated, Progress
from bot.sources.frames import BadFrame, Message, Notice, placed, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from bot.events import Event
    from bot.ports import Clock
    from bot.sources.frames import Heard

PATH = "/xrpc/com.atproto.sync.subscribeRepos"
OPEN_SECONDS = 10.0
PING_SECONDS = 20.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
PROGRESS_SECONDS = 1.0

log = structlog.get_logger()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Firehose:
    """A Source. `url` is the server's, e.g. ws://localhost:2583; `me` the bot's DID.

    `start` says where to begin without a cursor: "now", or "oldest" that the server keeps. `knows` tells
    whose deletions and handle changes matter (None: everybody's).

    The events of one frame carry the cursor before it, save the last: only with that one is the frame passed.
    `at` is the frame's own time, or the clock's if that cannot be read. Close the iterator
    (contextlib.aclosing) to close the connection.
    """

    def __init__(
        self,
        url: str,
        *,
        start: Literal["now", "oldest"],
        me: str,
        knows: Callable[[str], bool] | None = None,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.host = urlsplit(url).netloc
        self.counts: Counter[str] = Counter()
        self._url = url.rstrip("/") + PATH
        self._start = start
        self._me = me.encode()
        self._knows = knows
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._jitter = jitter
        self._cursor: int | None = None
        self._failures = 0
        self._told_at = float("-inf")

    async def events(self, cursor: int | None) -> AsyncGenerator[Event, None]:
        """Events after `cursor`, for ever. A gap that the server admits is logged as `stream.gap`."""
        self._cursor = 0 if cursor is None and self._start == "oldest" else cursor
        while True:
            try:
                async with aclosing(self._connection()) as connection:
                    async for event in connection:
                        yield event
            except (WebSocketException, OSError, EOFError) as error:
                trouble = _named(error)
            else:
                trouble = "error frame"
            self.counts[f"lost: {trouble}"] += 1
            delay = self._delay()
            log.warning("stream.lost", host=self.host, trouble=trouble, cursor=self._cursor, delay=delay)
            await self._sleep(delay)

    async def _connection(self) -> AsyncGenerator[Event, None]:
        """One connection, up to its end (an exception) or to an error frame (a return)."""
        query = "" if self._cursor is None else f"?{urlencode({'cursor': self._cursor})}"
        async with connect(
            self._url + query,
            compression=None,  # a relay offers none, and fragments must not hide a DID
            max_size=None,  # a frame over a limit would end every connection at the same cursor
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,  # finds a peer that hangs, and lets a quiet stream be quiet
            ping_timeout=PING_SECONDS,
            close_timeout=1,
        ) as socket:
            self.counts["connected"] += 1
            log.info("stream.connected", host=self.host, cursor=self._cursor)
            while True:
                heard = self._read(await socket.recv())
                if isinstance(heard, Notice) and self._note(heard):
                    return
                if isinstance(heard, Message):
                    self._failures = 0
                    for event in self._passed(heard):
                        yield event

    def _read(self, frame: str | bytes) -> Message | Notice | None:
        """None for what is no frame: it is counted and passed over."""
        self.counts["frames"] += 1
        try:
            return read(frame if isinstance(frame, bytes) else b"", self._me, self._clock())
        except BadFrame as bad:
            self.counts[f"bad: {bad}"] += 1
            log.warning("frame.bad", host=self.host, trouble=str(bad), cursor=self._cursor, size=len(frame))
            return None

    def _passed(self, message: Message) -> Iterator[Event]:
        """The frame's events, or now and then a sign that the stream moves."""
        self.counts.update(f"bad: {fault}" for fault in message.faults)
        position = max(self._cursor or 0, message.seq)
        wanted = Message(message.seq, tuple(event for event in message.events if self._matters(event)))
        yield from placed(wanted, self._cursor or 0)
        self._cursor = position
        now = self._monotonic()
        if wanted.events:
            self._told_at = now
        elif now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            yield Progress(position, self._clock())

    def _matters(self, event: Heard) -> bool:
        return isinstance(event, PostCreated) or self._knows is None or self._knows(event.did)

    def _note(self, notice: Notice) -> bool:
        """Whether the connection is over."""
        self.counts[f"notice: {notice.name}"] += 1
        if notice.name in ("FutureCursor", "OutdatedCursor"):
            log.error("stream.gap", host=self.host, why=notice.name, cursor=self._cursor)
        if notice.name == "FutureCursor":
            self._cursor = None  # the server's numbers began anew: go on live
        return notice.fatal

    def _delay(self) -> float:
        """Seconds to wait: doubling, spread by half, and soon again once frames have flowed."""
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return delay * (0.5 + self._jitter() / 2)


def _named(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else None
        return f"closed {code}" if code else "dropped"
    return type(error).__name__
