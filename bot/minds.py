"""The brain that the settings name, made with what it needs of them.

A brain with options of its own gets one line in OPTIONS: settings to the frozen value its class takes.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog

from bot import brains, factory
from bot.brains.guard import Guarded
from bot.errors import BrainTrouble, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.config.settings import Settings
    from bot.ports import Brain

log = structlog.get_logger()

GRACE = 1.0  # seconds: a brain that minds its own time can tell what it spent, one that is cut off cannot


def _letta(settings: Settings) -> object:
    from bot.brains.letta.brain import LettaOptions

    if settings.letta_model is None:
        raise SettingsError(
            "SCRUBJAY_LETTA_MODEL is not set: what thinks behind Letta, as Letta names it. "
            "Example: SCRUBJAY_LETTA_MODEL=anthropic/claude-sonnet-4-5"
        )
    return LettaOptions(
        url=settings.letta_url,
        key=settings.letta_key,
        agent=settings.letta_agent,
        model=settings.letta_model,
        timeout=timedelta(seconds=settings.brain_timeout),
        clock=factory.clock,
    )


def _model(settings: Settings) -> object:
    from bot.brains.llm import ModelOptions

    if settings.model is None:
        raise SettingsError("SCRUBJAY_MODEL is not set. Example: SCRUBJAY_MODEL=anthropic:claude-sonnet-5-5")
    return ModelOptions(
        name=settings.model,
        url=settings.model_url,
        key=settings.model_key,
        max_tokens=settings.model_max_tokens,
        timeout=timedelta(seconds=settings.brain_timeout),
    )


OPTIONS: Mapping[str, Callable[[Settings], object]] = MappingProxyType({"letta": _letta, "model": _model})


def make(settings: Settings) -> Brain:
    """The brain of these settings, guarded, not started yet. Raises SettingsError."""
    options = OPTIONS.get(settings.brain)
    brain = brains.make(settings.brain, options(settings) if options else None)
    return Guarded(brain, timeout=timedelta(seconds=settings.brain_timeout + GRACE), clock=factory.clock)


async def start(brain: Brain) -> None:
    """Start it. Raises BrainRefused; a brain in trouble may recover while mentions wait."""
    try:
        await brain.start()
    except BrainTrouble as error:
        log.warning("brain.unwell", brain=brain.name, error=str(error))
