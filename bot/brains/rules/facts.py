"""Facts about a person, and the lines in the third person that state them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import regex


class Mode(StrEnum):
    """Whether a fact is true, was true but has ended, or was never true."""

    CURRENT = "so"
    ENDED = "ended"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about a person. `key` distinguishes facts of a kind ('dog', 'tea'); '' if there is only one.

    A `definite` fact replaces the known fact of the same kind and key. A fact that `corrects` also replaces
    what the person is ('is a nurse'), if that is the only such fact.
    """

    kind: str
    key: str
    value: str
    line: str
    mode: Mode = Mode.CURRENT
    definite: bool = True
    corrects: bool = False


COUNTS = r"(?:an?|another|two|three|four|five|six|several|\d)"
TASTES = r"likes|loves|hates|enjoys|adores|dislikes|prefers|cannot stand|does not like"

LINE_PATTERNS = tuple(
    (kind, regex.compile(pattern, regex.IGNORECASE))
    for kind, pattern in (
        ("name", r"(?:is called|goes by|their name is) (?P<value>.+)"),
        ("home", r"lives in (?P<value>.+)"),
        ("origin", r"is (?:originally )?from (?P<value>.+)"),
        ("birthday", r"has (?:a|their) birthday (?P<value>(?:on|in) .+)"),
        ("age", r"is (?P<value>\d+) years old"),
        ("job", r"works as (?P<value>.+)"),
        ("workplace", r"works (?P<value>(?:at|for|in) .+)"),
        ("favourite", r"their favou?rite (?P<key>.+?) (?:is|are) (?P<value>.+)"),
        ("thing", rf"has (?:{COUNTS} )?(?P<key>.+?)(?: (?:called|named) (?P<value>.+))?"),
        ("taste", rf"(?:{TASTES}) (?P<key>.+)"),
        ("being", r"is (?:an? )?(?P<key>.+)"),
    )
)
NO_LONGER = regex.compile(r"\bno longer ")


def parse_line(line: str) -> Fact | None:
    """Return the fact that a note's line states; None if no pattern matches."""
    plain = NO_LONGER.sub("", line, count=1)
    for kind, pattern in LINE_PATTERNS:
        if found := pattern.fullmatch(plain):
            groups = found.groupdict(default="")
            key = groups.get("key", "")
            if kind == "thing" and regex.match(r"has another ", plain, regex.IGNORECASE):
                key = f"other {key}"
            mode = Mode.CURRENT if plain == line else Mode.ENDED
            return Fact(kind, key, groups.get("value", ""), line, mode)
    return None


def fold(words: str) -> str:
    """Return `words` in the form that is compared: without case, plural s and American 'color'."""
    folded = regex.sub(r"\bcolor(s?)\b", r"colour\1", words.casefold())
    return regex.sub(r"(?<=[^\Ws]{2})s\b", "", folded).strip()


def ended_line(line: str) -> str:
    """Return the line as ended: 'no longer lives in Lisbon'."""
    return f"is no longer {line[3:]}" if line.startswith("is ") else f"no longer {line}"


def alike(one: str, other: str) -> bool:
    """Whether all words of one text are in the other: 'Lisbon' and 'Lisbon, Portugal'."""
    a, b = (set(regex.findall(r"\w+", fold(text))) for text in (one, other))
    return bool(a and b) and (a <= b or b <= a)


def concerns(fact: Fact, known: Fact) -> bool:
    """Whether `fact` is about the same thing as `known`."""
    if fact.kind != known.kind:
        return False
    keys = fold(fact.key) == fold(known.key) or (fact.mode is not Mode.CURRENT and alike(fact.key, known.key))
    values = fact.mode is Mode.CURRENT or not fact.value or alike(fact.value, known.value)
    return keys and values
