"""A post as folded words and marks, each with its place in the text. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

QUOTED = "\ufffc"  # the word that stands for what is quoted: no table has it
OWN_NAME = "bot"  # the word that stands for the bot's names; every table takes it for an address
INVISIBLE = regex.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
)
ACCENTS = regex.compile("[\u0300-\u036f]")
STRETCHED = regex.compile(r"([\p{Latin}\p{Cyrillic}])\1{2,}")
LENGTHENED = regex.compile("[\u30fc\u301c\uff5e~]+")
KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
SPELT_OUT = regex.compile(r"(?<![\p{L}\p{N}])\p{L}(?:[ ._*-]\p{L}){2,}(?![\p{L}\p{N}])")
STOP_SIGNS = regex.compile(r"\s*(?:@[\w.-]+)?[^\w@]*🛑[^\w@]*")
APOSTROPHES = "'\u2018\u2019\u02bc`\u00b4"
TOKEN = regex.compile(
    rf"""(?P<quoted>“[^”]*”|"[^"\n]*"|«[^»]*»|»[^«]*«|„[^“”]*[“”]|「[^」]*」|『[^』]*』|\u2039[^\u203a]*\u203a
    |(?<![\p{{L}}\p{{N}}])['\u2018`][^'\u2019`\n]+['\u2019`](?![\p{{L}}\p{{N}}])|^[ ]*>.*$)
    |(?P<handle>@[\w.-]*\w)
    |(?P<link>https?://\S+)
    |(?P<word>[\p{{L}}\p{{M}}\p{{N}}]+(?:[{APOSTROPHES}][\p{{L}}\p{{M}}\p{{N}}]+)*)
    |(?P<mark>[.,:;!?\u2026。、।؟()\n—]|[ ][-\u2013]+[ ])""",
    regex.VERBOSE | regex.MULTILINE,
)
MARKS = {"?": "?", "؟": "?", ":": ":", ",": ",", "、": ","}  # every other mark ends a sentence


@dataclass(frozen=True, slots=True)
class Token:
    """A folded word, or one of the marks `. ? : ,`. `start` and `end` are its place in the plain text."""

    text: str
    start: int
    end: int


def plain(text: str, names: Collection[str] = ()) -> str:
    """The text in NFKC, without invisible characters and the bot's handle, s p e l t  o u t words made whole.

    `names` are the bot's own: its handle, and what it is called. A stop sign (🛑) without words is the word.
    """
    visible = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    handles = "|".join(regex.escape(name) for name in names if "." in name)
    if handles:
        visible = regex.sub(
            rf"@?(?<![\w.-])(?:{handles})(?![\w-]|\.\w)", " ", visible, flags=regex.IGNORECASE
        )
    if STOP_SIGNS.fullmatch(visible):
        return "stop"
    return SPELT_OUT.sub(lambda found: regex.sub(r"[ ._*-]", "", found[0]), visible)


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """The word without case, accents and lengthening; katakana become hiragana; `'` is the apostrophe."""
    bare = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).casefold().replace("\u0131", "i"))
    bare = unicodedata.normalize("NFC", ACCENTS.sub("", bare))
    bare = LENGTHENED.sub("", STRETCHED.sub(r"\1", bare)).translate(KATAKANA)
    return bare.translate(dict.fromkeys(map(ord, APOSTROPHES), "'"))


def units(word: str, *, spaced: bool, elides: bool) -> tuple[str, ...]:
    """What a line of this word is made of: itself, its characters, or (m'écris) its parts."""
    if not spaced:
        return tuple(word.replace("'", ""))
    return tuple(filter(None, word.split("'"))) if elides else (word.replace("'", ""),)


def tokens(text: str, names: Collection[str] = ()) -> tuple[Token, ...]:
    """The words and marks of a `plain` text. Without a handle among `names`, any handle may be the bot's."""
    known = frozenset(map(fold, names))
    any_handle = not any("." in name for name in names)
    return tuple(_token(found, known, any_handle=any_handle) for found in TOKEN.finditer(text))


def _token(found: regex.Match[str], names: Collection[str], *, any_handle: bool) -> Token:
    match found.lastgroup:
        case "quoted" | "link":
            text = QUOTED
        case "handle":
            text = OWN_NAME if any_handle else QUOTED
        case "mark":
            text = "," if found[0].startswith(" ") else MARKS.get(found[0], ".")
        case _:
            word = fold(found[0])
            text = OWN_NAME if word in names else word
    return Token(text, *found.span())


def cut(units: Iterable[str], marks: str) -> Iterator[tuple[list[str], str]]:
    """What stands between these marks, and the mark after it: a full stop at the end."""
    part: list[str] = []
    for unit in [*units, "."]:
        if unit in marks or unit == ".":
            if part:
                yield part, unit
            part = []
        else:
            part.append(unit)
