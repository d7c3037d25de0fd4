"""The values that travel through the bot. Frozen; times are aware datetimes in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from bot.domain.embeds import Embeds
from bot.domain.limits import Limits as Limits  # noqa: PLC0414 - values like these, kept apart for their length
from bot.domain.limits import Pace as Pace  # noqa: PLC0414 - the same

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.domain.embeds import Media
    from memory.model import Edit, Person, Recollection

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
    STOP = "stop"
    START = "start"
    FORGET = "forget"


class State(StrEnum):
    """Where a mention is. The last five are outcomes: every mention ends in exactly one."""

    WAITING = "waiting"
    THINKING = "thinking"
    DRAFTED = "drafted"
    POSTING = "posting"
    ANSWERED = "answered"
    SILENT = "silent"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


OPEN = (State.WAITING, State.THINKING, State.DRAFTED, State.POSTING)
ACTIVE = (State.THINKING, State.POSTING)
OUTCOMES = tuple(state for state in State if state not in OPEN)


@dataclass(frozen=True, slots=True)
class Mention:
    """A post that addresses the bot. `root` is the first post of its thread (itself, if it starts one)."""

    ref: StrongRef
    did: str
    reason: Reason
    text: str
    root: StrongRef
    parent: StrongRef | None
    said_at: datetime
    langs: tuple[str, ...] = ()
    command: Command | None = None

    @property
    def uri(self) -> str:
        return self.ref.uri


@dataclass(frozen=True, slots=True)
class Ignored:
    """Why an event is no mention."""

    reason: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A mention taken by one worker. Every write of that worker proves the fence.

    `attempts` counts this one; `abandoned` tells that its last worker died over it.
    """

    mention: Mention
    state: State
    fence: int
    attempts: int
    abandoned: bool
    seen_at: datetime
    post_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One post of a reply. `record` is its exact JSON, once fixed; `ref` its place, once put."""

    index: int
    text: str
    facets: tuple[Record, ...]
    rkey: str | None = None
    record: str | None = None
    ref: StrongRef | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A mention and all that became of it. `why` tells a refusal or the last error."""

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


@dataclass(frozen=True, slots=True)
class Said:
    """One post of the bot (or one about to be) and whom it answers. `did` is the asker's."""

    mention_uri: str
    did: str
    part: Part
    posted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it stands on the network."""

    ref: StrongRef
    did: str
    record: Record

    @property
    def text(self) -> str:
        return text if isinstance(text := self.record.get("text"), str) else ""


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an account says it is. `labels` are its self-labels, e.g. {'bot'}."""

    did: str
    handle: str | None
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ThreadPost:
    """A post as the brain is shown it. `text` is None if it is gone, `at` is what its author claims.

    `quoted` is the post that it quotes, where that was read.
    """

    author: str
    text: str | None
    by_bot: bool = False
    by_asker: bool = False
    uri: str = ""
    at: datetime | None = None
    embeds: Embeds = field(default_factory=Embeds)
    quoted: ThreadPost | None = None


class Trust(StrEnum):
    """Who speaks in a section of the prompt."""

    OPERATOR = "operator"
    MEMORY = "memory"
    ASKER = "asker"
    STRANGER = "stranger"


OWN = (Trust.OPERATOR, Trust.MEMORY)


@dataclass(frozen=True, slots=True)
class Section:
    """`source` tells where the text comes from, in code's words."""

    name: str
    trust: Trust
    text: str
    source: str = ""

    def __str__(self) -> str:
        return f"# {self.name} ({self.trust}{f': {self.source}' if self.source else ''})\n{self.text}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a brain may know in one turn: as text in sections, and the same as values.

    `post` is the mention with all it shows. `images` are for models that see; `pixels` has their bytes by
    CID, once they were fetched.
    """

    sections: tuple[Section, ...]
    mention: Mention
    person: Person
    recollection: Recollection
    thread: tuple[ThreadPost, ...]
    now: datetime
    post: ThreadPost | None = None
    images: tuple[Media, ...] = ()
    pixels: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def text(self) -> str:
        return "\n\n".join(map(str, self.sections))

    def system(self) -> str:
        """What the operator and the bot itself wrote: the most stable first, for the providers' caches."""
        return "\n\n".join(str(one) for one in self.sections if one.trust in OWN)

    def user(self) -> str:
        """What others wrote: the thread and the post to answer."""
        return "\n\n".join(str(one) for one in self.sections if one.trust not in OWN)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Record


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool call came to. A refusal (`ok` false) tells how to mend the call."""

    text: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """What one turn cost. Tokens are the provider's count, 0 where no model was asked.

    `cost` is in millionths of a US dollar; None if the model's price is not known.
    """

    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int | None = 0

    def __add__(self, other: Usage) -> Usage:
        known = self.cost is not None and other.cost is not None
        return Usage(
            other.model or self.model,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            (self.cost or 0) + (other.cost or 0) if known else None,
        )


@dataclass(frozen=True, slots=True)
class Thought:
    """What a turn asks for, already validated: a reply or silence, and edits of memory."""

    reply: str | None
    why: str = ""
    edits: tuple[Edit, ...] = ()
    usage: Usage = field(default_factory=Usage)
