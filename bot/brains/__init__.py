"""The brains, by name. A new one is one module and one line here. The conformance tests run over all."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bot.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.ports import Brain

BRAINS: Mapping[str, str] = MappingProxyType(
    {
        "letta": "bot.brains.letta.brain:Letta",
        "model": "bot.brains.llm:Model",
        "rules": "bot.brains.rules.brain:Rules",
    }
)


def make(name: str, options: object = None) -> Brain:
    """The brain of this name; `options` is the one value its class takes, if it takes any.

    Raises SettingsError for an unknown name.
    """
    if name not in BRAINS:
        raise SettingsError(f"There is no brain {name!r}. There are: {', '.join(BRAINS)}.")
    module, _, kind = BRAINS[name].partition(":")
    brain = getattr(import_module(module), kind)
    return cast("Brain", brain() if options is None else brain(options))
