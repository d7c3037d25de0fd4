"""What a message of a stream comes to, whichever stream it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from bot.domain.events import (
    AccountChanged,
    Blocked,
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
    | RecordDeleted
    | IdentityChanged
    | AccountChanged
    | RepoSync
)


class BadFrame(Exception):
    """Not a message. The argument names the kind of trouble, for counting."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message with a place in the stream, where `seq` resumes behind it; `at` is the server's time.

    `events` are in the order of its operations. `faults` name what could not be read.
    """

    seq: int
    at: datetime
    events: tuple[RepoEvent, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A message without a place: an advice, or an error after which the server closes."""

    name: str
    fatal: bool


class Dialect(Protocol):
    """How a stream asks and answers.

    `path`, `query`, `headers` and `text` (or binary messages) are its side of the websocket. `oldest` is the
    cursor of all that the server keeps, `rewind` how far before the last cursor to resume. If cursors mean
    the same on every host, `shared` names them.
    """

    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    text: bool
    oldest: int
    rewind: int
    shared: str | None

    def may_concern(self, data: bytes) -> bool:
        """Whether this undecoded message may concern us. Never a false no."""
        ...

    def read(self, data: bytes, now: datetime) -> Message | Notice:
        """The message's meaning; `now` stands in for a time that cannot be read. Raises BadFrame."""
        ...


def with_cursors(message: Message, floor: int) -> tuple[RepoEvent, ...]:
    """Its events with cursors: all but the last carry the one before, so that none is skipped by a restart.

    `floor`: a cursor never goes back behind it.
    """
    last = len(message.events) - 1
    return tuple(
        replace(event, cursor=max(floor, message.seq - (index < last)))
        for index, event in enumerate(message.events)
    )


def instant(value: Any, now: datetime) -> datetime:
    """The time, in UTC; `now` if there is none to read."""
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
