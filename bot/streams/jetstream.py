"""Jetstream v2: posts, threadgates, blocks and declarations of the whole network as JSON.

The endpoint is network.bsky.jetstream.subscribeEvents. It sends an eighth of the firehose's events and a
fiftieth of its bytes. Events of accounts and identities come without being asked for.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot.streams import filter as filters
from bot.streams import lines
from bot.streams.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.domain.tracked import Tracked
    from bot.streams.message import Message, Notice

REWIND = 5_000_000  # microseconds; more than the clocks of two hosts differ


class LineDialect:
    """Lines of JSON. The cursor is a time in microseconds, and means the same on every host."""

    path = "/xrpc/network.bsky.jetstream.subscribeEvents"
    query: Sequence[tuple[str, str]] = tuple(("collections", name) for name in sorted(filters.COLLECTIONS))
    headers: Mapping[str, str] = MappingProxyType({"Sec-WebSocket-Protocol": "xrpc.v1.json"})
    text = True
    oldest = lines.FIRST_TIME
    rewind = REWIND
    shared: str | None = "jetstream"

    def __init__(self, tracked: Tracked) -> None:
        self.may_concern = filters.line_filter(tracked)
        self._event_filter = filters.EventFilter(tracked)

    def read(self, data: bytes, now: datetime) -> Message | Notice:
        return lines.read(data, self._event_filter, now)


class Jetstream(Stream):
    """An EventStream. `urls`: e.g. wss://jetstream.us-east.bsky.network. Other arguments: see Stream."""

    def __init__(self, urls: str | Sequence[str], tracked: Tracked, **more: Any) -> None:
        super().__init__(urls, LineDialect(tracked), **more)
