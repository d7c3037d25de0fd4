"""Whose posts stand in a thread or a quote without being shown: they did not ask for it, and may not want it.

Hidden are people who said stop, who block the bot, deny inference, set `!no-unauthenticated` on their profile
or want no bots. So is whoever declares what cannot be read.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from bot.domain.postgate import allows_quote, postgate_uri
from bot.domain.profiles import NOT_TO_BE_SHOWN, has_word
from bot.domain.uris import author
from bot.errors import NetworkError
from bot.ingest import wishes
from bot.storage import facts

if TYPE_CHECKING:
    from bot.domain.budget import ReadBudget
    from bot.services import Services


class Bystanders:
    """Looks at each person of one thread once, within the budget of one mention."""

    def __init__(self, services: Services, asker: str, budget: ReadBudget) -> None:
        self._services = services
        self._budget = budget
        self._hidden = {asker: False, services.network.did: False}
        self._looks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def is_hidden(self, did: str) -> bool:
        """Whether nothing of this person is shown."""
        async with self._looks[did]:
            if did not in self._hidden:
                self._hidden[did] = await self._look(did)
            return self._hidden[did]

    async def is_detached(self, quoted: str, quoting: str) -> bool:
        """Whether the author of the post `quoted` does not want it shown in `quoting`. Both are AT URIs."""
        if author(quoted) in (self._services.network.did, author(quoting)):
            return False
        try:
            gate = await self._services.network.record(postgate_uri(quoted), self._budget)
        except NetworkError:
            return True
        return not allows_quote(gate, quoting)

    async def _look(self, did: str) -> bool:
        services, budget = self._services, self._budget
        if await services.read(lambda tx: facts.is_withheld(tx, did)):
            return True
        try:
            await wishes.read_bystander(services, did, budget)
            profile = await services.network.profile(did, budget=budget)
        except NetworkError:
            return True
        says_so = NOT_TO_BE_SHOWN in profile.labels
        says_so = says_so or has_word(profile.description, services.options.no_bots_words)
        return says_so or await services.read(lambda tx: facts.is_withheld(tx, did))
