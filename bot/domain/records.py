"""What a stranger's record may have at most: its nesting, and the sizes of its texts. Pure.

Nobody has to keep to the lexicon who writes a record. What is too long is cut before it is kept or shown.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

import regex

MAX_DEPTH = 50  # of a record; a post has about ten
GRAPHEME = regex.compile(r"\X")


class Size(NamedTuple):
    """The most that a text may have: UTF-8 bytes and grapheme clusters, as lexicons count."""

    bytes: int
    graphemes: int


POST_TEXT = Size(3000, 300)  # app.bsky.feed.post
ALT_TEXT = Size(10_000, 1000)  # app.bsky.embed.video; that of images names no limit
CARD_TITLE = Size(3000, 300)  # app.bsky.embed.external names no limits
CARD_TEXT = Size(10_000, 1000)
CARD_URI = Size(2000, 2000)


def cut(text: str, size: Size) -> str:
    """The beginning of `text` that has this size, ending with a whole grapheme cluster."""
    if len(text) * 4 <= size.bytes and len(text) <= size.graphemes:
        return text
    head = _first_bytes(text[: size.bytes], size.bytes)
    found = list(islice(GRAPHEME.finditer(head), size.graphemes + 1))
    if len(head) < len(text) and found and found[-1].end() == len(head):
        found.pop()  # it may go on behind the cut
    return head[: found[: size.graphemes][-1].end()] if found else ""


def _first_bytes(text: str, count: int) -> str:
    """The whole characters in the first `count` bytes of UTF-8; half characters pass."""
    data = text.encode(errors="surrogatepass")
    while count < len(data) and data[count] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a character
        count -= 1
    return data[:count].decode(errors="surrogatepass")


def is_shallow(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether no more than `depth` objects and lists stand in each other."""
    if isinstance(value, dict):
        return depth > 0 and all(is_shallow(it, depth - 1) for it in value.values())
    if isinstance(value, list):
        return depth > 0 and all(is_shallow(it, depth - 1) for it in value)
    return True
