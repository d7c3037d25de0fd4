from __future__ import annotations

from datetime import timedelta

from support.factory import ANA, BEN, LIMITS, NOW, mention
from support.queue import LATER, accept, claim_next, draft

from bot.domain.mention import State
from bot.domain.prompt import Usage
from bot.storage import consent, facts, mentions, outcomes


def test_facts_count_what_was_admitted_and_not_what_came_to_nothing(db):
    for number in (1, 2, 3):
        accept(db, mention(number, root=mention(1).ref))
        claim = claim_next(db)
        with db.write() as tx:
            mentions.admit(tx, claim, NOW + timedelta(minutes=number))
            mentions.add_usage(tx, claim, "rules", Usage("m", 10, 5))
        if number == 3:
            with db.write() as tx:
                outcomes.finish(tx, claim, State.SILENT, "noise", NOW)
        else:
            draft(db, claim, "one", "two", pace=LATER)

    with db.read() as tx:
        mine = facts.gather(tx, mention(9, root=mention(1).ref), LIMITS, NOW + timedelta(minutes=10))
        other = facts.gather(tx, mention(9, BEN), LIMITS, NOW + timedelta(minutes=10))

    first = NOW + timedelta(minutes=1)
    assert (mine.person_hour.count, mine.person_hour.oldest, mine.partner.count) == (2, first, 2)
    assert (mine.thread, mine.person_tokens.count) == (4, 45)
    assert (other.person_hour.count, other.hour.count, other.thread) == (0, 2, 0)


def test_start_lifts_a_stop(db):
    with db.write() as tx:
        consent.stop(tx, ANA, NOW)
        stopped = facts.gather(tx, mention(1), LIMITS, NOW).stopped
        consent.start(tx, ANA)
        lifted = facts.gather(tx, mention(1), LIMITS, NOW).stopped

    assert (stopped, lifted) == (True, False)
