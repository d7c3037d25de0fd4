"""The one agent in Letta and its conversations: created, found, checked, cleaned up, deleted.

A deleted conversation is hidden, but its rows stay in Letta's database. Deleting the agent removes them all
(both seen in 0.16.8's tables). So the agent is replaced every day, and whenever a person is forgotten.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import httpx
import structlog
from letta_client import LettaError, NotFoundError

from bot.brains.letta.responses import translate_errors
from bot.errors import PermanentBrainError, TransientBrainError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from letta_client import AsyncLetta
    from letta_client.types import AgentState

    from bot.clock import Clock

log = structlog.get_logger()

OUR_METADATA = {"made_by": "scrubjay"}
CONVERSATION_SUMMARY = "scrubjay turn"  # marks our conversations
MAX_AGENT_AGE = timedelta(days=1)
STALE_AFTER = timedelta(minutes=15)  # no turn takes that long: a crash left the conversation
DELETE_TIMEOUT = 5.0  # seconds that a turn waits for its conversation to be deleted
IDLE_TIMEOUT = 10.0  # seconds that a deletion waits for the turns under way
PAGE_SIZE = 100
AGENT_SYSTEM = "Scrubjay sends its own instructions with every request; without them, answer nothing."
NO_API = "There is no Letta REST API at this address: check SCRUBJAY_LETTA_URL."
NO_MODEL = "Letta does not know the model {model}: check SCRUBJAY_LETTA_MODEL."
OTHER_NAME = "name another one in SCRUBJAY_LETTA_AGENT"


@dataclass(frozen=True, slots=True)
class Agent:
    id: str
    model: str


class AgentManager:
    """`name` and `model` are those of the agent. Raises TransientBrainError and PermanentBrainError."""

    def __init__(self, client: AsyncLetta, name: str, model: str, clock: Clock) -> None:
        self._client = client
        self._name = name
        self._model = model
        self._clock = clock
        self._open_conversations = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> Agent:
        """Return our agent, checked. Create it if it is missing or old; delete what a crash left."""
        state = await self._find()
        if state and self._is_stale(state):
            await self._delete_agent(state)
            state = None
        if state is None:
            await self._create()
            state = await self._find()  # the oldest, if another process has created one too
        if state is None:
            raise TransientBrainError("Letta does not list the agent that was just made.")
        await self._check(state)
        await self._sweep(state)
        return Agent(state.id, self._model)

    async def clear(self) -> None:
        """Delete our agent, if there is one, with all rows of its conversations.

        Wait up to IDLE_TIMEOUT for the turns of this process: without the agent they fail.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_TIMEOUT):
                await self._idle.wait()
        if state := await self._find():
            await self._delete_agent(state)

    @asynccontextmanager
    async def conversation(self, agent: Agent) -> AsyncGenerator[str]:
        """Yield the id of a new conversation; delete it afterwards, also after an error."""
        with translate_errors():
            made = await self._client.conversations.create(agent_id=agent.id, summary=CONVERSATION_SUMMARY)
        self._open_conversations += 1
        self._idle.clear()
        try:
            yield made.id
        finally:
            self._open_conversations -= 1
            if not self._open_conversations:
                self._idle.set()
            await self._delete_conversation(made.id)

    async def _delete_conversation(self, conversation: str) -> None:
        try:
            async with asyncio.timeout(DELETE_TIMEOUT):
                await self._client.conversations.delete(conversation)
        except NotFoundError:
            pass
        except (LettaError, httpx.HTTPError, TimeoutError) as error:
            log.warning("letta.conversation_left", conversation=conversation, error=type(error).__name__)

    async def _find(self) -> AgentState | None:
        with translate_errors(missing=NO_API):
            page = await self._client.agents.list(
                name=self._name, order="asc", order_by="created_at", limit=10
            )
        state = next((one for one in page.items or [] if one.name == self._name), None)
        if state and not (state.metadata or {}).items() >= OUR_METADATA.items():
            raise PermanentBrainError(
                f"There is a Letta agent {self._name!r} that scrubjay did not make. Scrubjay throws its own "
                f"away every day: to keep this one, {OTHER_NAME}."
            )
        return state

    def _is_stale(self, state: AgentState) -> bool:
        old = state.created_at is not None and self._clock() - _aware(state.created_at) >= MAX_AGENT_AGE
        return old or (state.metadata or {}).get("model") != self._model

    async def _create(self) -> None:
        with translate_errors(missing=NO_MODEL.format(model=self._model)):
            await self._client.agents.create(
                name=self._name,
                model=self._model,
                system=AGENT_SYSTEM,
                metadata={**OUR_METADATA, "model": self._model},
                memory_blocks=[],
                parallel_tool_calls=True,  # else it drops all calls of an answer but the first
                include_base_tools=False,
                include_base_tool_rules=False,
                enable_sleeptime=False,
            )
        log.info("letta.agent_made", agent=self._name, model=self._model)

    async def _check(self, state: AgentState) -> None:
        """Raise PermanentBrainError for an agent that has tools, memory blocks or a sleep-time agent.

        A list of agents shows neither tools nor blocks, so each is asked for.
        """
        with translate_errors():
            tools = [str(tool.name) async for tool in self._client.agents.tools.list(state.id)]
            labels = [str(block.label) async for block in self._client.agents.blocks.list(state.id)]
        if tools:
            raise PermanentBrainError(
                f"The Letta agent {self._name!r} has tools on the server ({', '.join(sorted(tools))}), which "
                f"could act and remember without scrubjay: detach them, delete the agent, or {OTHER_NAME}."
            )
        if blocks := sorted(set(labels) - {"persona"}):
            raise PermanentBrainError(
                f"The Letta agent {self._name!r} has memory blocks ({', '.join(blocks)}), which everybody's "
                f"turns would share: detach them, delete the agent, or {OTHER_NAME}."
            )
        if state.enable_sleeptime:
            raise PermanentBrainError(
                f"The Letta agent {self._name!r} has a sleep-time agent, which reads all conversations: "
                f"switch it off, delete the agent, or {OTHER_NAME}."
            )

    async def _sweep(self, state: AgentState) -> None:
        with translate_errors():
            found = await self._client.conversations.list(agent_id=state.id, order="asc", limit=PAGE_SIZE)
        before = self._clock() - STALE_AFTER
        left = [
            one
            for one in found
            if one.summary == CONVERSATION_SUMMARY and one.created_at and _aware(one.created_at) < before
        ]
        for one in left:
            await self._delete_conversation(one.id)
        if left:
            log.info("letta.swept", conversations=len(left))

    async def _delete_agent(self, state: AgentState) -> None:
        with translate_errors(missing=None):
            try:
                await self._client.agents.delete(state.id)
            except NotFoundError:
                return  # another process deleted it
        log.info("letta.agent_deleted", agent=self._name)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
