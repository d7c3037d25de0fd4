"""Which posts speak to the bot. Pure, and never surprised: a record is whatever a stranger wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from bot.domain.embeds import items, mapping, quoted_ref
from bot.domain.mention import Ignored, Mention, Reason, StrongRef
from bot.domain.records import POST_TEXT, cut
from bot.domain.uris import POST, AtUri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.domain.events import PostCreated
    from bot.domain.mention import Command

Verdict: TypeAlias = Mention | Ignored
MENTION = "app.bsky.richtext.facet#mention"
MAX_LANGS = 3

CID = re.compile(r"[A-Za-z0-9]{1,256}")
LANG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}")
OWN_MENTION = re.compile(r"\s*@\S+\s*")


def judge(event: PostCreated, me: str, parse: Callable[[str], Command | None]) -> Verdict:
    """Whether the post speaks to the bot `me` (a DID): by a facet, in reply to it, or quoting it.

    What is malformed counts as absent. `parse` is given the text without the bot's own mention.
    """
    if not _is_post(event):
        return Ignored("malformed")
    if event.did == me:
        return Ignored("own post")
    record, raw = event.record, event.record.get("text")
    if not isinstance(raw, str):
        return Ignored("no text")
    if len(raw.encode(errors="replace")) > POST_TEXT.bytes:
        return Ignored("text too long")
    reply = mapping(record.get("reply"))
    parent = _post(reply.get("parent"))
    reason = addressed(record, me)
    if reason is None:
        return Ignored("not addressed")
    text = without_mentions(cut(raw, POST_TEXT), record.get("facets"), me)
    return Mention(
        ref=event.ref,
        did=event.did,
        reason=reason,
        text=text,
        root=(_post(reply.get("root")) or parent) if parent else event.ref,
        parent=parent,
        said_at=event.at,
        langs=_langs(record.get("langs")),
        command=parse(text),
    )


def mentions(record: Mapping[str, Any], did: str) -> bool:
    """Whether the post mentions `did` by a facet."""
    return next(_features(record.get("facets"), did), None) is not None


def without_mentions(text: str, facets: object, me: str) -> str:
    """The text in NFC, without the '@handle' of the bot where a sound facet marks it, without blank ends."""
    data = text.encode(errors="replace")
    for start, end in sorted(_spans(facets, me), reverse=True):
        if not 0 <= start < end <= len(data):
            continue
        try:
            before, marked, after = (part.decode() for part in (data[:start], data[start:end], data[end:]))
        except UnicodeDecodeError:
            continue  # it cuts a character
        if OWN_MENTION.fullmatch(marked):
            data = f"{before}{after if before.strip() else after.lstrip()}".encode()
    return unicodedata.normalize("NFC", data.decode().replace("\0", "")).strip()


def _is_post(event: PostCreated) -> bool:
    record: Any = event.record
    place = AtUri.parse(event.ref.uri)
    sound = isinstance(record, Mapping) and record.get("$type", POST) == POST
    return sound and place is not None and place[:2] == (event.did, POST)


def addressed(record: Mapping[str, Any], me: str) -> Reason | None:
    """How the record of a post speaks to `me` (a DID); None if it does not."""
    parent = _post(mapping(record.get("reply")).get("parent"))
    quoted = _post(quoted_ref(mapping(record.get("embed"))))
    if mentions(record, me):
        return Reason.MENTION
    if parent is not None and _author(parent) == me:
        return Reason.REPLY
    if quoted is not None and _author(quoted) == me:
        return Reason.QUOTE
    return None


def _features(facets: object, me: str) -> Iterator[Mapping[str, Any]]:
    """The facets that mention `me`."""
    for facet in map(mapping, items(facets)):
        for feature in map(mapping, items(facet.get("features"))):
            if feature.get("$type") == MENTION and feature.get("did") == me:
                yield facet


def _spans(facets: object, me: str) -> set[tuple[int, int]]:
    """The bytes that mentions of the bot claim to cover."""
    indexes = [mapping(facet.get("index")) for facet in _features(facets, me)]
    ends = [(index.get("byteStart"), index.get("byteEnd")) for index in indexes]
    return {(start, end) for start, end in ends if type(start) is int and type(end) is int}


def _post(ref: object) -> StrongRef | None:
    """The strong ref, if it names a post soundly."""
    uri, cid = mapping(ref).get("uri"), mapping(ref).get("cid")
    place = AtUri.parse(uri)
    if place is None or place.collection != POST or not isinstance(cid, str) or not CID.fullmatch(cid):
        return None
    return StrongRef(str(uri), cid)


def _author(ref: StrongRef) -> str:
    place = AtUri.parse(ref.uri)
    assert place is not None
    return place.did


def _langs(langs: object) -> tuple[str, ...]:
    valid = [lang for lang in items(langs) if isinstance(lang, str) and LANG.fullmatch(lang)]
    return tuple(dict.fromkeys(valid))[:MAX_LANGS]
