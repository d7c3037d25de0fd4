"""What things cost."""

from __future__ import annotations

import pytest

from bot.domain.limits import Price
from bot.domain.prompt import Usage

DEAR = Price(tokens_in=3, tokens_out=15)


def test_what_is_read_and_what_is_written_have_their_prices():
    assert DEAR.of(100, 20) == 600


def test_a_part_of_a_millionth_of_a_dollar_counts_as_one():
    assert Price(0.1, 0.1).of(1, 0) == 1


@pytest.mark.parametrize(("told", "cost"), [(None, 600), (0, 0), (250, 250)])
def test_what_the_provider_says_that_it_cost_is_believed_before_the_price(told, cost):
    assert DEAR.complete(Usage("m", 100, 20, told)) == cost
