"""The bounded queue between a stream's reader and the listener. The reader never waits; the listener may."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from bot.domain.events import Progress

if TYPE_CHECKING:
    from bot.domain.events import Event


class EventBuffer:
    """Events, each with the name of the host whose cursor it carries.

    When the buffer is more than half full, a Progress replaces the Progress before it.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._events: deque[tuple[str, Event]] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    def full(self) -> bool:
        return len(self._events) >= self._size

    def put(self, host: str, event: Event) -> None:
        if len(self._events) > self._size // 2 and isinstance(event, Progress):
            last_host, last = self._events[-1]
            if last_host == host and isinstance(last, Progress):
                self._events.pop()
        self._events.append((host, event))
        self._filled.set()

    def end(self, reader: asyncio.Task[None]) -> None:
        """The reader has ended. `take` raises its error when the buffer is empty."""
        self._reader = reader
        self._filled.set()

    async def take(self) -> tuple[str, Event]:
        """The oldest event. Waits for one. Raises what ended the reader, if nothing is left."""
        while not self._events:
            if self._reader is not None:
                self._reader.result()
            self._emptied.set()
            self._filled.clear()
            await self._filled.wait()
        self._emptied.clear()
        return self._events.popleft()

    async def emptied(self) -> None:
        """Wait until every event was taken, and the listener asks for the next one."""
        await self._emptied.wait()
