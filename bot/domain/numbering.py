"""The numbers that a model gives to the posts of its answer (`1/3`), which need not be so many. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACE = r"(\d{1,2})\s?/\s?(\d{1,2})"
MARK = re.compile(
    rf"[ \t]*[(\[]{PLACE}[)\]][:.]?[ \t]*"  # anywhere
    rf"|(?m:^)(?:🧵[ \t]*)?{PLACE}(?:[:.)][ \t]+|[ \t]+|(?m:$))"  # at the beginning of a line
    rf"|[ \t]+{PLACE}[ \t]*🧵?(?m:$)"  # at its end
)


def without(text: str) -> str:
    """The text without such numbers, if they count up from 1. The posts of a thread need none.

    One number alone is one of a series only if it stands in brackets or beside a 🧵: half a cup stays.
    """
    found = list(MARK.finditer(text))
    if not _is_series(found):
        return text
    pieces, end = [], 0
    for mark in found:
        pieces.append(text[end : mark.start()])
        end = mark.end()
    whole = [piece.strip(" \t") for piece in (*pieces, text[end:])]
    return _joined([piece for piece in whole if piece.strip()])


def _is_series(found: Sequence[re.Match[str]]) -> bool:
    places = [tuple(int(number) for number in mark.groups() if number) for mark in found]
    counts_up = [part for part, _ in places] == list(range(1, len(places) + 1))
    if not places or not counts_up or len({parts for _, parts in places}) > 1:
        return False
    (_, parts), first = places[0], found[0][0].strip()
    return parts >= len(places) and parts > 1 and (len(places) > 1 or first[0] in "([🧵" or first[-1] == "🧵")


def _joined(pieces: Sequence[str]) -> str:
    text = pieces[0] if pieces else ""
    for piece in pieces[1:]:
        apart = "" if text.endswith("\n") or piece.startswith("\n") else " "
        text = f"{text}{apart}{piece}"
    return text.strip()
