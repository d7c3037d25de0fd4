"""The queue on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, LIMITS, NO_PAUSE, NOW, mention

from bot.domain.limits import Pace
from bot.domain.mention import OUTCOMES, Part, State, StrongRef
from bot.domain.prompt import Usage
from bot.errors import FenceLost, NotFound
from bot.storage import consent, cursors, facts, mentions, outbox, outcomes, steering, views

LEASE = timedelta(seconds=30)
LATER = Pace(timedelta(0), timedelta(hours=1), timedelta(0), timedelta(0))


def put_in(db, *those, due_at=NOW):
    with db.write() as tx:
        return [mentions.accept(tx, one, now=NOW, due_at=due_at) for one in those]


def take(db, at=NOW, worker="w"):
    return mentions.claim(db, worker, now=at, lease=LEASE)


def state_of(db, uri):
    with db.read() as tx:
        return views.entry(tx, uri).state


def draft(db, claim, *texts, pace=NO_PAUSE, now=NOW):
    with db.write() as tx:
        return outbox.draft(tx, claim, [Part(i, it, ()) for i, it in enumerate(texts)], pace, now)


def test_cursors_are_of_every_host_and_the_one_that_was_moved_last_is_first(db):
    with db.write() as tx:
        for minute, (host, seq) in enumerate([("a", 1), ("b", 900), ("c", 5), ("a", 2)]):
            cursors.move(tx, host, seq, NOW + timedelta(minutes=minute))
    with db.read() as tx:
        assert list(cursors.latest_first(tx).items()) == [("a", 2), ("c", 5), ("b", 900)]


def test_a_mention_is_accepted_once(db):
    assert put_in(db, mention(1)) == [True]
    assert put_in(db, mention(1, text="edited")) == [False]

    with db.read() as tx:
        assert [entry.mention for entry in views.entries(tx)] == [mention(1)]


def test_the_cursor_moves_in_the_transaction_that_accepts(db):
    with suppress(ZeroDivisionError), db.write() as tx:
        mentions.accept(tx, mention(1), now=NOW, due_at=NOW)
        cursors.move(tx, "host", 31_527_015_322, 1 / 0)

    with db.read() as tx:
        assert (cursors.get(tx, "host"), views.entries(tx)) == (None, ())


def test_cursors_are_kept_per_host(db):
    with db.write() as tx:
        cursors.move(tx, "a", 1, NOW)
        cursors.move(tx, "b", 31_527_015_322, NOW)
        cursors.move(tx, "a", 2, NOW)

    with db.read() as tx:
        assert (cursors.get(tx, "a"), cursors.get(tx, "b")) == (2, 31_527_015_322)


def test_nothing_is_claimed_before_it_is_due(db):
    put_in(db, mention(1), due_at=NOW + timedelta(seconds=1))

    assert take(db) is None
    with db.read() as tx:
        assert not mentions.is_due(tx, NOW)
        assert mentions.is_due(tx, NOW + timedelta(seconds=1))


def test_a_claim_takes_what_is_due_longest(db):
    put_in(db, mention(1), due_at=NOW - timedelta(seconds=1))
    put_in(db, mention(2, BEN), due_at=NOW - timedelta(seconds=2))

    assert take(db).mention == mention(2, BEN)


def test_one_person_is_served_by_one_worker_at_a_time(db):
    put_in(db, mention(1), mention(2), mention(3, BEN))

    dids = [claim.mention.did if claim else None for claim in (take(db), take(db), take(db))]

    assert dids == [ANA, BEN, None]


def test_a_claim_whose_lease_is_over_is_taken_over_and_its_worker_can_write_no_more(db):
    put_in(db, mention(1))
    dead = take(db)

    taken = take(db, NOW + LEASE)

    assert (taken.mention, taken.fence, taken.attempts, taken.abandoned) == (dead.mention, 2, 2, True)
    with pytest.raises(FenceLost), db.write() as tx:
        outcomes.finish(tx, dead, State.SILENT, None, NOW)
    assert state_of(db, taken.mention.uri) == State.THINKING


def test_a_renewed_lease_is_not_taken_over(db):
    put_in(db, mention(1))
    claim = take(db)
    with db.write() as tx:
        mentions.renew(tx, claim, NOW + 2 * LEASE)

    assert take(db, NOW + LEASE) is None


def test_a_mention_goes_from_waiting_to_answered(db):
    put_in(db, mention(1))
    uri, seen = mention(1).uri, []
    thinking = take(db)
    seen.append(state_of(db, uri))
    draft(db, thinking, "hi")
    seen.append(state_of(db, uri))
    posting = take(db)
    seen.append(state_of(db, uri))
    with db.write() as tx:
        outbox.mark_posted(tx, posting, Part(0, "hi", (), "3l", "{}", StrongRef("at://me/x/3l", "cid")), NOW)
        outcomes.finish(tx, posting, State.ANSWERED, None, NOW)
    seen.append(state_of(db, uri))

    assert seen == [State.THINKING, State.DRAFTED, State.POSTING, State.ANSWERED]
    assert take(db, NOW + timedelta(days=1)) is None
    with db.read() as tx:
        assert [part.ref.uri for part in outbox.parts(tx, uri)] == ["at://me/x/3l"]
        assert views.post(tx, "at://me/x/3l").did == ANA


def test_what_was_drafted_is_never_thought_of_again(db):
    put_in(db, mention(1))
    draft(db, take(db), "hi")

    dead = take(db)
    again = take(db, NOW + LEASE)

    assert [dead.state, again.state] == [State.POSTING, State.POSTING]


@pytest.mark.parametrize(("failed", "attempts"), [(True, 2), (False, 1)])
def test_a_postponed_mention_waits_and_counts_only_failed_attempts(db, failed, attempts):
    put_in(db, mention(1))
    claim = take(db)
    with db.write() as tx:
        mentions.postpone(tx, claim, NOW + LEASE, "later", failed=failed)

    assert take(db) is None
    assert take(db, NOW + LEASE).attempts == attempts


def test_replies_to_one_person_are_spaced(db):
    pace = Pace(timedelta(0), timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=2))
    put_in(db, mention(1), mention(2), mention(3, BEN))

    times = [draft(db, take(db), "hi", pace=pace) - NOW for _ in range(3)]

    assert [span.total_seconds() for span in times] == [5, 20, 7]


def test_stop_ends_what_is_open_and_takes_it_from_its_worker(db):
    put_in(db, mention(1), mention(2), mention(3, BEN))
    claim = take(db)
    with db.write() as tx:
        consent.stop(tx, ANA, NOW)

    with db.read() as tx:
        fates = {entry.mention.uri: (entry.state, entry.why) for entry in views.entries(tx)}
    assert fates == {
        mention(1).uri: (State.DECLINED, "stop"),
        mention(2).uri: (State.DECLINED, "stop"),
        mention(3, BEN).uri: (State.WAITING, None),
    }
    with pytest.raises(FenceLost):
        draft(db, claim, "too late")


def test_start_lifts_a_stop(db):
    with db.write() as tx:
        consent.stop(tx, ANA, NOW)
        stopped = facts.gather(tx, mention(1), LIMITS, NOW).stopped
        consent.start(tx, ANA)
        lifted = facts.gather(tx, mention(1), LIMITS, NOW).stopped

    assert (stopped, lifted) == (True, False)


def test_facts_count_what_was_admitted_and_not_what_came_to_nothing(db):
    for number in (1, 2, 3):
        put_in(db, mention(number, root=mention(1).ref))
        claim = take(db)
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


@pytest.mark.parametrize(
    ("costs", "cost"), [((), 0), ((30, 12), 42), ((None,), None), ((None, 30), None), ((30, None), None)]
)
def test_what_a_mention_costs_adds_up_and_is_unknown_if_a_part_of_it_is(db, costs, cost):
    put_in(db, mention())
    claim = take(db)
    with db.write() as tx:
        for one in costs:
            mentions.add_usage(tx, claim, "model", Usage("m", 10, 5, one))
        assert views.entry(tx, mention().uri).cost == cost


def test_a_scrubbed_mention_leaves_its_outcome_and_nothing_else(db):
    put_in(db, mention(1, text="I am a spy"))
    draft(db, take(db), "so you are a spy")
    with db.write() as tx:
        outcomes.anonymize(tx, mentions.uris_of(tx, ANA), lambda uri: f"forgotten:{len(uri)}", NOW)

    with db.read() as tx:
        (entry,) = views.entries(tx)
        rows = [
            str(row) for table in ("mention", "outbox") for row in tx.execute(text(f"SELECT * FROM {table}"))
        ]
    assert (entry.state, entry.why) == (State.DECLINED, "forgotten")
    assert not [row for row in rows if "spy" in row or ANA in row]


def test_a_failed_mention_can_be_retried_and_an_answered_one_cannot(db):
    put_in(db, mention(1))
    failed = take(db)
    with db.write() as tx:
        outcomes.finish(tx, failed, State.FAILED, "broken", NOW)
        steering.retry(tx, mention(1).uri, NOW)
    draft(db, take(db), "hi")
    posting = take(db)
    with db.write() as tx:
        outcomes.finish(tx, posting, State.ANSWERED, None, NOW)

    with pytest.raises(NotFound, match="answered"), db.write() as tx:
        steering.retry(tx, mention(1).uri, NOW)


def test_a_skipped_mention_is_declined_and_its_worker_loses_it(db):
    put_in(db, mention(1))
    claim = take(db)
    with db.write() as tx:
        steering.skip(tx, mention(1).uri, NOW, "operator")

    assert state_of(db, mention(1).uri) == State.DECLINED
    with pytest.raises(FenceLost):
        draft(db, claim, "too late")


def test_a_failure_can_be_cleared_and_an_answer_cannot(db):
    put_in(db, mention(1), mention(2, BEN))
    for state in (State.FAILED, State.ANSWERED):
        claim = take(db)
        with db.write() as tx:
            outcomes.finish(tx, claim, state, None, NOW)
    with db.write() as tx:
        steering.skip(tx, mention(1).uri, NOW, "operator")

    assert state_of(db, mention(1).uri) == State.DECLINED
    with pytest.raises(NotFound, match="answered"), db.write() as tx:
        steering.skip(tx, mention(2, BEN).uri, NOW, "operator")


def test_many_workers_at_once_serve_every_mention_once_and_no_person_twice_at_a_time(db):
    people = [f"did:plc:p{number % 5}" for number in range(25)]
    put_in(db, *(mention(number, did) for number, did in enumerate(people)))
    served, serving, clashes = Counter(), Counter(), []
    guard = threading.Lock()

    def work(name):
        for _ in range(1000):
            if len(served) == len(people):
                return
            claim = take(db, worker=name)
            if claim is None:
                continue
            did = claim.mention.did
            with guard:
                serving[did] += 1
                clashes.append(serving[did] > 1)
                served[claim.mention.uri] += 1
            with guard:
                serving[did] -= 1
            with db.write() as tx:
                outcomes.finish(tx, claim, State.SILENT, None, NOW)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(served), set(served.values()), any(clashes)) == (25, {1}, False)
    with db.read() as tx:
        assert {entry.state for entry in views.entries(tx)} <= set(OUTCOMES)
