"""Facts about a person as lines in the third person, and such lines read back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import regex


class Mode(StrEnum):
    """Whether it is so, is so no longer, or was never so."""

    SO = "so"
    ENDED = "ended"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing about a person. `key` tells two of a kind apart ('dog', 'tea'); '' where there is but one.

    A `definite` fact takes the place of what was known under the same kind and key; one that `corrects` also
    of the only other of its kind, if it is what the person is.
    """

    kind: str
    key: str
    value: str
    line: str
    mode: Mode = Mode.SO
    definite: bool = True
    corrects: bool = False


COUNTS = r"(?:an?|another|two|three|four|five|six|several|\d)"
TASTES = r"likes|loves|hates|enjoys|adores|dislikes|prefers|cannot stand|does not like"

READ = tuple(
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


def read(line: str) -> Fact | None:
    """The fact behind a note's line; None for a line in other words than these."""
    plain = NO_LONGER.sub("", line, count=1)
    for kind, pattern in READ:
        if found := pattern.fullmatch(plain):
            groups = found.groupdict(default="")
            key = groups.get("key", "")
            if kind == "thing" and regex.match(r"has another ", plain, regex.IGNORECASE):
                key = f"other {key}"
            mode = Mode.SO if plain == line else Mode.ENDED
            return Fact(kind, key, groups.get("value", ""), line, mode)
    return None


def stem(words: str) -> str:
    """What `words` are compared by: case, plural and the American spelling of a colour do not count."""
    folded = regex.sub(r"\bcolor(s?)\b", r"colour\1", words.casefold())
    return regex.sub(r"(?<=[^\Ws]{2})s\b", "", folded).strip()


def no_longer(line: str) -> str:
    """The line, ended: 'no longer lives in Lisbon'."""
    return f"is no longer {line[3:]}" if line.startswith("is ") else f"no longer {line}"


def alike(one: str, other: str) -> bool:
    """Whether all words of the shorter stand in the longer: 'Lisbon' and 'Lisbon, Portugal'."""
    a, b = (set(regex.findall(r"\w+", stem(text))) for text in (one, other))
    return bool(a and b) and (a <= b or b <= a)


def same(fact: Fact, known: Fact) -> bool:
    """Whether `fact` speaks of what `known` says."""
    if fact.kind != known.kind:
        return False
    keys = stem(fact.key) == stem(known.key) or (fact.mode is not Mode.SO and alike(fact.key, known.key))
    values = fact.mode is Mode.SO or not fact.value or alike(fact.value, known.value)
    return keys and values
