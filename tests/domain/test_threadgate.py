"""Threadgates, read as a stranger wrote them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.threadgate import GATE, MENTION_RULE, Gate, gate_uri, read

FOLLOWED, LISTED = f"{GATE}#followingRule", f"{GATE}#listRule"


def rules(*names):
    return {"allow": [{"$type": name} for name in names]}


@pytest.mark.parametrize(
    ("record", "mentioned", "opens"),
    [
        ({}, None, True),
        ({"allow": None}, None, True),
        (rules(), True, False),
        (rules(MENTION_RULE), True, True),
        (rules(MENTION_RULE), False, False),
        (rules(MENTION_RULE), None, None),
        (rules(FOLLOWED), True, None),
        (rules(FOLLOWED, MENTION_RULE), False, None),
        (rules(LISTED, MENTION_RULE), True, True),
        ({"allow": "nonsense"}, None, False),
        ({"allow": [7, {"$type": 8}]}, True, False),
        ("no record at all", None, True),
        ({"hiddenReplies": ["at://me/x/1"]}, None, False),
        ({"hiddenReplies": ["at://you/x/1", 7]}, None, True),
        ({"hiddenReplies": "nonsense"}, None, True),
    ],
)
def test_who_may_reply(record, mentioned, opens):
    assert read(record, "me").allows_reply(mentioned=mentioned, posts={"at://me/x/1"}) is opens


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["allow", "hiddenReplies", "$type"]), inner)
    ),
)


@given(junk)
def test_a_gate_is_read_from_anything_and_kept_as_it_was_read(record):
    gate = read(record, "me")
    assert Gate.from_json(gate.to_json()) == gate


def test_of_hidden_replies_only_the_bots_are_kept():
    hidden = [f"at://{did}/x/{number}" for did in ("me", "you", "me2", "m") for number in range(2)]
    assert read({"hiddenReplies": hidden}, "me") == Gate(None, frozenset({"at://me/x/0", "at://me/x/1"}))


def test_a_gate_stands_under_the_key_of_the_post():
    assert gate_uri("at://did:plc:a/app.bsky.feed.post/3k") == f"at://did:plc:a/{GATE}/3k"
