"""Which posts address the bot. Pure. A record is what a stranger wrote, so no field is believed unchecked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from bot.domain.embeds import as_list, as_mapping, quoted_ref
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


def judge(event: PostCreated, bot_did: str, parse: Callable[[str], Command | None]) -> Verdict:
    """Decide whether the post addresses the bot: by a facet, as a reply to it, or as a quote of it.

    A malformed field counts as absent. `parse` gets the text without the mention of the bot.
    """
    if not _is_post(event):
        return Ignored("malformed")
    if event.did == bot_did:
        return Ignored("own post")
    record, raw = event.record, event.record.get("text")
    if not isinstance(raw, str):
        return Ignored("no text")
    if len(raw.encode(errors="replace")) > POST_TEXT.bytes:
        return Ignored("text too long")
    reason = addressing_reason(record, bot_did)
    return as_mention(event, bot_did, reason, parse) if reason else Ignored("not addressed")


def as_mention(
    event: PostCreated, bot_did: str, reason: Reason, parse: Callable[[str], Command | None]
) -> Mention:
    """The post as a mention. It is well-formed."""
    record = event.record
    root, parent = place_in_thread(event.ref, record)
    text = without_mentions(cut(record["text"], POST_TEXT), record.get("facets"), bot_did)
    return Mention(
        ref=event.ref,
        did=event.did,
        reason=reason,
        text=text,
        root=root,
        parent=parent,
        said_at=event.at,
        langs=_langs(record.get("langs")),
        command=parse(text),
    )


def place_in_thread(ref: StrongRef, record: Mapping[str, Any]) -> tuple[StrongRef, StrongRef | None]:
    """The root and the parent that the record of the post `ref` claims. Its own root is who has no parent."""
    reply = as_mapping(record.get("reply"))
    parent = _post_ref(reply.get("parent"))
    return ((_post_ref(reply.get("root")) or parent) if parent else ref), parent


def mentions(record: Mapping[str, Any], did: str) -> bool:
    """Whether the post mentions `did` by a facet."""
    return next(_mention_facets(record.get("facets"), did), None) is not None


def without_mentions(text: str, facets: object, bot_did: str) -> str:
    """The text in NFC and stripped, without the bot's '@handle' where a valid facet marks it."""
    data = text.encode(errors="replace")
    for start, end in sorted(_mention_spans(facets, bot_did), reverse=True):
        if not 0 <= start < end <= len(data):
            continue
        try:
            before, marked, after = (part.decode() for part in (data[:start], data[start:end], data[end:]))
        except UnicodeDecodeError:
            continue  # the facet cuts a character
        if OWN_MENTION.fullmatch(marked):
            data = f"{before}{after if before.strip() else after.lstrip()}".encode()
    return unicodedata.normalize("NFC", data.decode().replace("\0", "")).strip()


def _is_post(event: PostCreated) -> bool:
    record: Any = event.record
    place = AtUri.parse(event.ref.uri)
    sound = isinstance(record, Mapping) and record.get("$type", POST) == POST
    return sound and place is not None and place[:2] == (event.did, POST)


def addressing_reason(record: Mapping[str, Any], bot_did: str) -> Reason | None:
    """How the record of a post addresses the bot; None if it does not."""
    parent = _post_ref(as_mapping(record.get("reply")).get("parent"))
    quoted = _post_ref(quoted_ref(as_mapping(record.get("embed"))))
    if mentions(record, bot_did):
        return Reason.MENTION
    if parent is not None and _author_did(parent) == bot_did:
        return Reason.REPLY
    if quoted is not None and _author_did(quoted) == bot_did:
        return Reason.QUOTE
    return None


def _mention_facets(facets: object, bot_did: str) -> Iterator[Mapping[str, Any]]:
    """The facets that mention the bot."""
    for facet in map(as_mapping, as_list(facets)):
        for feature in map(as_mapping, as_list(facet.get("features"))):
            if feature.get("$type") == MENTION and feature.get("did") == bot_did:
                yield facet


def _mention_spans(facets: object, bot_did: str) -> set[tuple[int, int]]:
    """The byte ranges that the bot's mention facets claim."""
    indexes = [as_mapping(facet.get("index")) for facet in _mention_facets(facets, bot_did)]
    ends = [(index.get("byteStart"), index.get("byteEnd")) for index in indexes]
    return {(start, end) for start, end in ends if type(start) is int and type(end) is int}


def _post_ref(ref: object) -> StrongRef | None:
    """The strong ref, if it is valid and names a post."""
    uri, cid = as_mapping(ref).get("uri"), as_mapping(ref).get("cid")
    place = AtUri.parse(uri)
    if place is None or place.collection != POST or not isinstance(cid, str) or not CID.fullmatch(cid):
        return None
    return StrongRef(str(uri), cid)


def _author_did(ref: StrongRef) -> str:
    place = AtUri.parse(ref.uri)
    assert place is not None
    return place.did


def _langs(langs: object) -> tuple[str, ...]:
    valid = [lang for lang in as_list(langs) if isinstance(lang, str) and LANG.fullmatch(lang)]
    return tuple(dict.fromkeys(valid))[:MAX_LANGS]
