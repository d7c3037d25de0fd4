"""What the reference PDS makes of a post: its record key, its CID, and which records it refuses. Pure."""

from __future__ import annotations

import json
import re
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import libipld
import regex

from bot.domain.uris import POST
from bot.errors import PermanentNetworkError

if TYPE_CHECKING:
    from bot.domain.mention import Record

RKEY = re.compile("[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
GRAPHEME = regex.compile(r"\X")
MAX_GRAPHEMES = 300
MAX_BYTES = 3000
DAG_CBOR_SHA256 = b"\x01\x71\x12\x20"


def tid(number: int) -> str:
    """A valid record key; later numbers sort later."""
    alphabet = "234567abcdefghijklmnopqrstuvwxyz"
    return "3" + "".join(alphabet[number >> shift & 31] for shift in range(55, -1, -5))


def record_cid(record: Record) -> str:
    """The CID that a PDS gives a record without blobs: sha256 of its DAG-CBOR."""
    try:
        encoded = libipld.encode_dag_cbor(record)
    except (ValueError, RecursionError) as error:
        raise PermanentNetworkError(f"no record: {error}") from error
    return str(libipld.encode_cid(DAG_CBOR_SHA256 + sha256(encoded).digest()))


def checked(rkey: str, record: str) -> dict[str, Any]:
    """The record, if a PDS would accept it as a post. Raises PermanentNetworkError."""
    try:
        value = json.loads(record)
    except ValueError as error:
        raise PermanentNetworkError("the record is not JSON") from error
    fault = "the record is not a JSON object" if not isinstance(value, dict) else _fault_of(rkey, value)
    if fault:
        raise PermanentNetworkError(fault)
    return dict(value)


def _fault_of(rkey: str, record: dict[str, Any]) -> str | None:
    """The rule of the lexicon app.bsky.feed.post, or of its record keys, that this breaks; None if none."""
    text, reply = record.get("text"), record.get("reply", {"root": "", "parent": ""})
    if not RKEY.fullmatch(rkey):
        return "the record key is no TID"
    if record.get("$type") != POST:
        return f"$type is not {POST}"
    if not isinstance(text, str):
        return "text is missing"
    if len(text.encode()) > MAX_BYTES or len(GRAPHEME.findall(text)) > MAX_GRAPHEMES:
        return "text is too big"
    if not isinstance(reply, dict) or not {"root", "parent"} <= reply.keys():
        return "reply has no root or no parent"
    return None if is_instant(record.get("createdAt")) else "createdAt is no time"


def is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
