"""Which source the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bot.domain.tracked import Tracked
from bot.streams import notifications
from bot.streams.firehose import Firehose, FrameDialect
from bot.streams.jetstream import Jetstream, LineDialect
from bot.streams.recording import Replay, Tape
from bot.streams.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.config.settings import Settings
    from bot.ports import Source
    from bot.streams.message import Dialect

NO_STREAMS = (notifications.HOST, "replay:")
NOBODY = "did:web:nobody.invalid"


def source(settings: Settings, tracked: Tracked, cursors: Mapping[str, int]) -> Source:
    """`cursors` are all that are stored, the latest first."""
    if settings.replayed is not None:
        return Replay(Path(settings.replayed), tracked, speed=settings.replay_speed)
    kind = Jetstream if settings.source == "jetstream" else Firehose
    known = {host: seq for host, seq in cursors.items() if not host.startswith(NO_STREAMS)}
    return kind(settings.stream_url, tracked, start=settings.firehose_start, cursors=known)


def recorder(settings: Settings, out: BinaryIO) -> tuple[Stream, Tape]:
    """What listens to the hosts from now on, for nobody, and what writes all they send to `out`."""
    tape = Tape(dialect(settings, Tracked(NOBODY)), out)
    return Stream(settings.stream_url, tape), tape


def dialect(settings: Settings, tracked: Tracked) -> Dialect:
    return LineDialect(tracked) if settings.source == "jetstream" else FrameDialect(tracked)
