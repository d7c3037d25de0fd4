"""The lists of the posts that answers were made of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.factory import ANA, BEN, NOW
from support.harness import Harness

from bot.storage import sources
from bot.storage.sources import UNKNOWN

ONE, TWO = (f"at://{did}/app.bsky.feed.post/1" for did in (ANA, BEN))
ANSWERED = f"at://{ANA}/app.bsky.feed.post/2"


@pytest.fixture
def tx(db):
    with db.write() as tx:
        yield tx


def test_a_mention_is_found_by_each_post_of_its_list(tx):
    sources.add(tx, ANSWERED, [ONE, TWO], NOW)
    assert [sources.shown(tx, [uri]) for uri in (ONE, TWO, ANSWERED)] == [{ANSWERED}, {ANSWERED}, set()]


def test_a_list_that_is_told_twice_has_the_later_time(tx):
    later = NOW + timedelta(hours=1)
    sources.add(tx, ANSWERED, [ONE], NOW)
    sources.add(tx, ANSWERED, [ONE, TWO], later)
    assert sorted(sources.with_times(tx)) == sorted([(ONE, later), (TWO, later)])


def test_what_nobody_knows_is_no_post(tx):
    sources.add(tx, ANSWERED, [UNKNOWN], NOW)
    assert (list(sources.all_uris(tx)), list(sources.with_times(tx))) == ([], [])
    assert sources.shown(tx, [UNKNOWN]) == {ANSWERED}


def test_the_posts_of_one_person_are_found(tx):
    sources.add(tx, ANSWERED, [ONE, TWO], NOW)
    assert sources.by_author(tx, BEN) == [TWO]


def test_of_an_erased_person_neither_lists_nor_posts_are_left(tx):
    sources.add(tx, ANSWERED, [ONE, TWO], NOW)
    sources.add(tx, TWO, [ONE, TWO], NOW)
    sources.erase(tx, ANA)
    assert (sources.shown(tx, [ONE]), sources.shown(tx, [TWO])) == (set(), {TWO})


def test_dropping_a_list_leaves_those_of_other_mentions(tx):
    sources.add(tx, ANSWERED, [ONE], NOW)
    sources.add(tx, TWO, [ONE], NOW)
    sources.drop_lists(tx, [ANSWERED])
    assert sources.shown(tx, [ONE]) == {TWO}


def test_a_list_stays_while_its_mention_has_texts(db, tmp_path):
    harness = Harness(db, tmp_path)
    ref = harness.say(ANA, "hi")
    with db.write() as tx:
        sources.add(tx, ref.uri, [ONE], NOW)
        sources.add(tx, ANSWERED, [TWO], NOW)
        sources.expire(tx, NOW + timedelta(days=1))
        assert list(sources.all_uris(tx)) == [ONE]
