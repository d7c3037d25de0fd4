"""Ask a brain about its notes of a person, from several sides. Nothing is posted or remembered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain import probing
from bot.domain.gate import of_prompt
from bot.domain.links import Allowed
from bot.domain.mention import Mention, Reason, StrongRef
from bot.domain.probing import Answer, Side, Verdict
from bot.errors import BrainError
from bot.prompt import compose
from bot.tools.toolbox import Toolbox
from bot.worker.learning import receipt
from memory import keywords
from memory.model import Passage

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bot.domain.prompt import Prompt
    from bot.ports import Brain
    from memory.model import Limits, Note
    from memory.recollection import Recollection

NO_POST = "at://{did}/app.bsky.feed.post/3222222222222"  # it is asked in none
MAX_FOUND = 10  # notes that a search returns


@dataclass(frozen=True, slots=True)
class Probe:
    """One note, and what was said when it was asked for."""

    note: Note
    answers: tuple[Answer, ...]

    @property
    def contradicts(self) -> bool:
        return probing.is_contradiction(self.answers)


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks one brain. `known` is the recollection of the person; each question is a turn by itself."""

    brain: Brain
    persona: str
    known: Recollection
    limits: Limits
    now: datetime
    time_limit: timedelta

    async def probe(self, note: Note) -> Probe:
        return Probe(note, tuple([await self._ask(side, note.text) for side in Side]))

    async def _ask(self, side: Side, fact: str) -> Answer:
        prompt = self._prompt(probing.question(side, fact))
        tools = self._tools(prompt)
        try:
            async with asyncio.timeout(self.time_limit.total_seconds()):
                await self.brain.think(prompt, tools)
            said = tools.thought().reply
        except TimeoutError:
            return Answer(side, None, Verdict.UNCLEAR, "it took too long")
        except BrainError as error:
            return Answer(side, None, Verdict.UNCLEAR, str(error))
        return Answer(side, said, probing.verdict(side, fact, said))

    def _prompt(self, text: str) -> Prompt:
        did = self.known.person.did
        ref = StrongRef(NO_POST.format(did=did), "")
        asked = Mention(ref, did, Reason.MENTION, text, ref, None, self.now)
        return compose.compose(self.persona, self.known, (), asked, self.now)

    def _tools(self, prompt: Prompt) -> Toolbox:
        async def search(query: str) -> tuple[Passage, ...]:
            return tuple(map(Passage.of_note, keywords.search(self.known.notes, query, MAX_FOUND)))

        gate = of_prompt(prompt, Toolbox.specs, Allowed(frozenset(), frozenset(), frozenset()), parts=4)
        said = receipt(prompt.mention)
        return Toolbox(self.known, said, self.now, limits=self.limits, search=search, gate=gate)
