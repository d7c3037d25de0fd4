"""Ask for one fact from several sides, and tell where the answers contradict each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import regex

from bot.domain.meters import AGREES, OPENING, words

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARE = 0.6  # of a note's words: who says so many of them tells the note
DENIES = regex.compile(
    OPENING + r"(?:no|nope|not|never|i (?:don't|don’t|do not|can't|can’t|have no|didn't|didn’t)"  # noqa: RUF001
    r"|nein|nicht|non|não|nee|that(?:'s|’s| is) (?:not|wrong))\b|\P{L}*(?:いいえ|違います)",  # noqa: RUF001
    regex.IGNORECASE,
)


class Side(StrEnum):
    """How it is asked: what is known, whether it is so, whether it is not so."""

    OPEN = "open"
    SO = "so"
    NOT_SO = "not so"


class Verdict(StrEnum):
    """What an answer says of the fact."""

    HOLDS = "holds"
    DENIED = "denied"
    UNCLEAR = "unclear"


QUESTIONS = {
    Side.OPEN: "Which note of yours about me says the most about this: {hint}? Quote it.",
    Side.SO: "One of your notes about me says: “{fact}”. Is that what you have noted? Begin with yes or no.",
    Side.NOT_SO: "I say that you have no note like this about me: “{fact}”. Am I right? Say yes or no first.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said when it was asked so; None: nothing, because of `error` or by choice."""

    side: Side
    text: str | None
    verdict: Verdict
    error: str | None = None


def question(side: Side, fact: str) -> str:
    """The question. The open one has only the first half of the fact's words."""
    said = fact.split()
    hint = " ".join(said[: max(1, len(said) // 2)])
    return QUESTIONS[side].format(fact=fact, hint=hint)


def verdict(side: Side, fact: str, text: str | None) -> Verdict:
    """What this answer says of the fact."""
    if text is None:
        return Verdict.UNCLEAR
    if side is not Side.OPEN and (AGREES.match(text) or DENIES.match(text)):
        agrees = bool(AGREES.match(text))
        return Verdict.HOLDS if agrees == (side is Side.SO) else Verdict.DENIED
    if _tells(fact, text):
        return Verdict.HOLDS
    return Verdict.DENIED if DENIES.match(text) else Verdict.UNCLEAR


def _tells(fact: str, text: str) -> bool:
    known = set(words(fact))
    return bool(known) and len(known & set(words(text))) >= SHARE * len(known)


def is_contradiction(answers: Sequence[Answer]) -> bool:
    """Whether one answer says that it holds, and another one that it does not."""
    return {Verdict.HOLDS, Verdict.DENIED} <= {answer.verdict for answer in answers}
