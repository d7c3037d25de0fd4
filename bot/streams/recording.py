"""Recordings of a stream: write one, or play one as if it happened now.

In a recording a frame follows its length (u32, little endian). A line of Jetstream is a line of the file.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import Counter
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

import structlog

from bot.domain.events import Progress
from bot.domain.hearing import Hearing
from bot.streams.firehose import FrameDialect
from bot.streams.jetstream import LineDialect
from bot.streams.message import BadFrame, Message, with_cursors

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from pathlib import Path

    from bot.domain.events import Event
    from bot.domain.tracked import Tracked
    from bot.streams.message import Dialect
    from bot.streams.stream import Stream

PROGRESS_EVERY = 1000  # messages
LENGTH = struct.Struct("<I")

log = structlog.get_logger()


class Playback:
    """An EventStream that plays the recording `path` once, and then yields nothing more.

    `speed`: how many times faster than it was recorded; 0: as fast as possible. Every start begins at the
    first message.
    """

    def __init__(
        self,
        path: Path,
        tracked: Tracked,
        *,
        speed: float = 0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.host = f"replay:{path.name}"
        self.counts: Counter[str] = Counter()
        self._path = path
        self._tracked = tracked
        self._speed = speed
        self._monotonic = monotonic
        self._sleep = sleep

    def hearing(self) -> Hearing:
        """A recording is always heard, and is behind nothing."""
        return Hearing(connected=True, contact=0.0, silence=None, lag=0.0, messages=self.counts["frames"])

    async def events(self, cursor: int | None) -> AsyncGenerator[Event, None]:  # noqa: ARG002 - a port
        """Yield the recorded events. Raises OSError if the file cannot be read."""
        messages = _messages(self._path)
        dialect = LineDialect(self._tracked) if _is_lines(self._path) else FrameDialect(self._tracked)
        first, position, begun = None, 0, self._monotonic()
        for data in messages:
            message = self._read(dialect, data)
            if message is None:
                continue
            if self._speed:
                first = first or message.at
                due = begun + (message.at - first).total_seconds() / self._speed
                await self._sleep(max(0.0, due - self._monotonic()))
            for event in with_cursors(message, position):
                yield event
            position = max(position, message.seq)
            if self.counts["frames"] % PROGRESS_EVERY == 0:
                yield Progress(position, message.at)
        log.info("playback.ended", host=self.host, **self.counts)
        yield Progress(position, datetime.now(UTC))
        await asyncio.Event().wait()

    def _read(self, dialect: Dialect, data: bytes) -> Message | None:
        """The decoded message; None if it cannot concern the bot.

        With a speed every message is decoded, because its time is needed.
        """
        self.counts["frames"] += 1
        if not (self._speed or dialect.may_concern(data) or self.counts["frames"] % PROGRESS_EVERY == 0):
            return None
        self.counts["candidates"] += 1
        try:
            message = dialect.read(data, datetime.now(UTC))
        except BadFrame as bad:
            self.counts[f"bad: {bad}"] += 1
            return None
        if not isinstance(message, Message):
            return None
        self.counts["hits"] += len(message.events)
        return message


def _is_lines(path: Path) -> bool:
    with path.open("rb") as recording:
        return recording.read(2) == b'{"'


def _messages(path: Path) -> Iterator[bytes]:
    """The recorded messages. A last one that is cut off is left out."""
    lines = _is_lines(path)
    with path.open("rb") as recording:
        if lines:
            yield from (line.rstrip(b"\n") for line in recording)
            return
        while len(head := recording.read(LENGTH.size)) == LENGTH.size:
            (size,) = LENGTH.unpack(head)
            data = recording.read(size)
            if len(data) == size:
                yield data


class Recording:
    """A dialect that also writes every message to `out`. `count` is how many it wrote."""

    def __init__(self, dialect: Dialect, out: BinaryIO) -> None:
        self.path, self.query, self.headers = dialect.path, dialect.query, dialect.headers
        self.text, self.oldest, self.rewind = dialect.text, dialect.oldest, dialect.rewind
        self.shared = dialect.shared
        self.read = dialect.read
        self._concerns = dialect.may_concern
        self._out = out
        self.count = 0

    def may_concern(self, data: bytes) -> bool:
        self.count += 1
        self._out.write(data + b"\n" if self.text else LENGTH.pack(len(data)) + data)
        return self._concerns(data)


async def record(stream: Stream, seconds: float | None) -> None:
    """Record `stream`, whose dialect is a Recording, for `seconds`; None: until cancelled.

    After a lost connection the server may send a message again. Then it stands twice in the recording, which
    does no harm.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(stream.events(None)) as events:
            async for _ in events:
                pass
