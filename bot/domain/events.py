"""What a source yields: the events of the network that may concern the bot.

`cursor` is where the stream may be resumed once the event is dealt with, `at` when the server saw it. A
source may tell an event twice (after a reconnect, or from two hosts), always in the order of its repo: handle
it by what it names, so that the second time changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Record, StrongRef


@dataclass(frozen=True, slots=True)
class PostCreated:
    """A post that speaks to the bot or is its own; or (`edited`) one of a tracked person, or tracked itself.

    `rev` is the repo's revision that brought it, which only grows; None if it was not heard, but read.
    `record` is what a stranger wrote: believe no field of it.
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
    """A post of a tracked person, or a tracked one, is gone."""

    cursor: int
    uri: str
    did: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Blocked:
    """`did` blocks the bot. Its end is a RecordDeleted of this `uri`, which says no more than that."""

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
class RecordDeleted:
    """A block or a threadgate is gone, or does not mean us any more."""

    cursor: int
    uri: str
    did: str
    at: datetime


@dataclass(frozen=True, slots=True)
class IdentityChanged:
    """A tracked person's handle or DID document changed. The handle is a claim, and often left out."""

    cursor: int
    did: str
    handle: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """A tracked person's account.

    `status`, of one that is not active: deleted, takendown, suspended, deactivated, desynchronized,
    throttled, or a word of the future.
    """

    cursor: int
    did: str
    active: bool
    status: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class RepoSync:
    """A tracked repo changed in a way that the stream did not show: fetch what matters of it again."""

    cursor: int
    did: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """The stream of `host` was disturbed at `at`, after `since` and before `until` (cursors, if known).

    `replayed`: the server was asked for all that came after `since`, and did not refuse; otherwise something
    may be missing. It is told when it is over, before the events after it, and does not move the cursor:
    `cursor` is the one before it.
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
    """Nothing of interest up to here; the cursor may move."""

    cursor: int
    at: datetime


Event: TypeAlias = (
    PostCreated
    | PostDeleted
    | Blocked
    | GateChanged
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
