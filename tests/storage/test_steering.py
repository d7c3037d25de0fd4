from __future__ import annotations

import pytest
from support.factory import BEN, NOW, mention
from support.queue import accept, claim_next, draft, state_of

from bot.domain.mention import State
from bot.errors import FenceLost, NotFound
from bot.storage import outcomes, steering


def test_a_failed_mention_can_be_retried_and_an_answered_one_cannot(db):
    accept(db, mention(1))
    failed = claim_next(db)
    with db.write() as tx:
        outcomes.finish(tx, failed, State.FAILED, "broken", NOW)
        steering.retry(tx, mention(1).uri, NOW)
    draft(db, claim_next(db), "hi")
    posting = claim_next(db)
    with db.write() as tx:
        outcomes.finish(tx, posting, State.ANSWERED, None, NOW)

    with pytest.raises(NotFound, match="answered"), db.write() as tx:
        steering.retry(tx, mention(1).uri, NOW)


def test_a_skipped_mention_is_declined_and_its_worker_loses_it(db):
    accept(db, mention(1))
    claim = claim_next(db)
    with db.write() as tx:
        steering.skip(tx, mention(1).uri, NOW, "operator")

    assert state_of(db, mention(1).uri) == State.DECLINED
    with pytest.raises(FenceLost):
        draft(db, claim, "too late")


def test_a_failure_can_be_cleared_and_an_answer_cannot(db):
    accept(db, mention(1), mention(2, BEN))
    for state in (State.FAILED, State.ANSWERED):
        claim = claim_next(db)
        with db.write() as tx:
            outcomes.finish(tx, claim, state, None, NOW)
    with db.write() as tx:
        steering.skip(tx, mention(1).uri, NOW, "operator")

    assert state_of(db, mention(1).uri) == State.DECLINED
    with pytest.raises(NotFound, match="answered"), db.write() as tx:
        steering.skip(tx, mention(2, BEN).uri, NOW, "operator")
