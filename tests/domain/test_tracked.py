"""Who and what is tracked, however many there are."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import tracked
from bot.domain.tracked import Names, Tracked

KEYS = st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)
ME, ANA, BEN = "did:plc:me", "did:plc:ana", "did:plc:ben"
POST = f"at://{ANA}/app.bsky.feed.post/3k"


@pytest.fixture(params=[0, 100_000], ids=["many", "few"], autouse=True)
def size(request, monkeypatch):
    """With many names the sets are sorted arrays."""
    monkeypatch.setattr(tracked, "MOST_RECENT", request.param)


def test_the_bot_its_people_and_posts_are_tracked_and_nobody_else():
    known = Tracked(ME, [BEN], [POST])
    assert [known.has_person(did) for did in (ME, ANA, BEN)] == [True, False, True]
    assert [known.has_repo(did) for did in (ME, ANA, BEN, "did:plc:x")] == [True, True, True, False]
    assert [known.has_post(uri) for uri in (POST, f"{POST}2")] == [True, False]


def test_who_is_dropped_is_tracked_no_more_unless_a_post_of_theirs_is():
    known = Tracked(ME, [ANA, BEN], [POST])
    for did in (ANA, BEN, ME):
        known.drop_person(did)
    assert [known.has_person(did) for did in (ME, ANA, BEN)] == [True, False, False]
    assert [known.has_repo(did) for did in (ME, ANA, BEN)] == [True, True, False]
    known.drop_post(POST)
    assert not known.has_post(POST)
    known.add_people([BEN])
    known.add_posts([POST])
    assert (known.has_person(BEN), known.has_repo(BEN), known.has_post(POST)) == (True, True, True)


@pytest.mark.parametrize("most", [0, 2, 1000])
@given(st.lists(st.tuples(st.booleans(), st.lists(KEYS, max_size=5))))
def test_a_set_of_names_is_a_set(most, steps):
    names, wanted = Names(), set()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tracked, "MOST_RECENT", most)
        for add, keys in steps:
            if add:
                names.add_all(array("q", keys))
                wanted.update(keys)
            for key in () if add else keys:
                names.discard(key)
                wanted.discard(key)
            assert {key in names for key in keys} <= {add}
        assert {key for _, keys in steps for key in keys if key in names} == wanted
