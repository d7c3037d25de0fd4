"""Rules over plain text: what a reader can see of it, when two texts are alike, how many tokens it takes."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAG_TAGS = "[\U000e0020-\U000e007f]"
HIDDEN = regex.compile(
    r"[[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\uFFF9-\uFFFB]"
    rf"--[\n\u200C\u200D\p{{Variation_Selector}}{FLAG_TAGS}]]"
    rf"|(?<!\U0001F3F4{FLAG_TAGS}{{0,5}}){FLAG_TAGS}",  # the flag of England is written with them
    regex.V1,
)
LINE_BREAK = regex.compile(r"\r\n|[\r\x0B\x0C\x85\u2028\u2029]")
JOINER = regex.compile(r"[\u200C\u200D]")
SELECTOR = regex.compile(r"\p{Variation_Selector}")
MARK = regex.compile(r"\p{M}")
PLAIN = r"\p{Latin}\p{Greek}\p{Cyrillic}"  # scripts that need neither joiners nor selectors
TAKES_JOINER = regex.compile(
    rf"[\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}[\p{{L}}\p{{N}}--[0-9{PLAIN}\p{{Han}}\p{{Hangul}}]]]",
    regex.V1,
)
TAKES_SELECTOR = regex.compile(rf"[\p{{Emoji}}\p{{S}}\p{{P}}[\p{{L}}--[{PLAIN}]]]", regex.V1)
STATEMENT_ENDS = " .!…。\uff01"  # punctuation that may end a statement; a question mark changes the meaning


def visible(text: str) -> str:
    """`text` in NFC, without bidi controls, control characters and stray invisible ones.

    Invisible characters can hide words from a reader that a model reads. Joiners and variation selectors
    stay where emoji and scripts such as Persian or Hindi need them. Line breaks become newlines, tabs
    spaces. Idempotent.
    """
    lines = LINE_BREAK.sub("\n", text.replace("\t", " "))
    composed = unicodedata.normalize("NFC", HIDDEN.sub("", lines))
    return unicodedata.normalize("NFC", "".join(_without_stray_joiners(composed)))


def one_line(text: str) -> str:
    """A note's text as it is stored: one line, single spaces, nothing invisible."""
    return " ".join(visible(text).split())


def folded(text: str) -> str:
    """The form in which two texts are compared: case, composition, spaces and the end do not count."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", plain).split()).rstrip(STATEMENT_ENDS)


def tokens(text: str) -> int:
    """About how many tokens a model will count: four UTF-8 bytes a token, rounded up."""
    return -(-len(text.encode()) // 4)


def _without_stray_joiners(text: str) -> Iterator[str]:
    """The characters, without joiners and selectors that follow nothing which takes one."""
    base = before = ""
    for char in text:
        if JOINER.match(char):
            if JOINER.match(before) or not TAKES_JOINER.match(base):
                continue
        elif SELECTOR.match(char):
            if before != base or not TAKES_SELECTOR.match(base):
                continue
        elif not MARK.match(char):
            base = char
        before = char
        yield char
