"""The values of a mention, from the post to the reply. Frozen. Times are aware datetimes in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations of what is kept
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from bot.domain.records import POST_TEXT, cut

if TYPE_CHECKING:
    from collections.abc import Mapping


Record: TypeAlias = "Mapping[str, Any]"


@dataclass(frozen=True, slots=True)
class StrongRef:
    """A record, exactly: its AT URI and the CID of its bytes (com.atproto.repo.strongRef)."""

    uri: str
    cid: str

    def to_json(self) -> dict[str, str]:
        return {"uri": self.uri, "cid": self.cid}


class Reason(StrEnum):
    """How a post addresses the bot."""

    MENTION = "mention"
    REPLY = "reply"
    QUOTE = "quote"


class Command(StrEnum):
    """What a person can wish of the program itself, in words that code understands.

    FORGET is about all of the person, FORGET_NOTE about what they name, MAY_FORGET is a FORGET in doubt. YES
    and NO answer the question that a MAY_FORGET led to. The last two are two wishes in one post.
    """

    STOP = "stop"
    START = "start"
    FORGET = "forget"
    FORGET_NOTE = "forget note"
    MAY_FORGET = "may forget"
    YES = "yes"
    NO = "no"
    REFUSE = "do not remember"
    REMEMBER = "remember"
    HELP = "help"
    MEMORY = "memory"
    WHY = "why"
    CORRECT = "correct"
    EXPORT = "export"
    FORGET_AND_STOP = "forget and stop"
    FORGET_AND_REFUSE = "forget and do not remember"

    @property
    def forgets(self) -> bool:
        """Whether everything about the person is erased."""
        return self in {Command.FORGET, Command.FORGET_AND_STOP, Command.FORGET_AND_REFUSE}

    @property
    def stops(self) -> bool:
        return self in {Command.STOP, Command.FORGET_AND_STOP}


class State(StrEnum):
    """The state of a mention. The last six are outcomes: every mention ends in exactly one of them.

    MERGED: it is answered together with a later one of the same person.
    """

    WAITING = "waiting"
    THINKING = "thinking"
    DRAFTED = "drafted"
    POSTING = "posting"
    ANSWERED = "answered"
    SILENT = "silent"
    MERGED = "merged"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"

    @classmethod
    def _missing_(cls, value: object) -> State:
        """A state that only another version knows is read as it is: it is none of those above."""
        other = str.__new__(cls, str(value))
        other._name_ = other._value_ = str(value)
        return other


OPEN = (State.WAITING, State.THINKING, State.DRAFTED, State.POSTING)
ACTIVE = (State.THINKING, State.POSTING)
OUTCOMES = tuple(state for state in State if state not in OPEN)


@dataclass(frozen=True, slots=True)
class Mention:
    """A post that addresses the bot. `root` is the first post of its thread: itself, if it starts one.

    `is_burst`: others ended in its turn.
    """

    ref: StrongRef
    did: str
    reason: Reason
    text: str
    root: StrongRef
    parent: StrongRef | None
    said_at: datetime
    langs: tuple[str, ...] = ()
    command: Command | None = None
    is_burst: bool = False

    @property
    def uri(self) -> str:
        return self.ref.uri


@dataclass(frozen=True, slots=True)
class Ignored:
    """A post that is no mention, and the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A mention taken by one worker. Each write of that worker is refused if the fence has changed.

    `attempts` includes this one.
    `post_failures` count what failed so far and may be the fault of the post: turns, bugs, workers that died.
    """

    mention: Mention
    state: State
    fence: int
    attempts: int
    seen_at: datetime
    post_at: datetime | None = None
    post_failures: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One post of a reply. `record` is its exact JSON, set before it is sent; `ref` is set after that.

    `edited_at`: when the operator wrote its text. `withdrawn_at`: when the bot learned that it is deleted.
    """

    index: int
    text: str
    facets: tuple[Record, ...]
    rkey: str | None = None
    record: str | None = None
    ref: StrongRef | None = None
    edited_at: datetime | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A mention as storage has it: with its state, its history and its reply.

    `why` is the reason of the outcome, or the last error. `merged_into`: the mention it is answered with.
    """

    mention: Mention
    state: State
    why: str | None
    attempts: int
    due_at: datetime | None
    seen_at: datetime
    drafted_at: datetime | None
    post_at: datetime | None
    ended_at: datetime | None
    brain: str | None
    model: str | None
    tokens_in: int
    tokens_out: int
    cost: int | None  # as in Usage
    parts: tuple[Part, ...]
    merged_into: str | None = None

    @property
    def is_held(self) -> bool:
        """Whether its draft waits for the operator."""
        return self.state is State.DRAFTED and self.due_at is None


@dataclass(frozen=True, slots=True)
class BotPost:
    """One post of the bot, sent or planned, with the mention that it answers. `did` is the asker's.

    `held`: it waits for the operator.
    """

    mention_uri: str
    did: str
    part: Part
    posted_at: datetime | None
    held: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it stands on the network."""

    ref: StrongRef
    did: str
    record: Record

    @property
    def text(self) -> str:
        """What the lexicon allows of it."""
        return cut(text, POST_TEXT) if isinstance(text := self.record.get("text"), str) else ""


@dataclass(frozen=True, slots=True)
class Profile:
    """An account's handle, its self-labels, e.g. {'bot'}, and what it says of itself."""

    did: str
    handle: str | None
    labels: frozenset[str] = frozenset()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """What the AppView knows between the bot's account and another.

    `blocks`: the other blocks the bot, also by a list. `muted`: the bot's account mutes or blocks the other.
    """

    blocks: bool = False
    muted: bool = False
