"""Values for tests, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.limits import Limits, Pace
from bot.domain.mention import Mention, Reason, StrongRef

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ANA, BEN, ME = "did:plc:ana", "did:plc:ben", "did:plc:scrubjay"
NO_PAUSE = Pace(timedelta(0), timedelta(0), timedelta(0), timedelta(0))
LIMITS = Limits(
    person_hour=10,
    person_day=30,
    person_day_tokens=60_000,
    thread_posts=8,
    partner_posts=3,
    partner_window=timedelta(minutes=10),
    hour=60,
    day=300,
    max_age=timedelta(hours=24),
)


def mention(number: int = 1, did: str = ANA, text: str = "hello", **others: object) -> Mention:
    """The `number`th mention by `did`, in a thread of its own unless `root` says otherwise."""
    rkey = "3l" + "".join("234567abcd"[int(digit)] for digit in f"{number:011d}")
    ref = StrongRef(f"at://{did}/app.bsky.feed.post/{rkey}", f"bafy{number}")
    fields = {"ref": ref, "root": ref, "did": did, "reason": Reason.MENTION, "text": text, "parent": None}
    return Mention(**{**fields, "said_at": NOW, **others})


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now
