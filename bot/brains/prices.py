"""What a model costs, as far as it is known before it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.limits import Price
from bot.errors import SettingsError

if TYPE_CHECKING:
    from bot.config.settings import Settings

SAMPLE_TOKENS = 10_000  # a long prompt can have another price; none of ours is so long


def known_price(settings: Settings) -> Price | None:
    """The price that is set, else the one that a library knows; None if nobody knows it."""
    if settings.brain == "rules":
        return Price(0, 0)
    if settings.price is None and settings.brain == "model" and settings.model is not None:
        return listed_price(settings.model)
    return settings.price


def listed_price(name: str) -> Price | None:
    """What this `provider:model` costs by the list of genai-prices; None if it is not there."""
    try:
        from genai_prices import Usage, calc_price
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error.name} is missing. Install it: pip install 'scrubjay[model]'") from error
    provider, _, model = name.partition(":")
    provider = provider.removesuffix("-chat").removesuffix("-responses")
    samples = Usage(input_tokens=SAMPLE_TOKENS), Usage(output_tokens=SAMPLE_TOKENS)
    try:
        totals = [float(calc_price(one, model, provider_id=provider).total_price) for one in samples]
    except LookupError:
        return None
    return Price(*(total * 1_000_000 / SAMPLE_TOKENS for total in totals))
