"""Checks of what waits in the database: mentions and gaps."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from bot.doctor.check import Check
from bot.domain.mention import ACTIVE, OPEN, State
from bot.errors import AccountTrouble, BreakerOpen, TransientBrainError
from memory.db import Database

if TYPE_CHECKING:
    from bot.config.settings import Settings
    from bot.domain.mention import Entry

DAY = timedelta(days=1)
MAX_DELAY = timedelta(minutes=5)
MAX_ROWS = 1000
GAP_ADVICE = "scrubjay run, on a PDS with an AppView; `scrubjay gap list --open` tells more"


def check_mentions(settings: Settings, now: datetime | None = None) -> Check:
    """Look for mentions that failed today, that no worker holds any more, or that wait too long."""
    if not _has_database(settings):
        return Check("mentions", ok=True, detail="none yet")
    from bot.storage import pauses, views

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        lists = [views.entries(tx, state=state, limit=MAX_ROWS) for state in (*OPEN, State.FAILED)]
        pause = pauses.current(tx, now)
    db.close()
    entries = list(chain.from_iterable(lists))
    failed = sum(entry.state == State.FAILED and _ended_at(entry) > now - DAY for entry in entries)
    open_count = sum(entry.state in OPEN for entry in entries)
    overdue = sum(
        entry.state in ACTIVE and entry.due_at is not None and entry.due_at < now for entry in entries
    )
    delays = [now - entry.due_at for entry in entries if entry.state in OPEN and entry.due_at is not None]
    oldest = max([*delays, timedelta()])
    if pause:
        detail = f"{pause.told()}; {open_count} wait for its end, {failed} failed in a day"
        return Check("mentions", ok=True, detail=detail)
    if cause := _find_common_cause([entry for entry in entries if entry.state in OPEN]):
        return cause
    if not (failed or overdue or oldest > MAX_DELAY):
        held = sum(entry.is_held for entry in entries)
        waiting = f", {held} wait for `scrubjay post approve`" if held else ""
        wakes = settings.hours.next_open(now)
        asleep = f"; asleep until {wakes:%Y-%m-%d %H:%M}Z" if wakes > now else ""
        return Check("mentions", ok=True, detail=f"{open_count} open, none stuck{waiting}{asleep}")
    minutes = round(oldest.total_seconds() / 60)
    detail = f"{failed} failed in a day, {overdue} left by a worker, the oldest {minutes} min late"
    mend = "scrubjay mention list --state failed; scrubjay mention retry URI" if failed else "scrubjay run"
    return Check("mentions", ok=False, detail=detail, mend=mend)


def _find_common_cause(entries: list[Entry]) -> Check | None:
    """The account or the brain, if mentions wait for one of them: it concerns them all."""
    for subject, check, waits in (
        ("account", "login", _waits_for_account),
        ("brain", "brain", _waits_for_brain),
    ):
        whys = [entry.why for entry in entries if entry.why and waits(entry.why)]
        if whys:
            detail = f"{len(whys)} of {len(entries)} open ones wait for the {subject}: {whys[0]}"
            mend = f"see `{check}` below; they are tried again"
            return Check("mentions", ok=False, detail=detail, mend=mend)
    return None


def check_gaps(settings: Settings, now: datetime | None = None) -> Check:
    """Look for gaps that may hide mentions which can still be answered; older mentions would expire."""
    if not _has_database(settings):
        return Check("gaps", ok=True, detail="none yet")
    from bot.storage import gaps

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        still_open = gaps.latest(tx, limit=MAX_ROWS, still_open=True)
    db.close()
    soon = timedelta(seconds=3 * settings.reconcile_every)
    overdue = [gap for gap in still_open if soon < now - gap.at < settings.limits.max_age]
    if not overdue:
        return Check("gaps", ok=True, detail=f"{len(still_open)} open, none for long")
    last = overdue[0]
    detail = f"{len(overdue)} open, the last since {last.at:%Y-%m-%d %H:%M}Z ({last.host}: {last.why})"
    return Check("gaps", ok=False, detail=detail, mend=GAP_ADVICE)


def _has_database(settings: Settings) -> bool:
    with closing(Database(settings.database)) as db:
        return db.exists()


def _waits_for_account(why: str) -> bool:
    return why.startswith(str(AccountTrouble.__doc__).split("\n")[0])


def _waits_for_brain(why: str) -> bool:
    return why.startswith((str(TransientBrainError()).strip(), str(BreakerOpen()).strip()))


def _ended_at(entry: Entry) -> datetime:
    return entry.ended_at or entry.seen_at
