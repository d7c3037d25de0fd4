"""The events that a stream yields: what happened on the network and may concern the bot.

`cursor`: the stream can be resumed from here once the event is handled. `at`: when the server saw the event.
A stream may yield an event twice (after a reconnect, or from two hosts). Events of one repo come in order.
Handling must be idempotent: the second time changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Record, StrongRef


@dataclass(frozen=True, slots=True)
class PostCreated:
    """A new post that addresses the bot or is its own; or an edited post that is tracked (`edited`).

    `rev` is the repo's revision with this post. Revisions only grow. It is None if the post was read from a
    server and not from a stream. `record` is what a stranger wrote: believe no field of it.
    """

    cursor: int
    ref: StrongRef
    did: str
    record: Record
    at: datetime
    edited: bool = False
    rev: str | None = None


@dataclass(frozen=True, slots=True)
class PostDeleted:
    """A post of a tracked person, or a tracked post, was deleted."""

    cursor: int
    uri: str
    did: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """`did` blocks the bot. When the block ends, a RecordDeleted with the same `uri` follows."""

    cursor: int
    uri: str
    did: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GateChanged:
    """A threadgate was set or changed on `post`, a URI. `record` is what a stranger wrote."""

    cursor: int
    uri: str
    did: str
    post: str
    record: Record
    at: datetime


@dataclass(frozen=True, slots=True)
class DeclarationChanged:
    """A person wrote or changed a declaration about AI. `record` is what a stranger wrote."""

    cursor: int
    uri: str
    did: str
    record: Record
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordDeleted:
    """A block, a threadgate or a declaration was deleted, or does not concern the bot any more."""

    cursor: int
    uri: str
    did: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """A tracked person's handle or DID document changed. `handle` is only a claim, and often missing."""

    cursor: int
    did: str
    handle: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """The status of a tracked person's account changed.

    `status` of an account that is not active: deleted, takendown, suspended, deactivated, desynchronized,
    throttled, or a value that did not exist when this was written.
    """

    cursor: int
    did: str
    active: bool
    status: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RepoSync:
    """A tracked repo changed in a way that the stream did not show. It has to be read again."""

    cursor: int
    did: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """The stream of `host` was disturbed at `at`, after `since` and before `until` (cursors, if known).

    `replayed`: the server was asked for all events after `since`, and did not refuse. If it is False, events
    may be missing. The gap is yielded when it is over, before the events that follow. It does not move the
    cursor: `cursor` is the one before the gap.
    """

    cursor: int
    host: str
    since: int | None
    until: int | None
    why: str
    at: datetime
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Nothing up to here concerns the bot; the cursor may move."""

    cursor: int
    at: datetime


Event: TypeAlias = (
    PostCreated
    | PostDeleted
    | Blocked
    | GateChanged
    | DeclarationChanged
    | RecordDeleted
    | IdentityChanged
    | AccountChanged
    | RepoSync
    | Gap
    | Progress
)


ACTIVE_ACCOUNT = "active"


@dataclass(frozen=True, slots=True)
class Notification:
    """A post that the AppView notified the bot of. `at`: when the post was written or indexed."""

    ref: StrongRef
    did: str
    record: Record
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Notifications, newest first. `cursor` is for the next page of older ones; None on the last page."""

    notifications: tuple[Notification, ...]
    cursor: str | None
