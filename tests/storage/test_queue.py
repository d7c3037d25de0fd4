"""People take turns, whoever has how much waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN, NOW, mention
from support.queue import LATER, LEASE, accept, claim_next, draft

from bot.domain.mention import State
from bot.storage import mentions, outbox, outcomes, queue, redaction
from bot.storage.tables import PersonQueueRow

REGULAR = "did:plc:regular"


def serve(db, state=State.SILENT, at=NOW):
    claim = claim_next(db, at)
    if claim is None:
        return None
    with db.write() as tx:
        outcomes.finish(tx, claim, state, None, at)
    return claim.mention.did


@pytest.fixture
def known(db):
    """A regular, who had an answer."""
    accept(db, mention(900, REGULAR))
    assert serve(db, State.ANSWERED) == REGULAR
    return db


def test_a_flood_of_one_person_takes_every_other_turn(known):
    accept(known, *(mention(number) for number in range(5)), mention(50, REGULAR), mention(51, REGULAR))

    assert [serve(known) for _ in range(8)] == [REGULAR, ANA, REGULAR, ANA, ANA, ANA, ANA, None]


def test_newcomers_share_a_lane_however_many_they_are(known):
    accept(known, *(mention(number, f"did:plc:fresh{number}") for number in range(6)))
    accept(known, mention(50, REGULAR), mention(51, REGULAR))

    served = [serve(known) for _ in range(8)]
    assert [did == REGULAR for did in served] == [True, False, True, False, False, False, False, False]
    assert len(set(served)) == 7


def test_newcomers_that_are_held_let_regulars_pass(known):
    accept(known, mention(1), mention(2, BEN), mention(50, REGULAR))
    with known.write() as tx:
        queue.hold(tx, NOW + timedelta(hours=1), queue.NEWCOMERS)

    assert [serve(known), serve(known)] == [REGULAR, None]
    assert [serve(known, at=NOW + timedelta(hours=1)) for _ in range(3)] == [ANA, BEN, None]


def test_who_is_held_waits_and_what_comes_later_is_looked_at(known):
    accept(known, mention(50, REGULAR))
    with known.write() as tx:
        queue.hold(tx, NOW + timedelta(hours=1), REGULAR)
    assert serve(known) is None
    accept(known, mention(51, REGULAR), due_at=NOW + timedelta(seconds=2))

    assert serve(known, at=NOW + timedelta(seconds=2)) == REGULAR


def test_nobody_stands_in_the_queue_of_whom_nothing_waits(db):
    accept(db, mention(1), mention(2))
    assert [serve(db), serve(db), serve(db)] == [ANA, ANA, None]
    accept(db, mention(3, BEN))
    with db.write() as tx:
        uris = mentions.uris_of(tx, BEN)
        outcomes.decline_all(tx, uris, "forgotten", NOW)
        redaction.anonymize(tx, uris, lambda uri: f"x{len(uri)}")
        left = tx.execute(select(PersonQueueRow.did)).scalars().all()

    assert left == [queue.NEWCOMERS]


def test_a_later_mention_puts_no_earlier_one_off(db):
    accept(db, mention(1))
    accept(db, mention(2), due_at=NOW + timedelta(hours=1))

    assert [serve(db), serve(db)] == [ANA, None]


def test_a_reply_that_is_ready_comes_before_a_thought_that_was_left(db):
    accept(db, mention(1), mention(2, BEN))
    left = claim_next(db)
    draft(db, claim_next(db), "hi", pace=LATER)
    at = NOW + timedelta(hours=1)

    assert [claim_next(db, at).mention, claim_next(db, at).mention] == [mention(2, BEN), left.mention]


def test_a_clock_that_was_ahead_for_a_minute_holds_nobody(known):
    ahead = NOW + timedelta(hours=1)
    accept(known, mention(1), mention(2, BEN), mention(3), mention(50, REGULAR), mention(51, REGULAR))

    assert {serve(known, at=ahead), serve(known, at=ahead)} == {REGULAR, ANA}
    assert {serve(known, at=NOW + timedelta(seconds=1)) for _ in range(3)} == {REGULAR, ANA, BEN}


def test_who_had_many_turns_still_takes_turns_after_the_clock_was_ahead(known):
    accept(known, *(mention(number, REGULAR) for number in range(9)))
    assert [serve(known, at=NOW + timedelta(hours=1)) for _ in range(5)] == [REGULAR] * 5
    other = "did:plc:other"
    accept(known, *(mention(20 + number, other) for number in range(4)))

    served = [serve(known, State.ANSWERED, NOW + timedelta(seconds=1)) for _ in range(8)]
    assert sorted(served[:4]) == sorted(served[4:]) == [other] * 2 + [REGULAR] * 2


def test_a_reply_to_somebody_who_is_served_holds_up_nobody_elses(db):
    accept(db, mention(1), mention(2), mention(3, BEN))
    with db.write() as tx:
        for seconds, each in ((3, mention(1)), (2, mention(2)), (1, mention(3, BEN))):
            outbox.draft_at_once(tx, each.uri, [], NOW - timedelta(seconds=seconds))

    served = [claim.mention if claim else None for claim in (claim_next(db), claim_next(db), claim_next(db))]
    assert served == [mention(1), mention(3, BEN), None]


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_a_reply_is_claimed_while_another_one_is_being_claimed(db):
    accept(db, mention(1), mention(2, BEN))
    for _ in range(2):
        draft(db, claim_next(db), "hi", pace=LATER)
    at = NOW + timedelta(hours=1)
    with ThreadPoolExecutor(1) as pool, db.write() as tx:
        first = mentions._claim(tx, "a", at, LEASE, None)
        second = pool.submit(claim_next, db, at).result(timeout=10)

    assert {first.mention.did, second.mention.did} == {ANA, BEN}


def test_somebody_who_is_served_holds_up_nobody_who_came_later(db):
    accept(db, mention(1), mention(2))
    assert claim_next(db).mention == mention(1)
    accept(db, mention(3, BEN), due_at=NOW + timedelta(seconds=1))

    at = NOW + timedelta(seconds=2)
    assert [claim_next(db, at).mention, claim_next(db, at)] == [mention(3, BEN), None]
