"""When the operator has paused the bot, and how old a mention is by that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Span: TypeAlias = "tuple[datetime, datetime]"  # begin and end


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is answered from `began_at` on: to `until` (None: for good), or to where it was ended.

    `ages`: mentions grow older meanwhile.
    """

    began_at: datetime
    until: datetime | None
    ended_at: datetime | None
    ages: bool

    def is_on(self, now: datetime) -> bool:
        """Whether it is on now. It is, too, if the clock was set back to before it began."""
        return self.ended_at is None and (self.until is None or now < self.until)

    def told(self) -> str:
        """One clause for the operator."""
        end = f"until {self.until:%Y-%m-%d %H:%M}Z" if self.until else "until `scrubjay resume`"
        return f"paused since {self.began_at:%Y-%m-%d %H:%M}Z, {end}"

    def within(self, begin: datetime, end: datetime) -> Span:
        """What it takes of this span."""
        over = min(at for at in (end, self.until, self.ended_at) if at is not None)
        return max(begin, self.began_at), over


def age(since: datetime, now: datetime, pauses: Iterable[Pause], asleep: Iterable[Span] = ()) -> timedelta:
    """How old a mention of `since` is. Pauses in which nothing ages do not count, nor does sleep."""
    spans = [pause.within(since, now) for pause in pauses if not pause.ages]
    return now - since - _covered([*spans, *asleep])


def _covered(spans: Iterable[Span]) -> timedelta:
    """How long these spans are together. What several have is counted once."""
    covered, last = timedelta(0), None
    for begin, end in sorted(spans):
        fresh = begin if last is None else max(begin, last)
        if fresh < end:
            covered, last = covered + (end - fresh), end
    return covered
