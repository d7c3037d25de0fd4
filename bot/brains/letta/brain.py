"""The `letta` brain: a model behind a Letta server, asked through letta-client.

Letta runs the model and its step loop; SQL keeps the memory. One agent without tools and blocks, one fresh
conversation a turn. The compiled prompt goes as `override_system` with every request, because Letta does not
rebuild an agent's own prompt when its blocks change (seen with 0.16.8); our tools go as `client_tools`, so
the server hands each call to us and waits.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from letta_client import AsyncLetta

from bot.brains import loop
from bot.brains.letta.agent import AgentManager
from bot.brains.letta.responses import read, require_whole, told
from bot.brains.loop import Round
from bot.domain.prompt import ToolAnswer, Trust, Usage
from bot.errors import BrainError, PermanentBrainError, TransientBrainError
from bot.prompt.images import attachments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any

    from pydantic import SecretStr

    from bot.brains.letta.agent import Agent
    from bot.brains.letta.responses import Answer
    from bot.brains.loop import Call
    from bot.clock import Clock
    from bot.domain.prompt import Prompt, ToolSpec
    from bot.ports import Toolbox
    from bot.prompt.images import Attachment

STEPS = (
    3  # of Letta's loop in one request; taking in a tool's answer is one, and so is a call of no tool of ours
)
LOOK_EVERY = timedelta(minutes=10)
PROBE = "You are being tested. Whatever you are asked, answer with exactly this word and nothing else: {word}"
ASKED = "Which word were you given?"
TRIES = 2  # of the probe: a model may chatter once


@dataclass(frozen=True, slots=True)
class LettaOptions:
    """Where Letta is and what thinks there. `timeout` bounds each wait for the server; `key` may be none."""

    url: str
    key: SecretStr | None
    agent: str
    model: str
    timeout: timedelta
    clock: Clock


class Letta:
    """Refuses a server that ignores `override_system`, and an agent that could act or remember by itself."""

    name = "letta"

    def __init__(self, options: LettaOptions) -> None:
        self._client = AsyncLetta(
            api_key="none",
            base_url=options.url,
            timeout=options.timeout.total_seconds(),
            max_retries=0,  # a message sent twice is a turn taken twice; the worker tries again
        )
        # set here, because the client would take the environment's if there is none
        self._client.api_key = options.key.get_secret_value() if options.key else None
        self._agents = AgentManager(self._client, options.agent, options.model, options.clock)
        self._options = options
        self._agent: Agent | None = None
        self._looked: datetime | None = None
        self._obeyed = False
        self._looking = asyncio.Lock()

    async def start(self) -> None:
        await self._ready()

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        tools.spend(Usage(self._options.model, cost=None))
        system, said = prompt.split(Trust.MEMORY)
        try:
            async with asyncio.timeout(self._options.timeout.total_seconds()):
                agent = await self._ready()
                async with self._agents.conversation(agent) as name:
                    conversation = _Conversation(
                        self._client, name, system=system, said=said, shown=attachments(prompt), tools=tools
                    )
                    await loop.run(conversation, tools)
        except TransientBrainError:
            self._looked = None  # the agent may be gone: look before the next turn
            raise
        except PermanentBrainError as error:  # no fault of this mention's: it waits until the brain is mended
            raise TransientBrainError(*error.args) from error
        except TimeoutError as error:
            raise TransientBrainError("it took too long") from error

    async def forget(self) -> None:
        """Throw the agent away, with every trace of its conversations; the next turn makes another."""
        async with self._looking:
            self._looked = self._agent = None
            await self._agents.clear()

    async def health(self) -> str | None:
        """Ask the model for a word; costs a few tokens."""
        self._obeyed = False
        try:
            await self._ready()
        except BrainError as error:
            return " ".join(map(str, error.args))
        return None

    async def close(self) -> None:
        await self._client.close()

    async def _ready(self) -> Agent:
        """Return the agent, looked at not long ago, behind a server that is known to obey."""
        async with self._looking:
            now = self._options.clock()
            if self._agent is None or self._looked is None or now - self._looked >= LOOK_EVERY:
                self._agent = await self._agents.open()
                self._looked = now
            if not self._obeyed:
                await self._probe(self._agent)
                self._obeyed = True
            return self._agent

    async def _probe(self, agent: Agent) -> None:
        """Raise PermanentBrainError unless a canary in `override_system` reaches the model."""
        for _ in range(TRIES):
            word = f"kestrel{secrets.token_hex(3)}"
            async with self._agents.conversation(agent) as name:
                probe = _Conversation(self._client, name, system=PROBE.format(word=word), said=ASKED)
                said = (await probe.request()).text
            if word in re.sub(r"[^a-z0-9]", "", said.casefold()):
                return
        raise PermanentBrainError(
            f"{agent.model} on this Letta server did not say the word that its system prompt told it. Either "
            "the server ignores `override_system`, and people's notes could mix, or the model is too weak: "
            "use a server that honours it (0.16.8 does), or another SCRUBJAY_LETTA_MODEL."
        )


class _Conversation:
    """One conversation of the agent (`bot.brains.loop.Conversation`), under our system prompt and tools."""

    def __init__(
        self,
        client: AsyncLetta,
        name: str,
        *,
        system: str,
        said: str,
        shown: tuple[Attachment, ...] = (),
        tools: Toolbox | None = None,
    ) -> None:
        self._client = client
        self._name = name
        self._system = system
        self._tools = tools
        self._shows = bool(shown)
        self._messages = [_user(said, shown)]

    async def ask(self) -> Round:
        """One request. Its text is never said: Letta does not tell whether a provider's filter cut it."""
        came = await self.request()
        return Round(came.calls, None)

    def answer(self, answers: Sequence[tuple[Call, ToolAnswer]]) -> None:
        self._messages = [_approval(answers)]

    def say(self, text: str) -> None:
        self._messages = [_user(text)]

    async def request(self) -> Answer:
        """Send what is new under our system prompt and tools, which Letta does not keep between requests."""
        with told(shows=self._shows):
            stream = await self._client.conversations.messages.create(
                self._name,
                messages=self._messages,  # type: ignore[arg-type]  # plain dicts of the shapes that it documents
                override_system=_plain(self._system),
                client_tools=[_tool(spec) for spec in self._tools.specs] if self._tools else [],
                max_steps=STEPS,
                include_pings=False,
                streaming=True,
            )
            async with stream:
                came = await read(stream, shows=self._shows)
        if self._tools:
            self._tools.spend(Usage("", came.tokens_in, came.tokens_out, None))
        require_whole(came)
        return came


def _user(text: str, shown: Iterable[Attachment] = ()) -> dict[str, Any]:
    parts = [part for one in shown for part in (_text(one.label), _image(one))]
    return {"role": "user", "content": [_text(_plain(text)), *parts] if parts else _plain(text)}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(shown: Attachment) -> dict[str, Any]:
    data = b64encode(shown.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": shown.media_type, "data": data}}


def _plain(text: str) -> str:
    """`text` without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text.encode(errors="replace").decode()


def _tool(spec: ToolSpec) -> Any:
    return {"name": spec.name, "description": spec.description, "parameters": dict(spec.parameters)}


def _approval(answers: Iterable[tuple[Call, ToolAnswer]]) -> dict[str, Any]:
    returns = [
        {
            "type": "tool",
            "tool_call_id": call.id,
            "tool_return": _plain(answer.text),
            "status": "success" if answer.ok else "error",
        }
        for call, answer in answers
    ]
    return {"type": "approval", "approvals": returns}
