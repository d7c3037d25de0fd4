"""Decode one line of Jetstream into a Message. Pure.

A line is an event of network.bsky.jetstream.subscribeEvents (subprotocol xrpc.v1.json). Its cursor is the
event's time in microseconds, not its number, because the time means the same on every host. A server tells
both apart by size (1e15). A message that is not an event has no cursor.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from bot.domain.records import is_shallow
from bot.streams.filter import ACTIONS, COLLECTIONS, RepoOp
from bot.streams.frames import account_event
from bot.streams.message import RKEY, BadFrame, Message, Notice, instant, is_did, text, tid

if TYPE_CHECKING:
    from bot.streams.filter import EventFilter

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST_TIME = 10**15  # a smaller cursor is a sequence number of one host
MAX_SKEW = timedelta(hours=1)  # between the server's clock and ours


def read(line: bytes, event_filter: EventFilter, now: datetime) -> Message | Notice:
    """Decode the line. Raises BadFrame.

    A time that cannot be read, or that is in the future, becomes `now` and does not move the cursor.
    """
    try:
        envelope = orjson.loads(line)
    except ValueError as error:
        raise BadFrame("json") from error
    if not isinstance(envelope, dict):
        raise BadFrame("shape")
    if envelope.get("$type") == "error":
        return Notice(text(envelope.get("error")) or "unnamed", fatal=True)
    body = envelope.get("payload")
    if envelope.get("$type") != "message" or not isinstance(body, dict):
        raise BadFrame("shape")
    kind = str(body.get("$type")).rpartition("#")[2]
    if kind == "info":
        return Notice(text(body.get("name")) or "unnamed", fatal=False)
    at = instant(body.get("time"), EPOCH)
    cursor = (at - EPOCH) // MICROSECOND
    if cursor < FIRST_TIME or at - now > MAX_SKEW:
        at, cursor = now, 0
    return _event(kind, body, event_filter, cursor, at)


def _event(kind: str, body: dict[str, Any], event_filter: EventFilter, cursor: int, at: datetime) -> Message:
    did, inner = body.get("did"), body.get(kind)
    if kind not in ("commit", "identity", "account", "sync"):
        return Message(cursor, at, faults=("kind",))
    if not is_did(did):
        return Message(cursor, at, faults=("did",))
    if kind == "commit":
        return _commit(str(did), body, event_filter, cursor, at)
    if not isinstance(inner, dict):
        return Message(cursor, at, faults=("shape",))
    event = account_event(f"#{kind}", str(did), inner, event_filter, cursor, at)
    return Message(cursor, at, () if event is None else (event,))


def _commit(did: str, body: dict[str, Any], event_filter: EventFilter, cursor: int, at: datetime) -> Message:
    action, collection, rkey = (body.get(name) for name in ("operation", "collection", "rkey"))
    if not (isinstance(action, str) and isinstance(collection, str) and isinstance(rkey, str)):
        return Message(cursor, at, faults=("op",))
    if collection not in COLLECTIONS:
        return Message(cursor, at)
    if action not in ACTIONS or not RKEY.fullmatch(rkey):
        return Message(cursor, at, faults=("op",))
    cid, record = body.get("cid"), body.get("record")
    if action == "delete":
        cid = record = None
    elif not isinstance(record, dict) or not isinstance(cid, str) or not is_shallow(record):
        event = event_filter.sync(did, "record", cursor, at)
        return Message(cursor, at, () if event is None else (event,), ("record",))
    event = event_filter.op(
        RepoOp(action, did, collection, rkey, cid, record, tid(body.get("rev"))), cursor, at
    )
    return Message(cursor, at, () if event is None else (event,))
