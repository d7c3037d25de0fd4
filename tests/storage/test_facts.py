"""What policy decides by: what SQL counts, of whom, and since when."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.factory import ANA, BEN, LIMITS, ME, NOW, Clock, mention
from support.queue import LATER, accept, claim_next, draft

from bot.domain.limits import Price
from bot.domain.mention import Part, State, StrongRef
from bot.domain.policy import EMPTY, Spent, Window
from bot.domain.prompt import Usage
from bot.domain.threadgate import Gate, gate_uri
from bot.storage import consent, facts, mentions, outbox, outcomes, redaction, spending
from bot.storage.facts import COUNTED_STATES
from bot.storage.journal import Journal
from bot.storage.spending import SpendKind
from bot.storage.tables import MentionRow, OutboxRow


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
            spending.reserve(tx, who, gather(tx, claim.mention), LIMITS, at, SpendKind.TURN)
            spending.settle(tx, who, Usage("m", 10, 5, None), Price(2, 4))
        with db.write() as tx:
            if number == 3:
                spending.release_reply(tx, who)
                outcomes.finish(tx, claim, State.SILENT, "noise", NOW)
            else:
                spending.settle_posts(tx, who, 2)
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


# --- one table over the windows: which rows each of them counts ------------------------------------

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
WINDOWS = {  # of a Spent, by the column that it sums: its field and its length
    "replies": {"hour": HOUR, "day": DAY},
    "calls": {"hour_calls": HOUR},
    "tokens_in": {"day_tokens": DAY},
    "tokens_out": {"day_tokens": DAY},
    "money": {"day_money": DAY},
    "points": {"hour_points": HOUR, "day_points": DAY},
}
MINE, ELSEWHERE = mention(1), mention(2)  # both by Ana, in threads of their own
BENS, CYDS = mention(3, BEN, root=MINE.ref), mention(4, "did:plc:cyd")
# Who spent, whether as a newcomer, how much, and how long after the beginning of the window (not before 0).
SPENT = (
    (MINE, True, 1, 4 * SECOND),
    (MINE, True, 10, 0 * SECOND),
    (ELSEWHERE, False, 100, 3 * SECOND),
    (BENS, False, 1_000, 2 * SECOND),
    (CYDS, True, 10_000, SECOND),
)


def spend(tx, journal, column, span):
    for which, newcomer, amount, after in SPENT:
        who = spending.attempt(journal, which)
        at = NOW - span + after
        spending._add(tx, who, at, SpendKind.TURN, newcomer=newcomer, **{column: amount})


def window(count, after, span):
    return Window(count, NOW - span + after)


@pytest.mark.parametrize(
    ("column", "span", "name"),
    [(column, span, name) for column, named in WINDOWS.items() for name, span in named.items()],
)
def test_each_window_counts_what_was_spent_within_its_time_by_those_whom_it_is_of(
    db, gather, column, span, name
):
    with db.write() as tx:
        spend(tx, gather.journal, column, span)
        found = gather(tx, MINE)

    assert getattr(found.person, name) == window(101, 3 * SECOND, span)
    assert getattr(found.newcomers, name) == window(10_001, SECOND, span)
    assert getattr(found.everyone, name) == window(11_101, SECOND, span)
    others = [each.name for each in fields(Spent) if each.name not in WINDOWS[column]]
    assert {getattr(found.everyone, each) for each in others} == {EMPTY}


def test_what_was_spent_hours_ago_counts_for_the_day_and_not_for_the_hour(db, gather):
    with db.write() as tx:
        for column in WINDOWS:
            spend(tx, gather.journal, column, 2 * HOUR)
        found = gather(tx, MINE).everyone

    hours = {each.name: getattr(found, each.name).count for each in fields(Spent)}
    whole = sum(amount for _, _, amount, _ in SPENT)
    assert hours == {"hour": 0, "hour_calls": 0, "hour_points": 0, "day": whole, "day_money": whole,
                     "day_tokens": 2 * whole, "day_points": whole}  # fmt: skip


@pytest.mark.parametrize("span", [LIMITS.partner_window, timedelta(minutes=30)])
def test_a_partner_is_one_person_in_one_thread_within_the_window_of_the_settings(db, gather, span):
    limits = replace(LIMITS, partner_window=span)
    with db.write() as tx:
        spend(tx, gather.journal, "replies", span)
        found = facts.gather(tx, MINE, spending.attempt(gather.journal, MINE), limits, NOW)

    assert found.partner == window(1, 4 * SECOND, span)


def test_the_posts_of_a_thread_count_for_a_day_whoever_asked_and_though_their_mentions_are_erased(db, gather):
    with db.write() as tx:
        spend(tx, gather.journal, "posts", DAY)
        found = gather(tx, MINE)

    assert found.thread == 1_001


@pytest.mark.parametrize("state", State)
def test_the_posts_of_a_thread_count_from_thinking_on_unless_none_will_come(db, gather, state):
    accept(db, MINE, BENS, CYDS)
    with db.write() as tx:
        for which, parts in ((MINE, 1), (BENS, 2), (CYDS, 4)):
            outbox.write_parts(tx, which.uri, [Part(index, "hi", ()) for index in range(parts)])
        tx.execute(update(MentionRow).values(state=state))
        found = gather(tx, MINE)

    assert found.thread == (3 if state in COUNTED_STATES else 0)
    assert set(COUNTED_STATES) == {State.THINKING, State.DRAFTED, State.POSTING, State.ANSWERED}


def test_the_posts_of_a_thread_count_though_nothing_names_it_any_more(db, gather):
    accept(db, MINE, BENS)
    with db.write() as tx:
        outbox.write_parts(tx, BENS.uri, [Part(0, "hi", ())])
        tx.execute(update(MentionRow).values(state=State.ANSWERED))
        redaction.hide_threads(tx, [BENS.uri], gather.journal.pseudonym)
        found = gather(tx, MINE)

    assert found.thread == 1


def test_a_mention_is_as_old_as_its_post_or_as_the_operators_last_retry(db, gather):
    old = mention(1, said_at=NOW - DAY)
    accept(db, old)
    with db.write() as tx:
        before = gather(tx, old).age
        tx.execute(update(MentionRow).values(retried_at=NOW - HOUR))
        after = gather(tx, old).age

    assert (before, after) == (DAY, HOUR)


QUICK = "an answer that takes anybody longer to write than this one took, surely, does it not"


@pytest.mark.parametrize(
    ("did", "ago", "to_the_bot", "automatic"),
    [
        (ANA, HOUR, True, True),
        (ANA, DAY - SECOND, True, True),
        (ANA, DAY + SECOND, True, False),
        (BEN, HOUR, True, False),
        (ANA, HOUR, False, False),
    ],
)
def test_a_program_is_known_by_its_own_answers_to_the_bot_within_a_day(
    db, gather, did, ago, to_the_bot, automatic
):
    with db.write() as tx:
        for number in range(4):
            bots = StrongRef(f"at://{ME}/app.bsky.feed.post/{number}", "bafy")
            answer = mention(number + 10, did, f"{QUICK}, number {number}", parent=bots)
            mentions.accept(tx, answer, now=NOW - ago, due_at=NOW)
            outbox.write_parts(tx, answer.uri, [Part(0, "hi", ())])
            posted = {"posted_at": NOW - ago - SECOND, "uri": bots.uri if to_the_bot else f"{bots.uri}x"}
            tx.execute(update(OutboxRow).where(OutboxRow.mention_uri == answer.uri).values(**posted))
        found = gather(tx, MINE)

    assert found.automatic is automatic


# --- one table over consent: whose wish holds for whom ---------------------------------------------


def set_gate(tx, of, shut):
    gate = Gate(frozenset() if shut else None)
    consent.set_gate(tx, gate_uri(of.uri), of.uri, gate, NOW, NOW)


WISHES = {
    "the asker's stop": (lambda tx: consent.stop(tx, BEN, NOW), {"stopped"}),
    "the first author's stop": (lambda tx: consent.stop(tx, ANA, NOW), set()),
    "the thread's stop": (lambda tx: consent.stop_thread(tx, MINE.uri, NOW), {"thread_stopped"}),
    "another thread's stop": (lambda tx: consent.stop_thread(tx, ELSEWHERE.uri, NOW), set()),
    "the asker's block": (lambda tx: block(tx, BEN), {"blocked"}),
    "the first author's block": (lambda tx: block(tx, ANA), {"blocked"}),
    "a stranger's block": (lambda tx: block(tx, "did:plc:zoe"), set()),
    "one whose name begins alike": (lambda tx: block(tx, f"{BEN}x"), set()),
    "the thread's gate, shut": (lambda tx: set_gate(tx, MINE, shut=True), {"gated"}),
    "the thread's gate, open": (lambda tx: set_gate(tx, MINE, shut=False), set()),
    "another thread's gate": (lambda tx: set_gate(tx, ELSEWHERE, shut=True), set()),
}


def block(tx, did):
    consent.block(tx, f"at://{did}/app.bsky.graph.block/3kabcdefghijk", NOW, NOW)


@pytest.mark.parametrize(("wish", "holds"), WISHES.values(), ids=WISHES)
def test_a_wish_holds_for_the_asker_and_for_the_thread_that_it_is_about(db, gather, wish, holds):
    with db.write() as tx:
        wish(tx)
        found = gather(tx, BENS)

    names = ("stopped", "thread_stopped", "blocked", "gated", "hidden", "automatic")
    assert {name for name in names if getattr(found, name)} == holds
