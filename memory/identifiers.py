"""How people, notes and threads are identified: DID, handle, note name, thread number. Pure."""

from __future__ import annotations

import hashlib
import re

from memory.errors import EditRefused

DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
HANDLE = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
NOTE_NAME = re.compile(r"(?:n|new)?([0-9]{1,9})", re.IGNORECASE)


def normalize_handle(text: str) -> str | None:
    """A handle as it is stored: without '@', in lower case. None if `text` is no valid handle.

    `handle.invalid` is the network's placeholder for a handle that does not resolve to its account
    (https://atproto.com/specs/handle).
    """
    handle = text.strip().removeprefix("@").lower()
    return handle if HANDLE.fullmatch(handle) and handle != "handle.invalid" else None


def note_name(note_id: int) -> str:
    """The name of a note in prompts and commands: n12, or new1 while it is proposed and not written."""
    return f"n{note_id}" if note_id > 0 else f"new{-note_id}"


def parse_note_name(name: str | int) -> int:
    """The id of the note named `n12`, `12` or `new1` (negative). Raises EditRefused for anything else."""
    text = str(name).strip()
    found = NOTE_NAME.fullmatch(text)
    if not found:
        raise EditRefused(f"{text[:40]!r} names no note. Use a name as shown, for example n12.")
    number = int(found[1])
    return -number if text.lower().startswith("new") else number


def thread_id(root_uri: str) -> int:
    """The number of a thread, made from the AT URI of its root post: 8 bytes instead of 70."""
    return hash_64(root_uri)


def hash_64(text: str) -> int:
    """A stable hash of 64 bits, signed as SQL's BIGINT is."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
