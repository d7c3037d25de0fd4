"""What a post shows beside its text: images, a video, a link card, a quoted record. Pure.

Shapes: app.bsky.embed.images, .video, .external, .record, .recordWithMedia. What is malformed is left out.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from bot.domain.records import ALT_TEXT, CARD_TEXT, CARD_TITLE, CARD_URI, cut

MAX_IMAGES = 4  # the lexicon's limit
MAX_CID, MAX_MIME, MAX_SIZE = 256, 100, 2**63 - 1
MAX_URI = 1200  # no AT URI that can be read is longer
RAW_SHA256 = b"\x01\x55\x12\x20"  # CID version 1, codec raw, a sha256 of 32 bytes


@dataclass(frozen=True, slots=True)
class Media:
    """An image or video: its bytes are the blob `cid` of `did`. `size` in bytes is what the record claims."""

    did: str
    cid: str
    mime: str
    alt: str
    size: int | None = None

    @property
    def is_image(self) -> bool:
        return self.mime.startswith("image/")


@dataclass(frozen=True, slots=True)
class Card:
    """A link card: the preview of a page that the author's app made."""

    title: str
    description: str
    uri: str


@dataclass(frozen=True, slots=True)
class Embeds:
    """All embeds of a post. `quotes` is the AT URI of the quoted record, which need not be a post."""

    media: tuple[Media, ...] = ()
    card: Card | None = None
    quotes: str | None = None


def read(did: str, record: object) -> Embeds:
    """The embeds of a post's record. `did` is its author."""
    embed = as_mapping(as_mapping(record).get("embed"))
    shown = as_mapping(embed.get("media")) if _kind(embed) == "recordWithMedia" else embed
    uri = as_mapping(quoted_ref(embed)).get("uri")
    return Embeds(_media(did, shown), _card(shown), uri[:MAX_URI] if isinstance(uri, str) else None)


def quoted_ref(embed: Mapping[str, Any]) -> object:
    """The strong ref of the quoted record, not validated."""
    match _kind(embed):
        case "record":
            return embed.get("record")
        case "recordWithMedia":
            return as_mapping(embed.get("record")).get("record")
        case _:
            return None


def _media(did: str, embed: Mapping[str, Any]) -> tuple[Media, ...]:
    match _kind(embed):
        case "images":
            images = as_list(embed.get("images"))[:MAX_IMAGES]
            media = [_blob(did, as_mapping(image), "image") for image in images]
        case "video":
            media = [_blob(did, embed, "video")]
        case _:
            media = []
    return tuple(filter(None, media))


def _blob(did: str, holder: Mapping[str, Any], field: str) -> Media | None:
    blob = as_mapping(holder.get(field))
    cid, size = as_mapping(blob.get("ref")).get("$link"), blob.get("size")
    if not isinstance(cid, str) or len(cid) > MAX_CID:
        return None
    mime = as_text(blob.get("mimeType"))[:MAX_MIME] or f"{field}/unknown"
    alt = cut(as_text(holder.get("alt")), ALT_TEXT)
    return Media(did, cid, mime, alt, size if type(size) is int and 0 <= size <= MAX_SIZE else None)


def _card(embed: Mapping[str, Any]) -> Card | None:
    external = as_mapping(embed.get("external"))
    if _kind(embed) != "external" or not isinstance(external.get("uri"), str):
        return None
    title, description = as_text(external.get("title")), as_text(external.get("description"))
    return Card(cut(title, CARD_TITLE), cut(description, CARD_TEXT), cut(external["uri"], CARD_URI))


def _kind(embed: Mapping[str, Any]) -> str:
    return as_text(embed.get("$type")).removeprefix("app.bsky.embed.")


def blob_cid(data: bytes) -> str:
    """The CID that names these bytes (https://atproto.com/specs/blob)."""
    return "b" + b32encode(RAW_SHA256 + sha256(data).digest()).decode().lower().rstrip("=")


def as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""
