"""The one agent on the Letta side and its conversations: made, found, checked, swept, thrown away.

Deleting a conversation hides it, but its rows stay in Letta's database; deleting the agent removes them all
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

from bot.brains.letta.responses import told
from bot.errors import PermanentBrainError, TransientBrainError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from letta_client import AsyncLetta
    from letta_client.types import AgentState

    from bot.clock import Clock

log = structlog.get_logger()

MARK = {"made_by": "scrubjay"}
TURN = "scrubjay turn"  # the summary by which a sweep knows our conversations
KEPT = timedelta(days=1)  # an agent, with the rows of its deleted conversations
OVERDUE = timedelta(minutes=15)  # no turn takes that long: a crash left it
GOODBYE = 5.0  # seconds that a turn waits for its conversation to be deleted
PATIENCE = 10.0  # seconds that a deletion waits for the turns under way
PAGE = 100
SYSTEM = "Scrubjay sends its own instructions with every request; without them, answer nothing."
NO_API = "There is no Letta REST API at this address: check SCRUBJAY_LETTA_URL."
NO_MODEL = "Letta does not know the model {model}: check SCRUBJAY_LETTA_MODEL."
ELSE = "name another one in SCRUBJAY_LETTA_AGENT"


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
        self._held = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def open(self) -> Agent:
        """Return our agent: made anew if it is old or none, checked, and swept of a crash's leavings."""
        state = await self._find()
        if state and self._stale(state):
            await self._delete(state)
            state = None
        if state is None:
            await self._make()
            state = await self._find()  # the oldest, should another process have made one too
        if state is None:
            raise TransientBrainError("Letta does not list the agent that was just made.")
        await self._check(state)
        await self._sweep(state)
        return Agent(state.id, self._model)

    async def clear(self) -> None:
        """Delete our agent, with all that its conversations left, if there is one.

        The conversations of this process are waited for, a little: with the agent gone, their turns fail.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._quiet.wait()
        if state := await self._find():
            await self._delete(state)

    @asynccontextmanager
    async def conversation(self, agent: Agent) -> AsyncGenerator[str]:
        """Yield the id of a fresh conversation, deleted afterwards whatever happens."""
        with told():
            made = await self._client.conversations.create(agent_id=agent.id, summary=TURN)
        self._held += 1
        self._quiet.clear()
        try:
            yield made.id
        finally:
            self._held -= 1
            if not self._held:
                self._quiet.set()
            await self._drop(made.id)

    async def _drop(self, conversation: str) -> None:
        try:
            async with asyncio.timeout(GOODBYE):
                await self._client.conversations.delete(conversation)
        except NotFoundError:
            pass
        except (LettaError, httpx.HTTPError, TimeoutError) as error:
            log.warning("letta.conversation_left", conversation=conversation, error=type(error).__name__)

    async def _find(self) -> AgentState | None:
        with told(missing=NO_API):
            page = await self._client.agents.list(
                name=self._name, order="asc", order_by="created_at", limit=10
            )
        state = next((one for one in page.items or [] if one.name == self._name), None)
        if state and not (state.metadata or {}).items() >= MARK.items():
            raise PermanentBrainError(
                f"There is a Letta agent {self._name!r} that scrubjay did not make. Scrubjay throws its own "
                f"away every day: to keep this one, {ELSE}."
            )
        return state

    def _stale(self, state: AgentState) -> bool:
        old = state.created_at is not None and self._clock() - _aware(state.created_at) >= KEPT
        return old or (state.metadata or {}).get("model") != self._model

    async def _make(self) -> None:
        with told(missing=NO_MODEL.format(model=self._model)):
            await self._client.agents.create(
                name=self._name,
                model=self._model,
                system=SYSTEM,
                metadata={**MARK, "model": self._model},
                memory_blocks=[],
                parallel_tool_calls=True,  # else it drops all calls of an answer but the first
                include_base_tools=False,
                include_base_tool_rules=False,
                enable_sleeptime=False,
            )
        log.info("letta.agent_made", agent=self._name, model=self._model)

    async def _check(self, state: AgentState) -> None:
        """Refuse an agent that could act, remember or look into other conversations by itself.

        A list of agents tells no relationships, so tools and blocks are asked for one by one.
        """
        with told():
            tools = [str(tool.name) async for tool in self._client.agents.tools.list(state.id)]
            labels = [str(block.label) async for block in self._client.agents.blocks.list(state.id)]
        if tools:
            raise PermanentBrainError(
                f"The Letta agent {self._name!r} has tools on the server ({', '.join(sorted(tools))}), which "
                f"could act and remember behind our back: detach them, delete the agent, or {ELSE}."
            )
        if blocks := sorted(set(labels) - {"persona"}):
            raise PermanentBrainError(
                f"The Letta agent {self._name!r} has memory blocks ({', '.join(blocks)}), which everybody's "
                f"turns would share: detach them, delete the agent, or {ELSE}."
            )
        if state.enable_sleeptime:
            raise PermanentBrainError(
                f"The Letta agent {self._name!r} has a sleep-time agent, which reads all conversations: "
                f"switch it off, delete the agent, or {ELSE}."
            )

    async def _sweep(self, state: AgentState) -> None:
        with told():
            found = await self._client.conversations.list(agent_id=state.id, order="asc", limit=PAGE)
        before = self._clock() - OVERDUE
        left = [
            one for one in found if one.summary == TURN and one.created_at and _aware(one.created_at) < before
        ]
        for one in left:
            await self._drop(one.id)
        if left:
            log.info("letta.swept", conversations=len(left))

    async def _delete(self, state: AgentState) -> None:
        with told(missing=None):
            try:
                await self._client.agents.delete(state.id)
            except NotFoundError:
                return  # another process was faster
        log.info("letta.agent_deleted", agent=self._name)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
