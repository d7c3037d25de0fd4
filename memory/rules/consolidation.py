"""What is kept, merged, closed and let go: decisions about memory, on purpose. Pure.

Nothing here decays. Age never removes a note and never lowers its rank by a factor: a half-life of 90 days
costs 18 points of recall@10 on LoCoMo. What goes, goes for a reason that can be told: it was contradicted, it
was said twice, its time to be kept is over, or its person wished so.

Contradiction is decided by form alone and in few cases, because a wrong guess hides what is true: the new
note fills the same slot (`memory.rules.slots`) as exactly one that holds, and was said later. A brain that
understands more revises.
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import TYPE_CHECKING

import regex

from memory.rules.slots import slot
from memory.text import STATEMENT_ENDS, folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from memory.model import Note

PEOPLE_AT_LEAST = 3


def gist(text: str) -> int:
    """`folded` as a number of 64 bits, for an index."""
    digest = hashlib.blake2b(folded(text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def duplicate(notes: Iterable[Note], text: str) -> Note | None:
    """The note that says the same."""
    wanted = folded(text)
    return next((note for note in notes if folded(note.text) == wanted), None)


# --- contradiction -------------------------------------------------------------------------------


def contradicted(notes: Collection[Note], text: str, said_at: datetime) -> Note | None:
    """The one note that holds no longer because `text` was said at `said_at`; None if in doubt."""
    wanted = slot(text)
    held = [note for note in notes if wanted and slot(note.text) == wanted]
    if len(held) != 1 or said_at <= max(one.said_at for one in held[0].receipts):
        return None
    return held[0]


def mergeable(notes: Collection[Note]) -> str:
    """Which notes to merge when there is no room: the two that share most words, else the oldest."""
    words = [(note.name, set(regex.findall(r"\w{3,}", folded(note.text)))) for note in notes]
    pairs = (
        (len(a & b) / len(a | b), one, other) for (one, a), (other, b) in combinations(words, 2) if a & b
    )
    share, one, other = max(pairs, default=(0.0, "", ""))
    if share:
        return f"the most alike: {one}, {other}"
    return f"the oldest: {', '.join(name for name, _ in words[:3])}"


# --- zeitgeist -----------------------------------------------------------------------------------

# Names are written with a capital in scripts that have them. Where a script has none nothing tells a name
# from a word, so such statements are never shared; nor are numbers, links, handles, and what fills a slot (it
# has a capital, a number or a colon).
NAMELESS = regex.compile(r"\p{Lu}?[\p{Ll}\p{M} ,'\u2019-]+")


def common(said: Iterable[tuple[str, str]], names: Collection[str] = ()) -> tuple[tuple[str, int], ...]:
    """What at least three people say, and how many, most first: from (DID, text).

    `names` are words that name people (handles); a statement with one of them is left out.
    """
    sayers: dict[str, set[str]] = {}
    capital: set[str] = set()
    for did, text in said:
        sayers.setdefault(folded(text), set()).add(did)
        if not NAMELESS.fullmatch(text.rstrip(STATEMENT_ENDS)):
            capital.add(folded(text))
    forbidden = {folded(name) for name in names}
    shared = [
        (text, len(dids))
        for text, dids in sayers.items()
        if len(dids) >= PEOPLE_AT_LEAST and text not in capital and not forbidden & set(words(text))
    ]
    return tuple(sorted(shared, key=lambda one: (-one[1], one[0])))


def words(text: str) -> list[str]:
    return regex.findall(r"[\w-]+|\w+", text)
