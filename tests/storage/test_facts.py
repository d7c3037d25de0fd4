from __future__ import annotations

from datetime import timedelta

import pytest
from support.factory import ANA, BEN, LIMITS, NOW, Clock, mention
from support.queue import LATER, accept, claim_next, draft

from bot.domain.limits import Price
from bot.domain.mention import State
from bot.domain.prompt import Usage
from bot.storage import consent, facts, mentions, outcomes, spending
from bot.storage.journal import Journal
from bot.storage.spending import SpendKind


@pytest.fixture
def gather(db, tmp_path):
    journal = Journal(tmp_path / "journal", Clock(), db)

    def run(tx, mention, now=NOW):
        return facts.gather(tx, mention, spending.attempt(journal, mention), LIMITS, now)

    run.journal = journal
    return run


def test_facts_count_what_was_reserved_and_calls_and_tokens_whatever_came_of_them(db, gather):
    for number in (1, 2, 3):
        accept(db, mention(number, root=mention(1).ref))
        claim = claim_next(db)
        with db.write() as tx:
            at, who = NOW + timedelta(minutes=number), spending.attempt(gather.journal, claim.mention, 1)
            mentions.admit(tx, claim, at)
            spending.reserve(tx, who, gather(tx, claim.mention), LIMITS, at, SpendKind.TURN)
            spending.settle(tx, who, Usage("m", 10, 5, None), Price(2, 4))
        with db.write() as tx:
            if number == 3:
                spending.release_reply(tx, who)
                outcomes.finish(tx, claim, State.SILENT, "noise", NOW)
            else:
                spending.settle_posts(tx, who, 2, 6)
        if number != 3:
            draft(db, claim, "one", "two", pace=LATER)

    with db.read() as tx:
        mine = gather(tx, mention(9, root=mention(1).ref), NOW + timedelta(minutes=10))
        elsewhere = gather(tx, mention(9), NOW + timedelta(minutes=10))
        other = gather(tx, mention(9, BEN), NOW + timedelta(minutes=10))
        later = gather(tx, mention(9), NOW + timedelta(minutes=61, seconds=30))
        next_day = gather(tx, mention(9), NOW + timedelta(days=1, minutes=4))

    first = NOW + timedelta(minutes=1)
    assert (mine.person.hour.count, mine.person.hour.oldest, mine.partner.count) == (2, first, 2)
    assert (mine.thread, mine.person.day_tokens.count, mine.person.hour_calls.count) == (4, 45, 3)
    assert (elsewhere.person.hour.count, elsewhere.partner.count, elsewhere.thread) == (2, 0, 0)
    assert (other.person.hour.count, other.person.day_tokens.count, other.thread) == (0, 0, 0)
    assert (other.partner.count, other.everyone.hour.count, other.everyone.hour_calls.count) == (0, 2, 3)
    assert (other.everyone.day_tokens.count, other.everyone.day_money.count) == (45, 3 * 40)
    assert (other.everyone.hour_points.count, other.newcomers) == (12, other.everyone)
    assert (later.person.hour.count, later.person.hour_calls.count, later.person.day.count) == (1, 2, 2)
    assert next_day.everyone == next_day.person == type(next_day.person)()


def test_who_had_an_answer_is_no_newcomer(db, gather):
    accept(db, mention(1), mention(2, BEN))
    with db.write() as tx:
        outcomes.finish(tx, claim_in(tx), State.ANSWERED, None, NOW)
        regular, newcomer = gather(tx, mention(3)), gather(tx, mention(4, BEN))

    assert (regular.newcomers is None, newcomer.newcomers is None) == (True, False)


def claim_in(tx):
    return mentions._claim(tx, "w", NOW, timedelta(seconds=30), None)


def test_start_lifts_a_stop(db, gather):
    with db.write() as tx:
        consent.stop(tx, ANA, NOW)
        stopped = gather(tx, mention(1)).stopped
        consent.start(tx, ANA)
        lifted = gather(tx, mention(1)).stopped

    assert (stopped, lifted) == (True, False)
