"""Which messages may concern the bot. Two steps: a search in undecoded bytes, then an exact check.

Step 1 (`frame_filter`, `line_filter`): a message passes if it contains the bot's DID, or if it is of a
tracked repo, or if neither can be excluded. About one message in a thousand passes. Only those are decoded.
Step 2 (`EventFilter`): the decoded operation becomes an event, or nothing.

No record can hide the bot's DID from step 1. DAG-CBOR and JSON keep ASCII strings whole, an MST compresses
only paths, and the websocket delivers whole messages. JSON that escapes ASCII always passes. A deletion has
no record, only its repo. The repo's place is known: behind the operations in a frame, behind the number in
a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.domain import addressing, bursts
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
from bot.domain.mention import StrongRef
from bot.domain.tracked import key_of
from bot.domain.uris import BLOCK, GATE, LIST_BLOCK, POST, PREFERENCE, AtUri

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.domain.tracked import Tracked
    from bot.streams.message import RepoEvent

COLLECTIONS = frozenset({POST, GATE, BLOCK, LIST_BLOCK, PREFERENCE})
ACTIONS = frozenset({"create", "update", "delete"})

# Canonical DAG-CBOR of a commit: shorter keys first, so `ops` opens the body, and `seq` stands before `repo`.
COMMITS = tuple(b"\xa2atg#commitbop\x01%ccops" % (0xA0 + fields) for fields in (12, 11, 13, *range(11)))
SEQ = b"cseq\x1b"
REPO = b"drepox "  # a string of 32 bytes, as every did:plc is
DID_BYTES = 32
FAR = 40_000  # bytes; 200 operations, the most a commit has, take less

# A line of Jetstream goes on: commit","seq":1,"did":"did:plc:...
LINE = b'{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#'
DID = b',"did":"'
NEAR = slice(len(LINE) + 10, len(LINE) + 60)
ESCAPED = b"\\u00"  # an escaped ASCII character


def frame_filter(tracked: Tracked) -> Callable[[bytes], bool]:
    """A test of a frame of subscribeRepos: may it concern the bot?"""
    me, repos, recent = tracked.bot_did.encode(), tracked.repos, tracked.repos.recent

    def may_concern(data: bytes) -> bool:
        at = data.find(REPO, 0, FAR)
        return (
            at < 0
            or (key := key_of(data[at + len(REPO) : at + len(REPO) + DID_BYTES])) in recent
            or (repos.is_large and key in repos)
            or data[at - 13 : at - 8] != SEQ
            or not data.startswith(COMMITS)
            or me in data
        )

    return may_concern


def line_filter(tracked: Tracked) -> Callable[[bytes], bool]:
    """A test of a line of Jetstream: may it concern the bot?"""
    me, repos, recent = tracked.bot_did.encode(), tracked.repos, tracked.repos.recent

    def may_concern(data: bytes) -> bool:
        at = data.find(DID, NEAR.start, NEAR.stop)
        return (
            at < 0
            or not data.startswith(LINE)
            or (key := key_of(data[at + 8 : data.find(b'"', at + 8)])) in recent
            or (repos.is_large and key in repos)
            or me in data
            or ESCAPED in data
        )

    return may_concern


class RepoOp(NamedTuple):
    """One record that was written or deleted.

    `record` has the form of JSON; it is None for a deletion. `rev` is the repo's revision, a TID, if it can
    be read.
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
class EventFilter:
    """The event that an operation is to the bot; None if it does not concern the bot.

    Whoever addresses the bot is tracked from then on, and so is a block of the bot.
    """

    tracked: Tracked

    def op(self, op: RepoOp, seq: int, at: datetime) -> RepoEvent | None:
        if op.action == "delete":
            return self._deleted(op, seq, at)
        if op.record is None:
            return None
        concerning = {
            POST: self._post,
            BLOCK: self._block,
            GATE: self._gate,
            LIST_BLOCK: self._list_block,
            PREFERENCE: self._declaration,
        }
        return concerning[op.collection](op, op.record, seq, at)

    def identity(self, did: str, handle: str | None, seq: int, at: datetime) -> RepoEvent | None:
        return IdentityChanged(seq, did, handle, at) if self.tracked.has_person(did) else None

    def account(
        self, did: str, *, active: bool, status: str | None, seq: int, at: datetime
    ) -> RepoEvent | None:
        return AccountChanged(seq, did, active, status, at) if self.tracked.has_person(did) else None

    def sync(self, did: str, why: str, seq: int, at: datetime) -> RepoEvent | None:
        return RepoSync(seq, did, why, at) if self.tracked.has_repo(did) else None

    def _is_tracked(self, op: RepoOp) -> bool:
        return self.tracked.has_person(op.repo) or self.tracked.has_post(op.uri)

    def _post(self, op: RepoOp, record: Mapping[str, Any], seq: int, at: datetime) -> RepoEvent | None:
        me, edited = self.tracked.bot_did, op.action == "update"
        addressed = op.repo != me and addressing.addressing_reason(record, me) is not None
        ref = StrongRef(op.uri, op.cid or "")
        continues = self.tracked.has_person(op.repo) and bursts.may_continue(ref, op.repo, record)
        if not (addressed or continues or op.repo == me or (edited and self._is_tracked(op))):
            return None
        if addressed:  # its edits and its deletion may come before the mention is stored
            self.tracked.add_people([op.repo])
        return PostCreated(seq, ref, op.repo, record, at, edited, op.rev)

    def _block(self, op: RepoOp, record: Mapping[str, Any], seq: int, at: datetime) -> RepoEvent | None:
        if record.get("subject") == self.tracked.bot_did:
            self.tracked.add_posts([op.uri])
            return Blocked(seq, op.uri, op.repo, at)
        return RecordDeleted(seq, op.uri, op.repo, at) if self.tracked.has_post(op.uri) else None

    def _gate(self, op: RepoOp, record: Mapping[str, Any], seq: int, at: datetime) -> RepoEvent | None:
        post = str(AtUri(op.repo, POST, op.rkey))  # a gate is valid only under the record key of its post
        if not (self._is_tracked(op) or self.tracked.has_post(post)):
            return None
        if record.get("post") != post:
            return RecordDeleted(seq, op.uri, op.repo, at)
        return GateChanged(seq, op.uri, op.repo, post, record, at)

    def _list_block(self, op: RepoOp, _: Mapping[str, Any], seq: int, at: datetime) -> RepoEvent | None:
        """Only the list itself tells whether it holds the bot."""
        return self.sync(op.repo, "list block", seq, at)

    def _declaration(self, op: RepoOp, record: Mapping[str, Any], seq: int, at: datetime) -> RepoEvent | None:
        tracked = self.tracked.has_repo(op.repo)
        return DeclarationChanged(seq, op.uri, op.repo, record, at) if tracked else None

    def _deleted(self, op: RepoOp, seq: int, at: datetime) -> RepoEvent | None:
        gated = op.collection == GATE and self.tracked.has_post(str(AtUri(op.repo, POST, op.rkey)))
        declared = op.collection == PREFERENCE and self.tracked.has_repo(op.repo)
        if not (gated or declared or self._is_tracked(op)):
            return None
        kind = PostDeleted if op.collection == POST else RecordDeleted
        return kind(seq, op.uri, op.repo, at)
