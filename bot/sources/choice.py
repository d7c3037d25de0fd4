"""Which source the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bot.sources.firehose import Firehose, FrameDialect
from bot.sources.jetstream import Jetstream, LineDialect
from bot.sources.replay import Replay, Tape
from bot.sources.supervisor import Stream
from bot.tracked import Tracked

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.ports import Source
    from bot.settings import Settings
    from bot.sources.message import Dialect

NOBODY = "did:web:nobody.invalid"


def source(settings: Settings, tracked: Tracked, resume: Callable[[str], int | None]) -> Source:
    """`resume` tells the stored cursor of a host, for one that is failed over to."""
    if settings.replayed is not None:
        return Replay(Path(settings.replayed), tracked, speed=settings.replay_speed)
    kind = Jetstream if settings.source == "jetstream" else Firehose
    return kind(settings.stream_url, tracked, start=settings.firehose_start, resume=resume)


def recorder(settings: Settings, out: BinaryIO) -> tuple[Stream, Tape]:
    """What listens to the hosts from now on, for nobody, and what writes all they send to `out`."""
    tape = Tape(dialect(settings, Tracked(NOBODY)), out)
    return Stream(settings.stream_url, tape), tape


def dialect(settings: Settings, tracked: Tracked) -> Dialect:
    return LineDialect(tracked) if settings.source == "jetstream" else FrameDialect(tracked)
