"""The seams of the bot: what stands behind each is chosen in `bot.app`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bot.domain.budget import ReadBudget
    from bot.domain.events import Event, Page
    from bot.domain.mention import Post, Profile, Record, StrongRef
    from bot.domain.prompt import Prompt, ToolAnswer, ToolSpec, Usage


class EventStream(Protocol):
    """Something that hears the network. `host` names its cursor: cursors are per host."""

    host: str

    def events(self, cursor: int | None) -> AsyncGenerator[Event]:
        """Events after `cursor`, for ever: troubles of the stream are the source's to mend.

        None: as far back as the source's own setting says.
        """
        ...


class Network(Protocol):
    """The bot's account and what it may read and write. Every method raises NetworkError.

    None means that the protocol says so: it is not there. Whatever else a host answers is a
    TransientNetworkError: it says nothing of accounts and records. `budget` limits the bytes of what several
    reads bring together.
    """

    did: str
    handle: str

    async def post(self, uri: str, budget: ReadBudget | None = None) -> Post | None:
        """The post as it stands now; None if it is gone."""
        ...

    async def record(self, uri: str) -> Record | None:
        """Any record as it stands now; None if it is gone."""
        ...

    async def profile(self, did: str, *, fresh: bool = False, budget: ReadBudget | None = None) -> Profile:
        """Handle and self-labels, at most some minutes old, or `fresh`."""
        ...

    async def status(self, did: str) -> str:
        """The account's, in its own server's word: active, deactivated, takendown, suspended, deleted ..."""
        ...

    async def blocked_by(self, did: str) -> str | None:
        """The URI of this person's block of the bot, if it is among their newest thousand."""
        ...

    async def may_reply(self, root: str) -> bool | None:
        """Whether the AppView lets the bot reply in this thread; None if there is none to ask."""
        ...

    async def notifications(self, cursor: str | None = None) -> Page:
        """Mentions of the bot, replies to it and quotes of it, as the AppView has them.

        Raises TransientNetworkError or PermanentNetworkError also where there is no AppView.
        """
        ...

    async def own(self, rkey: str) -> Post | None:
        """The bot's own post under this record key."""
        ...

    async def blob(self, did: str, cid: str, limit: int, budget: ReadBudget | None = None) -> bytes | None:
        """The bytes of this person's picture; None if they are gone. More than `limit` is a ReadRefused."""
        ...

    async def put(self, rkey: str, record: str) -> StrongRef:
        """Put exactly these JSON bytes under the key; the same bytes twice are one post.

        Raises KeyTaken if another record stands there.
        """
        ...

    async def delete(self, rkey: str) -> None:
        """Take the bot's own post back. It is no error if there is none."""
        ...

    async def close(self) -> None: ...


class Toolbox(Protocol):
    """What a brain may do in one turn. Every effect goes through `call`, where code checks it."""

    specs: tuple[ToolSpec, ...]

    async def call(self, name: str, arguments: object) -> ToolAnswer:
        """Run the tool. `arguments`: a mapping, or JSON as a model wrote it. Bad ones raise nothing."""
        ...

    def spend(self, usage: Usage) -> None:
        """Tell what a request cost as soon as it is known: it counts however the turn ends."""
        ...


class Brain(Protocol):
    """Something that thinks. It holds nothing that cannot be thrown away: SQL is the record of memory."""

    name: str

    async def start(self) -> None:
        """Check what it needs, and tidy what a crash left. Raises BrainError."""
        ...

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        """One turn: call `reply` or `stay_silent` (and memory tools) on `tools`, and tell them what it costs.

        Raises TransientBrainError (try again later) and PermanentBrainError.
        """
        ...

    async def forget(self) -> None:
        """Somebody was forgotten: throw away all that is held, of anyone. Raises BrainError."""
        ...

    async def health(self) -> str | None:
        """None if it can think; else what is wrong and how to mend it."""
        ...

    async def close(self) -> None: ...
