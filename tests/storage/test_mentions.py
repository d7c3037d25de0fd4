"""The queue on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, NOW, mention
from support.queue import LEASE, accept, claim_next, draft, state_of

from bot.domain.limits import Pace
from bot.domain.mention import OUTCOMES, Part, State, StrongRef
from bot.domain.prompt import Usage
from bot.errors import FenceLost
from bot.storage import consent, mentions, outbox, outcomes, redaction, views


def test_a_mention_is_accepted_once(db):
    assert accept(db, mention(1)) == [True]
    assert accept(db, mention(1, text="edited")) == [False]

    with db.read() as tx:
        assert [entry.mention for entry in views.entries(tx)] == [mention(1)]


def test_nothing_is_claimed_before_it_is_due(db):
    accept(db, mention(1), due_at=NOW + timedelta(seconds=1))

    assert claim_next(db) is None
    with db.read() as tx:
        assert not mentions.is_due(tx, NOW)
        assert mentions.is_due(tx, NOW + timedelta(seconds=1))


def test_a_claim_takes_what_is_due_longest(db):
    accept(db, mention(1), due_at=NOW - timedelta(seconds=1))
    accept(db, mention(2, BEN), due_at=NOW - timedelta(seconds=2))

    assert claim_next(db).mention == mention(2, BEN)


def test_one_person_is_served_by_one_worker_at_a_time(db):
    accept(db, mention(1), mention(2), mention(3, BEN))

    dids = [
        claim.mention.did if claim else None for claim in (claim_next(db), claim_next(db), claim_next(db))
    ]

    assert dids == [ANA, BEN, None]


def test_a_claim_whose_lease_is_over_is_taken_over_and_its_worker_can_write_no_more(db):
    accept(db, mention(1))
    dead = claim_next(db)

    taken = claim_next(db, NOW + LEASE)

    assert (taken.mention, taken.fence, taken.attempts, taken.post_failures) == (dead.mention, 2, 2, 0)
    with pytest.raises(FenceLost), db.write() as tx:
        outcomes.finish(tx, dead, State.SILENT, None, NOW)
    assert state_of(db, taken.mention.uri) == State.THINKING


def test_a_renewed_lease_is_not_taken_over(db):
    accept(db, mention(1))
    claim = claim_next(db)
    with db.write() as tx:
        mentions.renew(tx, claim, NOW + 2 * LEASE)

    assert claim_next(db, NOW + LEASE) is None


@pytest.mark.parametrize("end", [State.SILENT, State.DECLINED])
def test_a_late_renewal_revives_no_mention_that_has_ended(db, end):
    accept(db, mention(1))
    claim = claim_next(db)
    with db.write() as tx:
        outcomes.finish(tx, claim, end, None, NOW)
    with pytest.raises(FenceLost), db.write() as tx:
        mentions.renew(tx, claim, NOW + 2 * LEASE)

    with db.read() as tx:
        assert (views.entry(tx, mention(1).uri).state, views.entry(tx, mention(1).uri).due_at) == (end, None)
    assert claim_next(db, NOW + timedelta(days=1)) is None


def test_a_mention_goes_from_waiting_to_answered(db):
    accept(db, mention(1))
    uri, seen = mention(1).uri, []
    thinking = claim_next(db)
    seen.append(state_of(db, uri))
    draft(db, thinking, "hi")
    seen.append(state_of(db, uri))
    posting = claim_next(db)
    seen.append(state_of(db, uri))
    with db.write() as tx:
        outbox.mark_posted(tx, posting, Part(0, "hi", (), "3l", "{}", StrongRef("at://me/x/3l", "cid")), NOW)
        outcomes.finish(tx, posting, State.ANSWERED, None, NOW)
    seen.append(state_of(db, uri))

    assert seen == [State.THINKING, State.DRAFTED, State.POSTING, State.ANSWERED]
    assert claim_next(db, NOW + timedelta(days=1)) is None
    with db.read() as tx:
        assert [part.ref.uri for part in outbox.parts(tx, uri)] == ["at://me/x/3l"]
        assert views.post(tx, "at://me/x/3l").did == ANA


def test_what_was_drafted_is_never_thought_of_again(db):
    accept(db, mention(1))
    draft(db, claim_next(db), "hi")

    dead = claim_next(db)
    again = claim_next(db, NOW + LEASE)

    assert [dead.state, again.state] == [State.POSTING, State.POSTING]


@pytest.mark.parametrize(("failed", "attempts"), [(True, 2), (False, 1)])
def test_a_postponed_mention_waits_and_counts_only_failed_attempts(db, failed, attempts):
    accept(db, mention(1))
    claim = claim_next(db)
    with db.write() as tx:
        mentions.postpone(tx, claim, NOW + LEASE, "later", failed=failed)

    assert claim_next(db) is None
    assert claim_next(db, NOW + LEASE).attempts == attempts


def test_replies_to_one_person_are_spaced(db):
    pace = Pace(timedelta(0), timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=2))
    accept(db, mention(1), mention(2), mention(3, BEN))

    times = [draft(db, claim_next(db), "hi", pace=pace) - NOW for _ in range(3)]

    assert [span.total_seconds() for span in times] == [5, 7, 20]  # people take turns


def test_stop_ends_what_is_open_and_takes_it_from_its_worker(db):
    accept(db, mention(1), mention(2), mention(3, BEN))
    claim = claim_next(db)
    with db.write() as tx:
        consent.stop(tx, ANA, NOW)

    with db.read() as tx:
        outcomes_by_uri = {entry.mention.uri: (entry.state, entry.why) for entry in views.entries(tx)}
    assert outcomes_by_uri == {
        mention(1).uri: (State.DECLINED, "stop"),
        mention(2).uri: (State.DECLINED, "stop"),
        mention(3, BEN).uri: (State.WAITING, None),
    }
    with pytest.raises(FenceLost):
        draft(db, claim, "too late")


@pytest.mark.parametrize(
    ("costs", "cost"), [((), 0), ((30, 12), 42), ((None,), None), ((None, 30), None), ((30, None), None)]
)
def test_what_a_mention_costs_adds_up_and_is_unknown_if_a_part_of_it_is(db, costs, cost):
    accept(db, mention())
    claim = claim_next(db)
    with db.write() as tx:
        for one in costs:
            mentions.add_usage(tx, claim, "model", Usage("m", 10, 5, one))
        assert views.entry(tx, mention().uri).cost == cost


def test_an_anonymized_mention_leaves_its_outcome_and_nothing_else(db):
    parent, root = (StrongRef(f"at://{ANA}/app.bsky.feed.post/{rkey}", "bafy-spy") for rkey in "pr")
    accept(db, mention(1, text="I am a spy", parent=parent, root=root, langs=("spy",)))
    draft(db, claim_next(db), "so you are a spy")
    with db.write() as tx:
        uris = mentions.uris_of(tx, ANA)
        outcomes.decline_all(tx, uris, "forgotten", NOW)
        redaction.anonymize(tx, uris, lambda uri: f"forgotten:{len(uri)}")

    with db.read() as tx:
        (entry,) = views.entries(tx)
        rows = [
            str(row) for table in ("mention", "outbox") for row in tx.execute(text(f"SELECT * FROM {table}"))
        ]
    assert (entry.state, entry.why) == (State.DECLINED, "forgotten")
    assert not [row for row in rows if "spy" in row or ANA in row]


@pytest.mark.slow
def test_many_workers_at_once_serve_every_mention_once_and_no_person_twice_at_a_time(db):
    people = [f"did:plc:p{number % 5}" for number in range(25)]
    accept(db, *(mention(number, did) for number, did in enumerate(people)))
    served, serving, clashes = Counter(), Counter(), []
    guard = threading.Lock()

    def work(name):
        for _ in range(1000):
            if len(served) == len(people):
                return
            claim = claim_next(db, worker=name)
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
