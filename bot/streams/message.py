"""What every stream's messages have in common: the decoded message, and how a stream is spoken to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from bot.domain.events import (
    AccountChanged,
    Blocked,
    DeclarationChanged,
    GateChanged,
    IdentityChanged,
    PostCreated,
    PostDeleted,
    RecordDeleted,
    RepoSync,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,2000}")
RKEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
TID = re.compile(r"[2-7a-j][2-7a-z]{12}")
MAX_SEQ = 2**63 - 1

RepoEvent: TypeAlias = (
    PostCreated
    | PostDeleted
    | Blocked
    | GateChanged
    | DeclarationChanged
    | RecordDeleted
    | IdentityChanged
    | AccountChanged
    | RepoSync
)


class BadFrame(Exception):
    """This is no message that can be decoded. The argument names the reason, for counting."""


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded message. `seq` is its cursor, `at` the server's time.

    `events` have the order of its operations. `faults` name what could not be read.
    """

    seq: int
    at: datetime
    events: tuple[RepoEvent, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A message without a cursor: information, or (`fatal`) an error after which the server closes."""

    name: str
    fatal: bool


class Dialect(Protocol):
    """How one kind of stream is asked and decoded.

    `path`, `query` and `headers` are those of the request; `text`: messages are text, not binary. `oldest` is
    the cursor that asks for everything the server keeps. `rewind` is how far before the last cursor to
    resume. `shared` is the name of the cursor if it means the same on every host, else None.
    """

    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    text: bool
    oldest: int
    rewind: int
    shared: str | None

    def may_concern(self, data: bytes) -> bool:
        """Whether this undecoded message may concern the bot. False is always right."""
        ...

    def read(self, data: bytes, now: datetime) -> Message | Notice:
        """Decode the message. A time that cannot be read becomes `now`. Raises BadFrame."""
        ...


def with_cursors(message: Message, floor: int) -> tuple[RepoEvent, ...]:
    """The message's events with their cursors, none lower than `floor`.

    Only the last event has the message's own cursor. The others have the one before, so that a restart in
    between reads the whole message again.
    """
    last = len(message.events) - 1
    return tuple(
        replace(event, cursor=max(floor, message.seq - (index < last)))
        for index, event in enumerate(message.events)
    )


def instant(value: Any, now: datetime) -> datetime:
    """The time in UTC; `now` if it cannot be read."""
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else now
    except (ValueError, TypeError, OverflowError):
        return now


def text(value: Any) -> str | None:
    return value[:100] if isinstance(value, str) else None


def tid(value: Any) -> str | None:
    return value if isinstance(value, str) and TID.fullmatch(value) else None


def is_did(value: Any) -> bool:
    return isinstance(value, str) and DID.fullmatch(value) is not None


def is_seq(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_SEQ
