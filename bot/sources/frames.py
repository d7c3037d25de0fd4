"""A frame of com.atproto.sync.subscribeRepos, read: bytes in, events out, no I/O.

Two DAG-CBOR objects: a header `{op, t}` and a body (https://atproto.com/specs/event-stream). Every field is
checked before it counts.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import libipld

from bot.events import IdentityChanged, PostCreated, PostDeleted
from bot.model import StrongRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.model import Record

POSTS = "app.bsky.feed.post/"
DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,2000}")
RKEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
HANDLE = re.compile(r"(?=.{3,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+")
CIDS = (b"\x01\x71\x12\x20", b"\x01\x55\x12\x20")  # DAG-CBOR and raw, sha256
CID_BYTES = 36
MAX_SEQ = 2**63 - 1
MAX_DEPTH = 50  # of a record; a post has about ten

Heard: TypeAlias = PostCreated | PostDeleted | IdentityChanged


class BadFrame(Exception):
    """Not a frame. The argument names the kind of trouble, for counting."""


@dataclass(frozen=True, slots=True)
class Message:
    """A frame with a place in the stream. `events` are in the order of its operations."""

    seq: int
    events: tuple[Heard, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """A frame without a place: #info, or an error after which the server closes."""

    name: str
    fatal: bool


def read(frame: bytes, me: bytes, now: datetime) -> Message | Notice:
    """The frame's meaning. Records are decoded only if the frame contains `me`, the bot's DID, at all.

    `now` stands in for a time that cannot be read. Raises BadFrame.
    """
    header, body = _halves(frame)
    if header.get("op") == -1:
        return Notice(_text(body.get("error")) or "unnamed", fatal=True)
    kind = header.get("t")
    if header.get("op") != 1 or not isinstance(kind, str):
        raise BadFrame("header")
    if kind == "#info":
        return Notice(_text(body.get("name")) or "unnamed", fatal=False)
    seq = body.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_SEQ:
        raise BadFrame("seq")
    if kind == "#commit":
        return _commit(seq, body, _instant(body.get("time"), now), decode=me in frame)
    if kind == "#identity":
        return _identity(seq, body, _instant(body.get("time"), now))
    return Message(seq, faults=() if kind in ("#account", "#sync") else ("kind",))


def placed(message: Message, floor: int) -> tuple[Heard, ...]:
    """Its events with cursors: all but the last carry the one before, so that none is skipped by a restart.

    `floor`: a cursor never goes back behind it.
    """
    last = len(message.events) - 1
    return tuple(
        replace(event, cursor=max(floor, message.seq - (index < last)))
        for index, event in enumerate(message.events)
    )


def _halves(frame: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        halves = libipld.decode_dag_cbor_multi(frame)
    except (ValueError, RecursionError) as error:
        raise BadFrame("cbor") from error
    if len(halves) != 2 or not all(isinstance(half, dict) for half in halves):  # noqa: PLR2004 - halves
        raise BadFrame("shape")
    return halves[0], halves[1]


def _commit(seq: int, body: dict[str, Any], at: datetime, *, decode: bool) -> Message:
    repo, ops = body.get("repo"), body.get("ops")
    if not (isinstance(repo, str) and DID.fullmatch(repo) and isinstance(ops, list)):
        raise BadFrame("commit")
    blocks: dict[Any, Any] | None = None
    events: list[Heard] = []
    faults: list[str] = []
    for action, path, cid in _post_ops(ops, faults):
        uri = f"at://{repo}/{path}"
        if action == "delete":
            events.append(PostDeleted(seq, uri, repo, at))
        elif decode:
            blocks = _blocks(body.get("blocks"), faults) if blocks is None else blocks
            record = _record(blocks, cid)
            if record is None:
                faults.append("record")
            else:
                ref = StrongRef(uri, str(libipld.encode_cid(cid)))
                events.append(PostCreated(seq, ref, repo, record, at))
    return Message(seq, tuple(events), tuple(faults))


def _post_ops(ops: list[Any], faults: list[str]) -> Iterator[tuple[str, str, Any]]:
    for op in ops:
        path = op.get("path") if isinstance(op, dict) else None
        if not isinstance(path, str):
            faults.append("op")
        elif path.startswith(POSTS):
            if RKEY.fullmatch(path, len(POSTS)) and op.get("action") in ("create", "update", "delete"):
                cid = op.get("cid")
                yield op["action"], path, cid if isinstance(cid, bytes) else None
            else:
                faults.append("op")


def _blocks(car: Any, faults: list[str]) -> dict[Any, Any]:
    try:
        blocks = libipld.decode_car(car)[1]
    except (ValueError, TypeError, RecursionError):
        faults.append("car")
        return {}
    return dict(blocks)


def _record(blocks: dict[Any, Any], cid: Any) -> Record | None:
    record = blocks.get(cid)
    if not isinstance(record, dict):
        return None
    try:
        return dict(_plain(record))
    except RecursionError:
        return None


def _identity(seq: int, body: dict[str, Any], at: datetime) -> Message:
    did, handle = body.get("did"), body.get("handle")
    if not (isinstance(did, str) and DID.fullmatch(did)):
        raise BadFrame("identity")
    name = handle.lower() if isinstance(handle, str) else ""
    if not HANDLE.fullmatch(name) or name == "handle.invalid":
        return Message(seq, faults=() if handle in (None, "handle.invalid") else ("handle",))
    return Message(seq, (IdentityChanged(seq, did, name, at),))


def _instant(value: Any, now: datetime) -> datetime:
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else now
    except (ValueError, TypeError, OverflowError):
        return now


def _text(value: Any) -> str | None:
    return value[:100] if isinstance(value, str) else None


def _plain(value: Any, room: int = MAX_DEPTH) -> Any:
    """As the same record stands in JSON (https://atproto.com/specs/data-model). Raises RecursionError."""
    if room == 0:
        raise RecursionError
    if isinstance(value, dict):
        return {key: _plain(it, room - 1) for key, it in value.items()}
    if isinstance(value, list):
        return [_plain(it, room - 1) for it in value]
    if isinstance(value, bytes):
        if len(value) == CID_BYTES and value.startswith(CIDS):
            return {"$link": libipld.encode_cid(value)}
        return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
    return value
