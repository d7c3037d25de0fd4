"""Which note a person corrects, told by the letters that it shares with the correction. Pure.

For languages whose statements nothing here parses. A wrong guess hides what is true, so one note must be much
more alike than all others.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import regex

from memory.shingles import letters

if TYPE_CHECKING:
    from collections.abc import Sequence

SYLLABLES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
SHORTEST, SHORTEST_OF_SYLLABLES = 4, 2  # signs of a run that two texts share
ALIKE = 0.33  # of the shorter text
AHEAD = 0.15  # of the next note


def corrected(notes: Sequence[str], said: str) -> int | None:
    """The place of the note that this corrects; None if there is none, or it is not plain which one."""
    scores = sorted(((_likeness(note, said), at) for at, note in enumerate(notes)), reverse=True)
    if not scores:
        return None
    (best, at), second = scores[0], scores[1][0] if len(scores) > 1 else 0.0
    return at if best >= ALIKE and best >= second + AHEAD else None


def _likeness(note: str, said: str) -> float:
    """How much of the shorter of the two stands in the other one, in runs: 0 to 1."""
    one, other = letters(note), letters(said)
    shortest = SHORTEST_OF_SYLLABLES if SYLLABLES.search(one) else SHORTEST
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    shared = sum(block.size for block in blocks if block.size >= shortest)
    return shared / min(len(one), len(other)) if one and other else 0.0
