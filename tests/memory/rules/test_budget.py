from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, later, receipt

from memory.model import Passage
from memory.recollection import Item
from memory.rules.budget import POLICY, Tier, fit, spent, split, summary

TOTALS = st.integers(0, 12_000)
DEMANDS = st.fixed_dictionaries({tier: st.integers(0, 6_000) for tier in Tier})
WEIGHTS = sum(share.weight for share in POLICY.values())


# --- the split -----------------------------------------------------------------------------------


@given(TOTALS, DEMANDS)
def test_no_more_is_spent_than_there_is_and_none_gets_more_than_it_wants(total, demand):
    given_ = split(total, demand)
    assert sum(given_.values()) <= total
    assert all(0 <= given_[tier] <= demand[tier] for tier in Tier)


@given(TOTALS, st.integers(0, 50), DEMANDS)
def test_with_a_greater_total_no_tier_gets_less(total, more, demand):
    small, great = split(total, demand), split(total + more, demand)
    assert all(small[tier] <= great[tier] for tier in Tier)


@given(TOTALS, DEMANDS, st.sampled_from(Tier), st.integers(0, 500))
def test_who_wants_more_never_gets_less(total, demand, tier, more):
    wanting = demand | {tier: demand[tier] + more}
    assert split(total, demand)[tier] <= split(total, wanting)[tier] + WEIGHTS


@given(TOTALS, DEMANDS)
def test_a_share_that_is_not_needed_flows_on(total, demand):
    unspent = min(total, sum(demand.values())) - sum(split(total, demand).values())
    assert 0 <= unspent < WEIGHTS


@given(st.integers(1_300, 12_000), DEMANDS)
def test_a_tier_gets_its_floor_whatever_the_others_want(total, demand):
    given_ = split(total, demand)
    assert all(given_[tier] >= min(demand[tier], POLICY[tier].floor) for tier in Tier)


def test_the_ceilings_bind_until_everyone_has_what_it_may_have():
    demand = dict.fromkeys(Tier, 5_000)
    assert split(7_200, demand) == {tier: share.ceiling for tier, share in POLICY.items()}
    assert split(20_000, demand) == demand
    assert split(0, demand) == split(-5, demand) == dict.fromkeys(Tier, 0)


# --- items ---------------------------------------------------------------------------------------

ITEMS = st.lists(
    st.builds(Item, st.just("p1"), st.integers(0, 99).map(later), st.text("ab \n", max_size=60), st.just("at://x"))
)  # fmt: skip


@given(ITEMS, st.integers(0, 100))
def test_what_fits_is_shown_in_time_order_and_what_does_not_is_counted(items, budget):
    shown = fit(items, budget)
    assert spent(shown.items) <= budget
    assert len(shown.items) + shown.hidden == len(items)
    assert list(shown.items) == sorted(items[: len(shown.items)], key=lambda item: item.at)


@given(ITEMS, st.integers(0, 100), st.integers(0, 100))
def test_with_a_greater_budget_nothing_shown_is_lost(items, budget, more):
    small, great = fit(items, budget).items, fit(items, budget + more).items
    assert all(great.count(item) >= small.count(item) for item in small)


def said(number: int, text: str, thread: int = 1, kind: str = "said") -> Passage:
    uri = receipt(post=f"p{number}").uri
    return Passage(ALICE, kind, ALICE, text, thread, uri, later(number), number)


# --- the summary ---------------------------------------------------------------------------------


def test_the_summary_has_a_line_a_conversation_the_last_first():
    told = [said(1, "hello", 1), said(2, "hi!", 1, "answer"), said(3, "a book on jays?", 2)]
    assert [item.line for item in summary(told)] == [
        "p3 · 2026-03-01 · 1 post, beginning: a book on jays?",
        "p1 · 2026-03-01 · 2 posts, beginning: hello",
    ]


@given(st.lists(st.tuples(st.integers(1, 4), st.text("ab ", max_size=200)), max_size=12))
def test_every_passage_is_a_source_of_exactly_one_line_of_the_summary(told):
    passages = [said(number, text, thread) for number, (thread, text) in enumerate(told)]
    lines = summary(passages)
    assert sorted(each for line in lines for each in line.sources) == [one.id for one in passages]
    assert all(len(line.text) < 120 for line in lines)


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_passage_that_is_gone_is_gone_from_the_summary(gone: int):
    told = [said(number, f"word{number}", number) for number in range(3)]
    left = "".join(item.line for item in summary(told[:gone] + told[gone + 1 :]))
    assert f"word{gone}" not in left
