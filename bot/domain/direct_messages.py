"""Direct messages: what the lexicon allows, and how a long text becomes several of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

More: TypeAlias = "Callable[[int, int], str]"  # says that so many messages of so many were sent

MAX_GRAPHEMES, MAX_BYTES = 1000, 10_000  # the lexicon of chat.bsky.convo.defs#messageInput
MAX_MESSAGES, MAX_OF_EXPORT = 30, 200  # in one answer
GRAPHEME = regex.compile(r"\X")
NUMBER_ROOM = len("200/99999999\n")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with one person. `last` is the id of its last message; "" if it has none."""

    id: str
    last: str = ""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the bot itself sent."""

    id: str
    text: str


def fits(text: str) -> bool:
    """Whether the lexicon allows this text."""
    return len(text.encode()) <= MAX_BYTES and len(GRAPHEME.findall(text)) <= MAX_GRAPHEMES


def listed(heading: str, lines: Sequence[str], more: More) -> tuple[str, ...]:
    """Messages of whole lines under a heading, numbered if they are several."""
    pieces: list[str] = []
    for line in (heading, *lines):
        if pieces and _fits_numbered(joined := f"{pieces[-1]}\n{line}"):
            pieces[-1] = joined
        else:
            pieces += cut(line)
    return _bounded(pieces, more, MAX_MESSAGES)


def exact(intro: Callable[[int], str], text: str, more: More) -> tuple[str, ...]:
    """An introduction and then the text. Without their first lines, the messages joined are the text.

    `intro` is given how many messages hold the text.
    """
    pieces = cut(text)
    return intro(len(pieces)), *_bounded(pieces, more, MAX_OF_EXPORT - 1, always=True)


def cut(text: str) -> list[str]:
    """The text in pieces that fit below a number. None begins or ends with a space if that can be helped."""
    graphemes, pieces, start = list(_graphemes(text)), [], 0
    while start < len(graphemes):
        end = _longest_end(graphemes, start)
        pieces.append("".join(graphemes[start:end]))
        start = end
    return pieces


def _bounded(pieces: Sequence[str], more: More, limit: int, *, always: bool = False) -> tuple[str, ...]:
    """The pieces with their numbers. If they are more than `limit`, the last one of these says so instead."""
    if len(pieces) == 1 and not always:
        return tuple(pieces)
    shown = pieces if len(pieces) <= limit else pieces[: limit - 1]
    numbered = [f"{number}/{len(pieces)}\n{piece}" for number, piece in enumerate(shown, 1)]
    if len(shown) < len(pieces):
        numbered.append(more(len(shown), len(pieces)))
    return tuple(numbered)


def _fits_numbered(text: str) -> bool:
    return (
        len(text.encode()) <= MAX_BYTES - NUMBER_ROOM
        and len(GRAPHEME.findall(text)) <= MAX_GRAPHEMES - NUMBER_ROOM
    )


def _graphemes(text: str) -> Iterator[str]:
    """A grapheme that is too long for a message is cut into characters."""
    for found in GRAPHEME.finditer(text):
        grapheme = found[0]
        yield from (grapheme,) if len(grapheme.encode()) <= MAX_BYTES // 2 else grapheme


def _longest_end(graphemes: Sequence[str], start: int) -> int:
    size, end = 0, start
    last = min(len(graphemes), start + MAX_GRAPHEMES - NUMBER_ROOM)
    while end < last and size + len(graphemes[end].encode()) <= MAX_BYTES - NUMBER_ROOM:
        size, end = size + len(graphemes[end].encode()), end + 1
    between = end
    while end < len(graphemes) and start + 1 < between and _is_beside_space(graphemes, between):
        between -= 1
    return between if start + 1 < between else end


def _is_beside_space(graphemes: Sequence[str], at: int) -> bool:
    return at < len(graphemes) and (graphemes[at - 1].isspace() or graphemes[at].isspace())
