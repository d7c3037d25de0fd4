"""Which statements several people share, so that the bot may repeat them without a name. Pure.

A statement that may name somebody is never shared. Scripts that have capitals write names with one, so a
capital inside the text excludes it. In a script without capitals nothing distinguishes a name from a word, so
statements in it are excluded. So are numbers, links and handles, and sensitive kinds (`memory.sensitive`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from memory.sensitive import kinds
from memory.text import STATEMENT_ENDS, folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

PEOPLE_AT_LEAST = 3
NAMELESS = regex.compile(r"\p{Lu}?[\p{Ll}\p{M} ,'\u2019-]+")


def shared(statements: Iterable[tuple[str, str]], names: Collection[str] = ()) -> tuple[tuple[str, int], ...]:
    """What at least three people say, each with how many do, most people first. Takes (DID, text).

    `names` are words that name people (handles); a statement with one of them is excluded.
    """
    people: dict[str, set[str]] = {}
    excluded: set[str] = set()
    for did, text in statements:
        people.setdefault(folded(text), set()).add(did)
        if not NAMELESS.fullmatch(text.rstrip(STATEMENT_ENDS)):
            excluded.add(folded(text))
    forbidden = {folded(name) for name in names}
    found = [
        (text, len(dids))
        for text, dids in people.items()
        if len(dids) >= PEOPLE_AT_LEAST
        and text not in excluded
        and not forbidden & set(words(text))
        and not kinds(text)
    ]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def words(text: str) -> list[str]:
    return regex.findall(r"[\w-]+|\w+", text)
