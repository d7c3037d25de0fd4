"""The values that travel through the bot. Frozen; times are aware datetimes in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

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


class ErrandKind(StrEnum):
    """What is to be done on the network, and about whom or what (the errand's subject)."""

    IDENTITY = "identity"  # a DID: which handle is theirs?
    RECHECK = "recheck"  # a DID: does what is held of them still stand?
    PURGE = "purge"  # a DID: their account is deleted; forget them
    WITHDRAW = "withdraw"  # a record key: take the bot's post back


@dataclass(frozen=True, slots=True)
class Errand:
    """An errand that was asked for at `at`; `attempts` counts this one."""

    kind: ErrandKind
    subject: str
    at: datetime
    attempts: int


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


ACTIVE_ACCOUNT = "active"


@dataclass(frozen=True, slots=True)
class Notification:
    """Somebody's post that concerns the bot, as its AppView tells. `at`: when it was written or indexed."""

    ref: StrongRef
    did: str
    record: Record
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Notifications, the newest first; `cursor` leads to older ones, None if there are no more."""

    notifications: tuple[Notification, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ThreadPost:
    """A post above the mention, as the brain is shown it. `text` is None if it is gone."""

    author: str
    text: str | None
    by_bot: bool = False
    by_asker: bool = False


class Trust(StrEnum):
    """Who speaks in a section of the prompt."""

    OPERATOR = "operator"
    MEMORY = "memory"
    ASKER = "asker"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    trust: Trust
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a brain may know in one turn: as text in sections, and the same as values."""

    sections: tuple[Section, ...]
    mention: Mention
    person: Person
    recollection: Recollection
    thread: tuple[ThreadPost, ...]
    now: datetime

    def text(self) -> str:
        return "\n\n".join(f"# {section.name} ({section.trust})\n{section.text}" for section in self.sections)


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
    """What one turn cost. Tokens are the provider's count, 0 where no model was asked."""

    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Thought:
    """What a turn asks for, already validated: a reply or silence, and edits of memory."""

    reply: str | None
    why: str = ""
    edits: tuple[Edit, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the bot may say. Windows slide; the settings' page tells each."""

    person_hour: int
    person_day: int
    person_day_tokens: int
    thread_posts: int
    partner_posts: int
    partner_window: timedelta
    hour: int
    day: int
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """When to think and when to post."""

    think_delay: timedelta
    post_delay: timedelta
    person_spacing: timedelta
    spacing: timedelta
