"""Several posts of one person that are one thing to say: which of them get one answer together. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.domain import addressing
from bot.domain.mention import Reason
from bot.domain.uris import author

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.domain.mention import Mention, StrongRef

WITHIN = timedelta(seconds=90)  # from the first post of a burst to its last; of a series, from part to part
MOST_PARTS = 30
MOST_SHOWN = 12  # of what ended in one turn; a flood is not read
COUNT = r"[(\[]?([1-9]\d?)\s?/\s?([1-9]\d?)[)\]]?"
AT_BEGINNING = re.compile(rf"🧵?\s*{COUNT}(?=[\s:]|$|\.\s)")
AT_END = re.compile(rf"(?:^|\s|🧵){COUNT}\s*🧵?$")


def part_of_series(text: str) -> tuple[int, int] | None:
    """Which part of how many this is, by a `2/3` at its beginning or its end. None: not of a series."""
    text = text.strip()
    found = AT_BEGINNING.match(text) or AT_END.search(text)
    if found is None:
        return None
    part, parts = (int(number) for number in found.groups())
    return (part, parts) if 1 <= part <= parts <= MOST_PARTS and parts > 1 else None


def is_unfinished(text: str) -> bool:
    """Whether more parts of a series are to come."""
    place = part_of_series(text)
    return place is not None and place[0] < place[1]


def begins(text: str) -> bool:
    """Whether this is the first part of a series, and not a mark of five out of ten."""
    place = part_of_series(text)
    return place is not None and place[0] == 1


def follows(text: str, before: str) -> bool:
    """Whether this is the next part of the series that `before` is a part of."""
    this, last = part_of_series(text), part_of_series(before)
    return this is not None and last is not None and this == (last[0] + 1, last[1])


def may_continue(ref: StrongRef, did: str, record: Mapping[str, Any]) -> bool:
    """Whether this post of `did`, which does not address the bot, is a later part of a series of theirs."""
    text, (_, parent) = record.get("text"), addressing.place_in_thread(ref, record)
    if parent is None or author(parent.uri) != did or not isinstance(text, str):
        return False
    place = part_of_series(text)
    return place is not None and place[0] > 1


def is_continuation(mention: Mention) -> bool:
    """Whether it is heard only as a part of a series: it answers its author, and does not name the bot."""
    answered = author(mention.parent.uri) if mention.parent else None
    return mention.reason is Reason.REPLY and answered == mention.did


def merges(first: datetime, last: datetime, now: datetime, *, unfinished: bool, heated: bool) -> bool:
    """Whether what waits ends in the turn of a post of `now`. It began with `first` and goes on to `last`."""
    return heated or now - first <= WITHIN or (unfinished and now - last <= WITHIN)
