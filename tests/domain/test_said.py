"""When a post was said: by its record key, else by createdAt, in doubt before the wish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factory import ANA, NOW

from bot.domain.reply import tid
from bot.domain.said import CLOCK_ERROR, FIRST, LATE, is_before, said_at, wished_at

possible = st.datetimes(
    FIRST.replace(tzinfo=None), (NOW + CLOCK_ERROR).replace(tzinfo=None), timezones=st.just(UTC)
)
anytime = st.datetimes(timezones=st.just(UTC))
fields = st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()), anytime.map(datetime.isoformat))
keys = st.one_of(st.text(max_size=20), st.sampled_from(["self", "2222222222222", "jzzzzzzzzzzzz"]))


def uri(rkey):
    return f"at://{ANA}/app.bsky.feed.post/{rkey}"


@given(possible, fields)
def test_the_time_of_the_record_key_counts_whatever_the_record_says(at, created_at):
    assert said_at(uri(tid(at)), created_at, NOW) == at


@given(keys, possible)
def test_without_such_a_key_the_record_is_believed(rkey, at):
    assert said_at(uri(rkey), at.isoformat(), NOW) == at


@given(st.one_of(keys, anytime.filter(lambda at: at.year > 2050).map(tid)), fields)
def test_no_time_is_found_that_cannot_be(rkey, created_at):
    found = said_at(uri(rkey), created_at, NOW)
    assert found is None or FIRST <= found <= NOW + CLOCK_ERROR


@given(possible, possible)
def test_the_wish_itself_and_what_was_said_earlier_is_before_it(said, wish):
    assert is_before(said, wish) is (said <= wish)


@given(possible)
def test_what_cannot_be_dated_was_said_before_any_wish(wish):
    assert is_before(None, wish)


@given(keys.map(uri) | possible.map(lambda at: uri(tid(at))), anytime)
def test_a_wish_is_never_later_than_now_nor_older_than_a_week(wish, heard_at):
    assert NOW - LATE <= wished_at(wish, heard_at, NOW) <= NOW


@pytest.mark.parametrize(
    ("rkey", "heard_ago", "ago"),
    [
        (tid(NOW - timedelta(hours=2)), 0, 7200),  # heard late
        (tid(NOW - timedelta(days=8)), 0, 0),
        ("self", 60, 60),
        ("self", -9000, 0),
    ],
)
def test_a_wish_has_the_time_at_which_it_was_said_and_in_doubt_now(rkey, heard_ago, ago):
    found = wished_at(uri(rkey), NOW - timedelta(seconds=heard_ago), NOW)
    assert found == NOW - timedelta(seconds=ago)
