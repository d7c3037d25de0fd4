"""The ports of the bot: protocols whose implementations `bot.factory` chooses by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from bot.domain.budget import ReadBudget
    from bot.domain.direct_messages import Conversation, SentMessage
    from bot.domain.events import Event, Page
    from bot.domain.hearing import Hearing
    from bot.domain.mention import Post, Profile, Record, Relation, StrongRef
    from bot.domain.prompt import Prompt, ToolResult, ToolSpec, Usage


class EventStream(Protocol):
    """A source of events. `host` names its cursor: each host has one of its own."""

    host: str

    def events(self, cursor: int | None) -> AsyncGenerator[Event]:
        """Events after `cursor`, for ever. The stream itself recovers from errors of its connection.

        Without a cursor, the stream's settings say where to begin.
        """
        ...

    def hearing(self) -> Hearing:
        """How well it is heard at this moment."""
        ...


class DirectMessages(Protocol):
    """Conversations of the bot's account with one other person each.

    Every method raises MessagesRefused (a fact about that person), NoMessaging (a fact about the bot's own
    account) and TransientNetworkError (all else). What people write to the bot is read by no method.
    """

    async def open(self, did: str) -> Conversation:
        """Find the conversation with this person, or begin it."""
        ...

    async def send(self, conversation: str, text: str, facets: Sequence[Record] = ()) -> str:
        """Send the text to the conversation of this id. Returns the id of the message.

        After a TransientNetworkError the message may have been sent: the same call again would be a second
        one. Raises PermanentNetworkError if the lexicon does not allow the text.
        """
        ...

    async def sent_since(self, conversation: str, last: str) -> Sequence[SentMessage]:
        """What the bot sent there after the message of the id `last`, the newest first, at most 500."""
        ...

    async def check(self) -> None:
        """Whether the account can send direct messages."""
        ...


class Network(Protocol):
    """The bot's account, and what it can read and write. Every method raises NetworkError.

    None means that the protocol says so: it is not there. Whatever else a host answers is a
    TransientNetworkError: it says nothing of accounts and records. `budget` limits the bytes of what several
    reads bring together.
    """

    did: str
    handle: str

    @property
    def is_let_in(self) -> bool:
        """Whether the bot's account was let in the last time, and said that it is a bot. Asks nobody."""
        ...

    @property
    def direct_messages(self) -> DirectMessages: ...

    async def post(self, uri: str, budget: ReadBudget | None = None) -> Post | None:
        """The post as it is now; None if it is gone."""
        ...

    async def record(self, uri: str, budget: ReadBudget | None = None) -> Record | None:
        """Any record as it is now; None if it is gone."""
        ...

    async def profile(self, did: str, *, fresh: bool = False, budget: ReadBudget | None = None) -> Profile:
        """The handle and the self-labels. They may be some minutes old, unless `fresh`."""
        ...

    async def status(self, did: str) -> str:
        """The account's status, in its own server's word: active, deactivated, takendown, deleted ..."""
        ...

    async def blocked_by(self, did: str, budget: ReadBudget | None = None) -> str | None:
        """The AT URI of this person's block of the bot, if it is among their newest thousand blocks."""
        ...

    async def list_blocked_by(self, did: str, budget: ReadBudget | None = None) -> str | None:
        """The AT URI of the record by which this person blocks a list that holds the bot."""
        ...

    async def members(self, uri: str, budget: ReadBudget | None = None) -> frozenset[str]:
        """The DIDs that this list holds, by its owner's newest thousand entries; nobody if it is gone.

        They may be some minutes old.
        """
        ...

    async def declarations(self, did: str, budget: ReadBudget | None = None) -> Mapping[str, Record]:
        """This person's records of `community.lexicon.preference.ai`, by AT URI."""
        ...

    async def relation(self, did: str) -> Relation | None:
        """What the AppView knows of blocks and mutes between the two; None if there is no AppView."""
        ...

    async def may_reply(self, root: str) -> bool | None:
        """Whether the bot may reply in this thread, by the AppView; None if there is no AppView."""
        ...

    async def notifications(self, cursor: str | None = None) -> Page:
        """Mentions of the bot, replies to it and quotes of it, from the AppView.

        Raises TransientNetworkError or PermanentNetworkError, also if there is no AppView.
        """
        ...

    async def check_account(self) -> None:
        """Raises AccountTrouble if the bot's account is not let in, or does not say that it is a bot."""
        ...

    async def own(self, rkey: str) -> Post | None:
        """The bot's own post under this record key."""
        ...

    async def blob(self, did: str, cid: str, limit: int, budget: ReadBudget | None = None) -> bytes | None:
        """The bytes of a blob of this person; None if it is gone. More than `limit` is a ReadRefused."""
        ...

    async def put(self, rkey: str, record: str) -> StrongRef:
        """Post exactly these JSON bytes under the record key. Putting the same bytes twice is one post.

        Raises KeyTaken if another record has this key.
        """
        ...

    async def delete(self, rkey: str) -> None:
        """Delete the bot's own post. It is no error if there is none."""
        ...

    async def close(self) -> None: ...


class Toolbox(Protocol):
    """What a brain can do in one turn. Every effect goes through `call`, which checks it."""

    specs: tuple[ToolSpec, ...]

    async def call(self, name: str, arguments: object) -> ToolResult:
        """Run the tool. `arguments`: a mapping, or JSON text. Invalid ones are refused in the answer."""
        ...

    async def reserve(self, *, again: bool = False) -> None:
        """Reserve what one more request of this turn may cost. `again`: the turn begins once more.

        Raises LimitReached. The first request of a turn is reserved already.
        """
        ...

    def add_usage(self, usage: Usage) -> None:
        """Add what a request cost. Call it as soon as that is known: it counts however the turn ends."""
        ...


class Brain(Protocol):
    """What thinks. It keeps nothing that cannot be thrown away: what is remembered is in SQL."""

    name: str

    async def start(self) -> None:
        """Check what it needs, and clean up after a crash. Raises BrainError."""
        ...

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        """One turn: call `reply` or `stay_silent`, and perhaps tools of memory. Report costs by `spend`.

        Raises TransientBrainError (try again later) and PermanentBrainError.
        """
        ...

    async def forget(self) -> None:
        """Throw away all that it keeps, about anyone, because somebody was erased. Raises BrainError."""
        ...

    async def health(self) -> str | None:
        """None if it can think; else what is wrong and what to do about it."""
        ...

    async def close(self) -> None: ...
