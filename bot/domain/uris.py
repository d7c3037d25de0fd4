"""AT URIs, and the collections that the bot reads or writes (https://atproto.com/specs/at-uri-scheme)."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from memory.identifiers import normalize_handle

POST = "app.bsky.feed.post"
GATE = "app.bsky.feed.threadgate"
BLOCK = "app.bsky.graph.block"
LIST = "app.bsky.graph.list"
LIST_BLOCK = "app.bsky.graph.listblock"
LIST_ITEM = "app.bsky.graph.listitem"
POSTGATE = "app.bsky.feed.postgate"
PREFERENCE = "community.lexicon.preference.ai"
PROFILE = "app.bsky.actor.profile"

AT_URI = re.compile(
    r"at://(?P<did>did:[a-z]+:[A-Za-z0-9._:%-]{1,256})"
    r"/(?P<collection>[A-Za-z][A-Za-z0-9.-]{0,316})/(?P<rkey>(?!\.{1,2}\Z)[A-Za-z0-9._:~-]{1,512})"
)


class AtUri(NamedTuple):
    """The parts of an AT URI that names a record. `str()` gives the URI."""

    did: str
    collection: str
    rkey: str

    @classmethod
    def parse(cls, uri: object) -> Self | None:
        """The parts of a record's AT URI; None unless its authority is a DID."""
        match = AT_URI.fullmatch(uri) if isinstance(uri, str) else None
        return cls(*match.groups()) if match else None

    def __str__(self) -> str:
        return f"at://{self.did}/{self.collection}/{self.rkey}"


def tidy_handle(name: object) -> str | None:
    """The handle in lower case; None if it is none (https://atproto.com/specs/handle)."""
    handle = name.lower() if isinstance(name, str) else ""
    return handle if normalize_handle(handle) == handle else None


def author(uri: str) -> str:
    """The DID in an AT URI. Does not validate it."""
    return uri.removeprefix("at://").partition("/")[0]


def record_key(uri: str) -> str:
    """The record key in an AT URI. Does not validate it."""
    return uri.rpartition("/")[2]


def is_by(uri: str, did: str) -> bool:
    """Whether the record is in the repo of `did`."""
    return author(uri) == did


def profile_uri(did: str) -> str:
    """The AT URI of this account's profile."""
    return f"at://{did}/{PROFILE}/self"
