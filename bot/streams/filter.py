"""Which messages may concern the bot: decided on undecoded bytes, then exactly.

First the bytes: a message passes that contains the bot's DID, or comes from a repo where anything is tracked,
or of which neither can be excluded. About one in a thousand does, and only those are decoded, for `Judge`.

No record hides the bot's DID: DAG-CBOR and JSON keep ASCII strings whole, an MST compresses only paths, and
the transport hands on whole messages. JSON that escapes ASCII passes. Deletions carry nothing but their repo,
which stands in front of all records: behind the operations in a frame, behind the number in a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.domain import addressing
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
from bot.domain.mention import StrongRef
from bot.domain.uris import BLOCK, GATE, POST, AtUri

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.domain.tracked import Tracked
    from bot.streams.message import Heard

COLLECTIONS = frozenset({POST, GATE, BLOCK})
ACTIONS = frozenset({"create", "update", "delete"})

# Canonical DAG-CBOR of a commit: shorter keys first, so `ops` opens the body, and `seq` stands before `repo`.
COMMITS = tuple(b"\xa2atg#commitbop\x01%ccops" % (0xA0 + fields) for fields in (12, 11, 13, *range(11)))
SEQ = b"cseq\x1b"
REPO = b"drepox "  # a string of 32 bytes, as every did:plc is
DID_BYTES = 32
FAR = 40_000  # 200 operations take less

# A line of Jetstream goes on: commit","seq":1,"did":"did:plc:...
LINE = b'{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#'
DID = b',"did":"'
NEAR = slice(len(LINE) + 10, len(LINE) + 60)
ESCAPED = b"\\u00"  # an ASCII character in disguise


def frames(tracked: Tracked) -> Callable[[bytes], bool]:
    """Whether a frame of subscribeRepos may concern us."""
    me, repos = tracked.me.encode(), tracked.repos

    def concerns(data: bytes) -> bool:
        at = data.find(REPO, 0, FAR)
        return (
            at < 0
            or data[at + len(REPO) : at + len(REPO) + DID_BYTES] in repos
            or data[at - 13 : at - 8] != SEQ
            or not data.startswith(COMMITS)
            or me in data
        )

    return concerns


def lines(tracked: Tracked) -> Callable[[bytes], bool]:
    """Whether a line of Jetstream may concern us."""
    me, repos = tracked.me.encode(), tracked.repos

    def concerns(data: bytes) -> bool:
        at = data.find(DID, NEAR.start, NEAR.stop)
        return (
            at < 0
            or not data.startswith(LINE)
            or data[at + 8 : data.find(b'"', at + 8)] in repos
            or me in data
            or ESCAPED in data
        )

    return concerns


class Op(NamedTuple):
    """One record written or deleted. `record` is as it stands in JSON; None for a deletion.

    `rev` is the repo's revision, a TID, if it can be read.
    """

    action: str
    repo: str
    collection: str
    rkey: str
    cid: str | None
    record: Mapping[str, Any] | None
    rev: str | None = None

    @property
    def uri(self) -> str:
        return str(AtUri(self.repo, self.collection, self.rkey))


@dataclass(frozen=True, slots=True)
class Judge:
    """What an operation means to the bot, exactly. What it hears of becomes tracked at once."""

    tracked: Tracked

    def op(self, op: Op, seq: int, at: datetime) -> Heard | None:
        if op.action == "delete":
            return self._deleted(op, seq, at)
        if op.record is None:
            return None
        if op.collection == POST:
            return self._post(op, op.record, seq, at)
        if op.collection == BLOCK:
            return self._block(op, op.record, seq, at)
        return self._gate(op, op.record, seq, at)

    def identity(self, did: str, handle: str | None, seq: int, at: datetime) -> Heard | None:
        return IdentityChanged(seq, did, handle, at) if self.tracked.person(did) else None

    def account(self, did: str, *, active: bool, status: str | None, seq: int, at: datetime) -> Heard | None:
        return AccountChanged(seq, did, active, status, at) if self.tracked.person(did) else None

    def sync(self, did: str, why: str, seq: int, at: datetime) -> Heard | None:
        return RepoSync(seq, did, why, at) if self.tracked.repo(did) else None

    def _ours(self, op: Op) -> bool:
        return self.tracked.person(op.repo) or self.tracked.post(op.uri)

    def _post(self, op: Op, record: Mapping[str, Any], seq: int, at: datetime) -> Heard | None:
        me, edited = self.tracked.me, op.action == "update"
        addressed = op.repo != me and addressing.addressed(record, me) is not None
        if not (addressed or op.repo == me or (edited and self._ours(op))):
            return None
        if addressed:  # its edits and its end matter from now on, before anyone stored it
            self.tracked.add_people([op.repo])
        ref = StrongRef(op.uri, op.cid or "")
        return PostCreated(seq, ref, op.repo, record, at, edited, op.rev)

    def _block(self, op: Op, record: Mapping[str, Any], seq: int, at: datetime) -> Heard | None:
        if record.get("subject") == self.tracked.me:
            self.tracked.add_posts([op.uri])
            return Blocked(seq, op.uri, op.repo, at)
        return RecordDeleted(seq, op.uri, op.repo, at) if self.tracked.post(op.uri) else None

    def _gate(self, op: Op, record: Mapping[str, Any], seq: int, at: datetime) -> Heard | None:
        post = str(AtUri(op.repo, POST, op.rkey))  # a gate shares the key of its post, or means nothing
        if not (self._ours(op) or self.tracked.post(post)):
            return None
        if record.get("post") != post:
            return RecordDeleted(seq, op.uri, op.repo, at)
        return GateChanged(seq, op.uri, op.repo, post, record, at)

    def _deleted(self, op: Op, seq: int, at: datetime) -> Heard | None:
        gated = op.collection == GATE and self.tracked.post(str(AtUri(op.repo, POST, op.rkey)))
        if not (gated or self._ours(op)):
            return None
        kind = PostDeleted if op.collection == POST else RecordDeleted
        return kind(seq, op.uri, op.repo, at)
