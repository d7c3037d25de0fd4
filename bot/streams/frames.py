"""Decode one frame of com.atproto.sync.subscribeRepos into a Message. Pure.

A frame is two DAG-CBOR objects: a header `{op, t}` and a body (https://atproto.com/specs/event-stream). The
type of every field is checked, and every record is checked against its CID.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import libipld

from bot.domain.records import MAX_DEPTH
from bot.domain.uris import tidy_handle
from bot.streams.filter import ACTIONS, COLLECTIONS, RepoOp
from bot.streams.message import RKEY, BadFrame, Message, Notice, instant, is_did, is_seq, text, tid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.domain.mention import Record
    from bot.streams.filter import EventFilter
    from bot.streams.message import RepoEvent

DAG_CBOR, RAW = b"\x01\x71\x12\x20", b"\x01\x55\x12\x20"  # and sha256
CID_BYTES = 36
LONGEST_VARINT = 56  # bits


def read(frame: bytes, event_filter: EventFilter, now: datetime) -> Message | Notice:
    """Decode the frame. A time that cannot be read becomes `now`. Raises BadFrame."""
    header, body = _header_and_body(frame)
    if header.get("op") == -1:
        return Notice(text(body.get("error")) or "unnamed", fatal=True)
    kind = header.get("t")
    if header.get("op") != 1 or not isinstance(kind, str):
        raise BadFrame("header")
    if kind == "#info":
        return Notice(text(body.get("name")) or "unnamed", fatal=False)
    seq, at = body.get("seq"), instant(body.get("time"), now)
    if not is_seq(seq):
        raise BadFrame("seq")
    assert isinstance(seq, int)
    if kind == "#commit":
        return _commit(seq, body, at, event_filter)
    if kind not in ("#identity", "#account", "#sync"):
        return Message(seq, at, faults=("kind",))
    did = body.get("did")
    if not is_did(did):
        return Message(seq, at, faults=("did",))
    event = account_event(kind, str(did), body, event_filter, seq, at)
    return Message(seq, at, () if event is None else (event,))


def account_event(
    kind: str, did: str, body: dict[str, Any], event_filter: EventFilter, seq: int, at: datetime
) -> RepoEvent | None:
    """The event of #identity, #account or #sync. `body`: the fields of that message."""
    if kind == "#identity":
        return event_filter.identity(did, tidy_handle(body.get("handle")), seq, at)
    if kind == "#account":
        status = text(body.get("status"))
        return event_filter.account(did, active=body.get("active") is True, status=status, seq=seq, at=at)
    return event_filter.sync(did, "sync", seq, at)


def _header_and_body(frame: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        objects = libipld.decode_dag_cbor_multi(frame)
    except (ValueError, RecursionError) as error:
        raise BadFrame("cbor") from error
    if len(objects) != 2 or not all(isinstance(one, dict) for one in objects):  # noqa: PLR2004 - header, body
        raise BadFrame("shape")
    return objects[0], objects[1]


def _commit(seq: int, body: dict[str, Any], at: datetime, event_filter: EventFilter) -> Message:
    repo, ops = body.get("repo"), body.get("ops")
    if not (is_did(repo) and isinstance(ops, list)):
        raise BadFrame("commit")
    events: list[RepoEvent | None] = []
    faults: list[str] = []
    if body.get("tooBig") is True:
        events.append(event_filter.sync(str(repo), "too big", seq, at))
    car, blocks = body.get("blocks"), None
    for action, path, cid in _ops(ops, faults):
        collection, _, rkey = path.partition("/")
        op = RepoOp(action, str(repo), collection, rkey, None, None, tid(body.get("rev")))
        if action != "delete":
            if blocks is None:
                blocks = _blocks(car if isinstance(car, bytes) else b"", faults)
            record = _record(blocks, cid, faults)
            if record is None:
                events.append(event_filter.sync(op.repo, "record", seq, at))
                continue
            op = op._replace(cid=str(libipld.encode_cid(cid)), record=record)
        events.append(event_filter.op(op, seq, at))
    return Message(seq, at, tuple(event for event in events if event is not None), tuple(faults))


def _ops(ops: list[Any], faults: list[str]) -> Iterator[tuple[str, str, bytes]]:
    """Action, path and CID (empty if there is none) of each operation on one of COLLECTIONS."""
    for op in ops:
        path = op.get("path") if isinstance(op, dict) else None
        if not isinstance(path, str):
            faults.append("op")
            continue
        collection, _, rkey = path.partition("/")
        if collection not in COLLECTIONS:
            continue
        action, cid = op.get("action"), op.get("cid")
        if isinstance(action, str) and action in ACTIONS and RKEY.fullmatch(rkey):
            yield action, path, cid if isinstance(cid, bytes) else b""
        else:
            faults.append("op")


def _blocks(car: bytes, faults: list[str]) -> dict[bytes, bytes]:
    """The undecoded blocks of a CAR by CID.

    A CAR is a header and blocks, each after its length as a varint
    (https://ipld.io/specs/transport/car/carv1).
    """
    blocks = {}
    try:
        size, at = _varint(car, 0)
        at += size
        while at < len(car):
            size, at = _varint(car, at)
            if size < CID_BYTES or at + size > len(car):
                raise ValueError  # noqa: TRY301 - one handler for every fault
            blocks[car[at : at + CID_BYTES]] = car[at + CID_BYTES : at + size]
            at += size
    except (IndexError, ValueError):
        faults.append("car")
    return blocks


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at this offset, and the offset after it."""
    number, shift = 0, 0
    while data[at] & 128:
        number |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if shift > LONGEST_VARINT:
            raise ValueError
    return number | data[at] << shift, at + 1


def _record(blocks: dict[bytes, bytes], cid: bytes, faults: list[str]) -> Record | None:
    """The record under this CID. None, and a fault, if it is missing, does not match or cannot be decoded."""
    block = blocks.get(cid)
    if block is None or len(cid) != CID_BYTES:
        faults.append("record")
        return None
    if not cid.startswith(DAG_CBOR) or sha256(block).digest() != cid[4:]:
        faults.append("cid")
        return None
    try:
        record = libipld.decode_dag_cbor(block)
        as_json = _to_json(record) if isinstance(record, dict) else None
    except (ValueError, RecursionError):
        as_json = None
    if as_json is None:
        faults.append("record")
    return as_json


def _to_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The record in its JSON form (https://atproto.com/specs/data-model). Raises RecursionError."""
    if depth == 0:
        raise RecursionError
    if isinstance(value, dict):
        return {key: _to_json(it, depth - 1) for key, it in value.items()}
    if isinstance(value, list):
        return [_to_json(it, depth - 1) for it in value]
    if isinstance(value, bytes):
        if len(value) == CID_BYTES and value.startswith((DAG_CBOR, RAW)):
            return {"$link": libipld.encode_cid(value)}
        return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
    return value
