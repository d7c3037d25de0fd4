"""What of a text can be seen. Hidden characters smuggle words past readers; those that writing needs stay."""

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
    rf"|(?<!\U0001F3F4{FLAG_TAGS}{{0,5}}){FLAG_TAGS}",  # England's flag is written with them
    regex.V1,
)
LINE_BREAK = regex.compile(r"\r\n|[\r\x0B\x0C\x85\u2028\u2029]")
JOINER = regex.compile(r"[\u200C\u200D]")
SELECTOR = regex.compile(r"\p{Variation_Selector}")
MARK = regex.compile(r"\p{M}")
PLAIN = r"\p{Latin}\p{Greek}\p{Cyrillic}"  # scripts that need neither joiners nor selectors
JOINED = regex.compile(
    rf"[\p{{Extended_Pictographic}}\p{{Emoji_Modifier}}[\p{{L}}\p{{N}}--[0-9{PLAIN}\p{{Han}}\p{{Hangul}}]]]",
    regex.V1,
)
SELECTED = regex.compile(rf"[\p{{Emoji}}\p{{S}}\p{{P}}[\p{{L}}--[{PLAIN}]]]", regex.V1)
ENDS = " .!…。\uff01"  # what a sentence may end with, a question excepted


def visible(text: str) -> str:
    """`text` in NFC, without bidi controls, control characters and stray invisible ones.

    Line breaks become newlines, tabs spaces. Joiners and variation selectors stay where emoji and scripts
    such as Persian or Hindi need them. Idempotent.
    """
    lines = LINE_BREAK.sub("\n", text.replace("\t", " "))
    composed = unicodedata.normalize("NFC", HIDDEN.sub("", lines))
    return unicodedata.normalize("NFC", "".join(_kept(composed)))


def folded(text: str) -> str:
    """The text by which two notes are compared: alike in any case, composition and at its end."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", plain).split()).rstrip(ENDS)


def _kept(text: str) -> Iterator[str]:
    base = before = ""
    for char in text:
        if JOINER.match(char):
            if JOINER.match(before) or not JOINED.match(base):
                continue
        elif SELECTOR.match(char):
            if before != base or not SELECTED.match(base):
                continue
        elif not MARK.match(char):
            base = char
        before = char
        yield char
