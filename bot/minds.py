"""The brain that the settings name, made with what it needs of them.

A brain with options of its own gets one line in OPTIONS: settings to the frozen value its class takes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog

from bot import brains
from bot.errors import BrainTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.ports import Brain
    from bot.settings import Settings

log = structlog.get_logger()

OPTIONS: Mapping[str, Callable[[Settings], object]] = MappingProxyType({})


def make(settings: Settings) -> Brain:
    """The brain of these settings, not started yet. Raises SettingsError."""
    options = OPTIONS.get(settings.brain)
    return brains.make(settings.brain, options(settings) if options else None)


async def start(brain: Brain) -> None:
    """Start it. Raises BrainRefused; a brain in trouble may recover while mentions wait."""
    try:
        await brain.start()
    except BrainTrouble as error:
        log.warning("brain.unwell", brain=brain.name, error=str(error))
