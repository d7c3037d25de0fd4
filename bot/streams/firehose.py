"""The firehose of a PDS or relay: com.atproto.sync.subscribeRepos over a websocket."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot.streams import filter as filters
from bot.streams import frames
from bot.streams.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.domain.tracked import Tracked
    from bot.streams.message import Message, Notice


class FrameDialect:
    """Frames of DAG-CBOR.

    The cursor is a sequence number of one host. Some servers resume after it, some at it.
    """

    path = "/xrpc/com.atproto.sync.subscribeRepos"
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    text = False
    oldest = 0
    rewind = 0
    shared: str | None = None

    def __init__(self, tracked: Tracked) -> None:
        self.may_concern = filters.frame_filter(tracked)
        self._event_filter = filters.EventFilter(tracked)

    def read(self, data: bytes, now: datetime) -> Message | Notice:
        return frames.read(data, self._event_filter, now)


class Firehose(Stream):
    """An EventStream. `urls`: the servers, e.g. ws://localhost:2583. Other arguments: see Stream."""

    def __init__(self, urls: str | Sequence[str], tracked: Tracked, **more: Any) -> None:
        super().__init__(urls, FrameDialect(tracked), **more)
