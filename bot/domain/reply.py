"""A reply's text becomes records: split into parts, with facets and record keys. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import regex

from bot.domain import links
from bot.domain.uris import POST, record_key
from memory.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.domain.mention import Record, StrongRef

MAX_GRAPHEMES, MAX_BYTES = 300, 3000  # the lexicon of app.bsky.feed.post
ORPHAN, STEP = 8, 10  # the last part has an eighth of a post or more, if that can be had by steps
GRAPHEME = regex.compile(r"\X")
SENTENCE = re.compile(r".*(?:[.!?…][\"'”’»)\]]*\s|[。！？」]|\n)", re.DOTALL)  # noqa: RUF001 - Japanese


# --- text ----------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """The text in NFC and stripped. Of invisible characters it keeps those that emoji and scripts need."""
    return visible(text).strip()


def split(text: str, limit: int = MAX_GRAPHEMES, *, notice: str = "") -> tuple[str, ...]:
    """Split into parts of at most `limit` graphemes and 3000 bytes. No part is blank.

    A part ends after a sentence, else after a word. Only whitespace between parts is lost. A grapheme is cut
    only if it is too long for any post. The `notice` stands under the first part, whatever becomes of the
    others. If a few words would be left over for the last part, those before it are shorter.
    """
    graphemes, orphan = list(_graphemes(text)), limit // ORPHAN
    parts = _filled(graphemes, limit, notice)
    if len(parts) > 1 and _length(parts[-1]) < orphan:
        for less in range(limit - STEP, limit // 2, -STEP):
            shorter = _filled(graphemes, less, notice)
            if len(shorter) == len(parts) and _length(shorter[-1]) >= orphan:
                return shorter
    return parts


def _filled(graphemes: Sequence[str], limit: int, notice: str) -> tuple[str, ...]:
    """Each part takes what it can."""
    parts, start = [], 0
    under = f"\n\n{notice}" if notice else ""
    while start < len(graphemes):
        if graphemes[start].isspace():
            start += 1
            continue
        end = _longest_end(graphemes, start, limit, under)
        if end < len(graphemes):
            end = _break_point(graphemes, start, end)
        parts.append("".join(graphemes[start:end]).rstrip() + under)
        start, under = end, ""
    return tuple(parts)


def _length(text: str) -> int:
    return len(GRAPHEME.findall(text))


def _graphemes(text: str) -> Iterator[str]:
    for found in GRAPHEME.finditer(text):
        grapheme = found[0]
        if len(grapheme.encode()) <= MAX_BYTES:
            yield grapheme
        else:
            longest = MAX_BYTES // 4
            yield from (grapheme[i : i + longest] for i in range(0, len(grapheme), longest))


def _longest_end(graphemes: Sequence[str], start: int, limit: int, under: str) -> int:
    """The end of the longest allowed part from `start`, with the text that stands under it."""
    end, size, limit = start, len(under.encode()), limit - len(GRAPHEME.findall(under))
    while end < len(graphemes) and end - start < limit:
        size += len(graphemes[end].encode())
        if size > MAX_BYTES:
            break
        end += 1
    return end


def _break_point(graphemes: Sequence[str], start: int, end: int) -> int:
    """Where to end a part that can reach to `end`: after a sentence in its second half, else after a word."""
    text, ends, at = "", {}, start
    for grapheme in graphemes[start : end + 1]:  # one more, to see a space after the last word
        text, at = text + grapheme, at + 1
        ends[len(text)] = min(at, end)
    sentence = SENTENCE.match(text)
    after = ends.get(sentence.end(), start) if sentence else start
    if start + (end - start) // 2 <= after != start:
        return after
    spaces = [index for index in range(start, end + 1) if graphemes[index].isspace()]
    return spaces[-1] if spaces else end


# --- facets --------------------------------------------------------------------------------------


def facets(
    text: str, asker_did: str, asker_handle: str | None, link_hosts: frozenset[str]
) -> tuple[dict[str, Any], ...]:
    """The facets of a text (app.bsky.richtext.facet), with indexes in UTF-8 bytes.

    Only the asker is mentioned. Only `link_hosts` (lower case) are linked, not their subdomains.
    """
    handles = frozenset({asker_handle.lower()} if asker_handle else ())
    allowed = links.Allowed(link_hosts, handles, frozenset({asker_did.lower()}))
    found = sorted(
        [*_links(text, allowed), *_mentions(text, asker_did, asker_handle)], key=lambda each: each[:2]
    )
    return tuple(
        {
            "index": {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())},
            "features": [feature],
        }
        for start, end, feature in found
    )


def _links(text: str, allowed: links.Allowed) -> Iterator[tuple[int, int, dict[str, str]]]:
    for start, end in links.find(text, allowed):
        yield start, end, {"$type": "app.bsky.richtext.facet#link", "uri": text[start:end]}


def _mentions(text: str, did: str, handle: str | None) -> Iterator[tuple[int, int, dict[str, str]]]:
    if handle is None:
        return
    for found in links.mention_pattern(handle).finditer(text):
        yield found.start(1), found.end(1), {"$type": "app.bsky.richtext.facet#mention", "did": did}


# --- records -------------------------------------------------------------------------------------


def record(
    part_text: str,
    facets: Sequence[Record],
    *,
    root: StrongRef,
    parent: StrongRef,
    created_at: datetime,
    langs: Sequence[str],
) -> str:
    """The exact JSON of one part of a reply. The same arguments always give the same bytes."""
    created = created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields: dict[str, Any] = {
        "$type": POST,
        "text": part_text,
        "reply": {"root": root.to_json(), "parent": parent.to_json()},
        "createdAt": created,
    }
    if facets:
        fields["facets"] = [dict(facet) for facet in facets]
    if langs:
        fields["langs"] = list(langs)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def is_reply_to(record: object, mention_uri: str) -> bool:
    """Whether this record's `reply.parent` is that mention. A malformed record is no reply."""
    for key in ("reply", "parent", "uri"):
        record = record.get(key) if isinstance(record, Mapping) else None
    return record == mention_uri


# --- record keys ---------------------------------------------------------------------------------

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
HASH_BITS = 36  # 10 of the clock id and 26 of the time: 67 seconds
CLOCK_BITS = 10
EARLIEST, LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for year in (2020, 2040))


def reserved_key(bot_did: str, mention_uri: str, part: int, salt: int = 0) -> str:
    """The record key of one part of a reply: a TID that depends on the arguments only.

    Its time is the mention's own to within 67 seconds. Its other 36 bits are a hash, so that nobody can write
    a mention whose reply gets the key of another reply. TIDs: https://atproto.com/specs/tid
    """
    time = tid_time(record_key(mention_uri))
    if time is None or not EARLIEST <= time < LATEST:
        time = EARLIEST + _hash(bot_did, mention_uri) % (LATEST - EARLIEST)
    upper = time << CLOCK_BITS >> HASH_BITS << HASH_BITS
    return _base32(upper | _hash(bot_did, mention_uri, part, salt) % (1 << HASH_BITS))


def tid(at: datetime) -> str:
    """The TID of this time, with clock id 0."""
    return _base32(int(at.timestamp() * 1_000_000) << CLOCK_BITS)


def tid_time(rkey: str) -> int | None:
    """The time of a TID in microseconds since 1970; None if `rkey` is no TID."""
    if not TID.fullmatch(rkey):
        return None
    number = 0
    for char in rkey:
        number = number << 5 | ALPHABET.index(char)
    return number >> CLOCK_BITS


def _base32(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))


def _hash(*values: object) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(map(str, values)).encode()).digest())
