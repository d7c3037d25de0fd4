"""What a person said in several posts before the bot thought of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.storage import merging
from bot.worker.preflight import in_time

if TYPE_CHECKING:
    from bot.domain.budget import ReadBudget
    from bot.domain.mention import Mention
    from bot.services import Services


async def read_burst(services: Services, mention: Mention, budget: ReadBudget) -> tuple[Mention, ...]:
    """What ended in this mention's turn, and still stands as it was heard. Raises NetworkError."""
    if not mention.is_burst:
        return ()
    before = await services.read(lambda tx: merging.merged(tx, mention.uri))
    async with in_time(budget):
        stands = [await services.network.post(one.uri, budget) for one in before]
    return tuple(one for one, post in zip(before, stands, strict=True) if post and post.ref == one.ref)


def as_one(burst: tuple[Mention, ...], mention: Mention) -> Mention:
    """The mention, with the texts of the burst before its own."""
    return replace(mention, text="\n\n".join(one.text for one in (*burst, mention)))
