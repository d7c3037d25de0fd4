"""A Letta server on loopback, with a scripted model behind it, behind the real letta brain."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from letta_double import MODEL, LettaDouble, serving

from bot.brains.letta import Letta, LettaOptions

from .steps import strings


class LettaMind:
    def __init__(self, double: LettaDouble, url: str, timeout: float) -> None:
        span = timedelta(seconds=timeout)
        self.brain = Letta(LettaOptions(url, None, "scrubjay", MODEL, span, lambda: datetime.now(UTC)))
        self.script = double.script
        self._double = double

    @property
    def requests(self) -> list[str]:
        return [strings(shown) for shown in self._double.seen]


@contextmanager
def letta_mind(*, timeout: float = 20.0):
    """Yield one that has started: its agent stands, and the server has proved to obey."""
    with serving(double := LettaDouble()) as url:
        mind = LettaMind(double, url, timeout)
        asyncio.run(mind.brain.start())
        yield mind
