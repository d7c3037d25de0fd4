"""Steps of the queue, for tests: accept, claim, draft."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.limits import Pace
from bot.domain.mention import Part
from bot.storage import mentions, outbox, views
from support.factory import NO_PAUSE, NOW

LEASE = timedelta(seconds=30)
LATER = Pace(timedelta(0), timedelta(hours=1), timedelta(0), timedelta(0))


def accept(db, *these, due_at=NOW):
    with db.write() as tx:
        return [mentions.accept(tx, mention, now=NOW, due_at=due_at) for mention in these]


def claim_next(db, at=NOW, worker="w"):
    return mentions.claim(db, worker, now=at, lease=LEASE)


def state_of(db, uri):
    with db.read() as tx:
        return views.entry(tx, uri).state


def draft(db, claim, *texts, pace=NO_PAUSE, now=NOW):
    with db.write() as tx:
        return outbox.draft(
            tx, claim, [Part(number, text, ()) for number, text in enumerate(texts)], pace, now
        )
