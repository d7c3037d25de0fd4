"""Whether an account behaves as a program does: it answers the bot's posts faster than anybody writes. Pure.

Not every bot carries the label. Two that answer each other would go on up to the limits, again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from memory.shingles import letters, likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

READING = timedelta(seconds=5)  # nobody reads the bot's post and writes in less
LETTERS_A_SECOND = 8  # nobody types as fast after reading
ALIKE = 0.7  # of the shingles of two answers, which need not be quick to the second
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person wrote in answer to a post of the bot, and how long after it."""

    text: str
    after: timedelta


def is_automatic(answers: Sequence[Answer], most: int) -> bool:
    """Whether `most` of these answers, or more, are a program's: too quick for their length, or alike."""
    odd = sum(
        _is_too_quick(answer) or _is_alike(answer, answers[:number]) for number, answer in enumerate(answers)
    )
    return odd >= most


def _is_too_quick(answer: Answer) -> bool:
    typing = timedelta(seconds=len(letters(answer.text)) / LETTERS_A_SECOND)
    return answer.after < READING + typing and len(letters(answer.text)) > LETTERS_A_SECOND


def _is_alike(answer: Answer, earlier: Sequence[Answer]) -> bool:
    if answer.after > SOON:
        return False
    mine = letters(answer.text)
    return any(likeness(mine, letters(other.text)) >= ALIKE for other in earlier)
