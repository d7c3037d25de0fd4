"""Times to post, when two workers look for one at the same moment."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from support.factory import BEN, NOW, mention
from support.queue import accept, claim_next, draft
from support.races import at_once, meet_after

from bot.domain import pacing
from bot.domain.limits import Pace
from bot.domain.mention import State
from bot.storage import outbox, outcomes

PACE = Pace(timedelta(0), timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=2))


@pytest.mark.slow
def test_two_drafts_at_once_do_not_take_the_same_time_to_post(db, monkeypatch):
    accept(db, mention(1), mention(2, BEN))
    claims = claim_next(db), claim_next(db)
    meet_after(monkeypatch, pacing, "post_at")
    first, second = sorted(at_once(*(partial(draft, db, claim, "hi", pace=PACE) for claim in claims)))

    assert (first, second - first) == (NOW + PACE.post_delay, PACE.spacing)


def test_a_reply_keeps_its_distance_from_one_that_stands(db):
    accept(db, mention(1), mention(2, BEN))
    first = draft(db, claim_next(db), "hi", pace=PACE)
    posting = claim_next(db, first)
    with db.write() as tx:
        outcomes.finish(tx, posting, State.ANSWERED, None, first)

    assert draft(db, claim_next(db, first), "hi", pace=PACE) - first == PACE.spacing


def test_a_reply_that_missed_its_time_does_not_wait_for_itself(db):
    accept(db, mention(1))
    late = draft(db, claim_next(db), "hi", pace=PACE) + timedelta(seconds=2)
    claim = claim_next(db, late)
    with db.write() as tx:
        assert outbox.reschedule(tx, claim, PACE, late) == late


@pytest.mark.slow
def test_two_that_missed_their_time_do_not_take_the_same_one_anew(db, monkeypatch):
    accept(db, mention(1), mention(2, BEN))
    for _ in range(2):
        draft(db, claim_next(db), "hi", pace=PACE)
    late = NOW + timedelta(hours=1)
    claims = claim_next(db, late), claim_next(db, late)

    def reschedule(claim):
        with db.write() as tx:
            return outbox.reschedule(tx, claim, PACE, late)

    meet_after(monkeypatch, pacing, "post_at")
    first, second = sorted(at_once(*(partial(reschedule, claim) for claim in claims)))

    assert (first, second - first) == (late, PACE.spacing)
