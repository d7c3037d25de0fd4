"""The `letta` brain: a model behind a Letta server, asked through letta-client.

Letta runs the model and its step loop; SQL keeps the memory. There is one agent without tools and blocks, and
one new conversation for each turn. The compiled prompt goes as `override_system` with every
request, because Letta does not rebuild an agent's own prompt when its blocks change (seen with 0.16.8). Our
tools go as `client_tools`, so the server sends each call to us and waits for its result.
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
from bot.brains.letta.completeness import ClientTools, checked, client_tool
from bot.brains.letta.responses import read_response, require_whole, translate_errors
from bot.brains.loop import Response
from bot.domain.prompt import ToolResult, Trust, Usage, are_counted
from bot.errors import BrainError, BrainTimeout, PermanentBrainError, TransientBrainError
from bot.prompt.images import attachments
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any

    from pydantic import SecretStr

    from bot.brains.letta.agent import Agent
    from bot.brains.letta.responses import LettaResponse
    from bot.brains.loop import Call
    from bot.clock import Clock
    from bot.domain.prompt import Prompt
    from bot.ports import Toolbox
    from bot.prompt.images import Attachment

MAX_STEPS = (
    3  # of Letta's loop in one request; taking in a tool's answer is one, and so is a call of no tool of ours
)
CHECK_INTERVAL = timedelta(minutes=10)
PROBE_SYSTEM = (
    "You are being tested. Whatever you are asked, answer with exactly this word and nothing else: {word}"
)
PROBE_QUESTION = "Which word were you given?"
PROBE_TRIES = 2  # of the probe: a model may chatter once


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
    """Refuses a server that ignores `override_system`, and an agent that has tools or memory of its own."""

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
        self._checked_at: datetime | None = None
        self._probed = False
        self._check_lock = asyncio.Lock()

    async def start(self) -> None:
        await self._ready()

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        tools.add_usage(Usage(self._options.model, cost=None))
        system, message = prompt.split(Trust.MEMORY)
        try:
            async with asyncio.timeout(self._options.timeout.total_seconds()):
                agent = await self._ready()
                async with self._agents.conversation(agent) as name:
                    conversation = _Conversation(
                        self._client,
                        name,
                        system=system,
                        text=message,
                        images=attachments(prompt),
                        tools=tools,
                    )
                    await loop.run(conversation, ClientTools(tools))
        except TransientBrainError:
            self._checked_at = None  # the agent may be gone: check before the next turn
            raise
        except PermanentBrainError as error:  # the mention waits until the operator has fixed it
            raise TransientBrainError(*error.args) from error
        except TimeoutError as error:
            raise BrainTimeout("it took too long") from error

    async def forget(self) -> None:
        """Delete the agent with all rows of its conversations. The next turn makes a new one."""
        async with self._check_lock:
            self._checked_at = self._agent = None
            await self._agents.clear()

    async def health(self) -> str | None:
        """Ask the model for a word, which must be one that can be posted. This costs a few tokens."""
        self._probed = False
        try:
            await self._ready()
        except BrainError as error:
            return " ".join(map(str, error.args))
        return None

    async def close(self) -> None:
        await self._client.close()

    async def _ready(self) -> Agent:
        """Return the agent, checked within CHECK_INTERVAL, on a server that heeds `override_system`."""
        async with self._check_lock:
            now = self._options.clock()
            if self._agent is None or self._checked_at is None or now - self._checked_at >= CHECK_INTERVAL:
                self._agent = await self._agents.open()
                self._checked_at = now
            if not self._probed:
                await self._probe(self._agent)
                self._probed = True
            return self._agent

    async def _probe(self, agent: Agent) -> None:
        """Raise PermanentBrainError unless a random word in `override_system` reaches the model."""
        for _ in range(PROBE_TRIES):
            word = f"kestrel{secrets.token_hex(3)}"
            async with self._agents.conversation(agent) as name:
                probe = _Conversation(
                    self._client, name, system=PROBE_SYSTEM.format(word=word), text=PROBE_QUESTION
                )
                answer = loop.require_sentence(await probe.ask())
            if word in re.sub(r"[^a-z0-9]", "", answer.casefold()):
                return
        raise PermanentBrainError(
            f"{agent.model} on this Letta server did not repeat the word in its system prompt. Either the "
            "server ignores `override_system`, and people's notes could mix, or the model is too weak: "
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
        text: str,
        images: tuple[Attachment, ...] = (),
        tools: Toolbox | None = None,
    ) -> None:
        self._client = client
        self._name = name
        self._system = system
        self._tools = tools
        self._has_images = bool(images)
        self._messages = [_user(text, images)]

    async def ask(self) -> Response:
        """One request. Its text is never posted: Letta does not report that a provider's filter cut it."""
        response = await self._request()
        return Response(tuple(map(checked, response.calls)), response.text, sayable=False)

    def add_results(self, results: Sequence[tuple[Call, ToolResult]]) -> None:
        self._messages = [_approval(results)]

    def add_message(self, text: str) -> None:
        self._messages = [_user(text)]

    async def _request(self) -> LettaResponse:
        """Send the new messages with our system prompt and tools: Letta keeps neither between requests."""
        with translate_errors(has_images=self._has_images):
            stream = await self._client.conversations.messages.create(
                self._name,
                messages=self._messages,  # type: ignore[arg-type]  # plain dicts of the shapes that it documents
                override_system=_without_surrogates(self._system),
                client_tools=[client_tool(spec) for spec in self._tools.specs] if self._tools else [],
                max_steps=MAX_STEPS,
                include_pings=False,
                include_compaction_messages=True,
                streaming=True,
            )
            async with stream:
                response = await read_response(stream, has_images=self._has_images)
        if self._tools:
            self._tools.add_usage(self._usage(response))
        require_whole(response)
        return response

    def _usage(self, response: LettaResponse) -> Usage:
        """The tokens that Letta counted, or about as many as the texts have."""
        if are_counted(response.tokens_in, response.tokens_out):
            return Usage("", response.tokens_in, response.tokens_out, None)
        wrote = response.text + "".join(str(call.arguments) for call in response.calls)
        return Usage("", tokens(self._system + str(self._messages)), tokens(wrote), None)


def _user(text: str, images: Iterable[Attachment] = ()) -> dict[str, Any]:
    parts = [part for one in images for part in (_text(one.label), _image(one))]
    return {
        "role": "user",
        "content": [_text(_without_surrogates(text)), *parts] if parts else _without_surrogates(text),
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image(picture: Attachment) -> dict[str, Any]:
    data = b64encode(picture.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": data}}


def _without_surrogates(text: str) -> str:
    """`text` without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text.encode(errors="replace").decode()


def _approval(results: Iterable[tuple[Call, ToolResult]]) -> dict[str, Any]:
    returns = [
        {
            "type": "tool",
            "tool_call_id": call.id,
            "tool_return": _without_surrogates(result.text),
            "status": "success" if result.ok else "error",
        }
        for call, result in results
    ]
    return {"type": "approval", "approvals": returns}
