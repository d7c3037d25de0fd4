"""Which source the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bot.sources.firehose import Firehose, FrameDialect
from bot.sources.jetstream import Jetstream, LineDialect
from bot.sources.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.ports import Source
    from bot.settings import Settings
    from bot.sources.message import Dialect
    from bot.tracked import Tracked


def source(settings: Settings, tracked: Tracked, resume: Callable[[str], int | None]) -> Source:
    """`resume` tells the stored cursor of a host, for one that is failed over to."""
    if settings.replayed is not None:
        return Replay(Path(settings.replayed), tracked, speed=settings.replay_speed)
    kind = Jetstream if settings.source == "jetstream" else Firehose
    return kind(settings.stream_url, tracked, start=settings.firehose_start, resume=resume)


def dialect(settings: Settings, tracked: Tracked) -> Dialect:
    return LineDialect(tracked) if settings.source == "jetstream" else FrameDialect(tracked)
