"""When the bot is awake: hours of the day in the operator's zone, and days that it is quiet. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

from bot.domain.chance import chance

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
JITTER = timedelta(minutes=15)  # it wakes up so much later at most, and falls asleep so much earlier
SHORTEST = timedelta(hours=1)  # that it can be awake
LOOK_BACK = timedelta(days=60)
LOOK_AHEAD = 3 * 366  # days


@dataclass(frozen=True, slots=True)
class Hours:
    """From `wake` to `sleep` by the clock of `zone`, perhaps past midnight; the same time twice: all day.

    `quiet` has days that are slept through: `sunday`, `12-25`, `2026-12-31`. What is past midnight belongs to
    the day before.
    """

    wake: time = time(0)
    sleep: time = time(0)
    zone: tzinfo = UTC
    quiet: frozenset[str] = frozenset()

    @property
    def is_always(self) -> bool:
        return self.wake == self.sleep and not self.quiet

    def next_open(self, at: datetime) -> datetime:
        """`at` itself if it is awake then, else when it wakes up next."""
        if self.is_always:
            return at
        for begin, end in self._awake(at - DAY, LOOK_AHEAD):
            if at < end:
                return max(at, begin)
        return at  # a list of quiet days that leaves none is refused with the settings

    def asleep(self, since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches between these times in which it is asleep, of the last two months at most."""
        since = now if self.is_always else max(since, now - LOOK_BACK)
        awake = self._awake(since - DAY, LOOK_BACK.days + 3)
        while since < now:
            begin, end = next(awake, (now, now))
            if since < begin:
                yield since, min(begin, now)
            since = max(since, end)

    def _awake(self, since: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """The times awake of so many days, from the day of `since` on."""
        first = since.astimezone(self.zone).date()
        for number in range(days):
            day = first + number * DAY
            if not self._is_quiet(day):
                yield self._day(day)

    def _is_quiet(self, day: date) -> bool:
        names = {WEEKDAYS[day.weekday()], f"{day:%m-%d}", day.isoformat()}
        return not self.quiet.isdisjoint(names)

    def _day(self, day: date) -> tuple[datetime, datetime]:
        wake = datetime.combine(day, self.wake, self.zone).astimezone(UTC)
        over = day + DAY if self.sleep <= self.wake else day
        sleep = datetime.combine(over, self.sleep, self.zone).astimezone(UTC)
        if self.wake == self.sleep:
            return wake, sleep
        room = min(JITTER, max(sleep - wake - SHORTEST, timedelta(0)) / 2)
        return wake + room * chance("wake", str(day)), sleep - room * chance("sleep", str(day))


ALWAYS = Hours()
