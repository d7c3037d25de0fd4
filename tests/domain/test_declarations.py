"""What declarations hold for the bot: the scope nearest to it decides, and in doubt a no."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import declarations
from bot.domain.declarations import Declared, Reader

NSID = "community.lexicon.preference.ai"
ME = Reader("did:plc:scrubjay", "jay.example.org")
GLOBAL = {"$type": f"{NSID}#globalScope"}
POSTS = {"$type": f"{NSID}#collectionScope", "collection": "app.bsky.feed.post"}
LIKES = {"$type": f"{NSID}#collectionScope", "collection": "app.bsky.feed.like"}
US = {"$type": f"{NSID}#entityScope", "entity": ME.did}
THEM = {"$type": f"{NSID}#entityScope", "entity": "did:plc:other"}


UNDECLARED = Declared()


def resolve(records, reader):
    return declarations.resolve(declarations.read(record, reader) for record in records)


def declaration(scope=GLOBAL, **uses):
    preferences = {use: {"allow": allow, "updatedAt": "2026-11-22T12:00:00Z"} for use, allow in uses.items()}
    return {"$type": NSID, "scope": scope, "preferences": preferences, "updatedAt": "2026-11-22T12:00:00Z"}


def inference(*scoped):
    """What holds if these (scope, answer) are declared."""
    return resolve([declaration(scope, inference=allow) for scope, allow in scoped], ME).inference


@pytest.mark.parametrize(
    ("scoped", "expected"),
    [
        ([], None),
        ([(GLOBAL, False)], False),
        ([(GLOBAL, True)], True),
        ([(POSTS, False)], False),
        ([(LIKES, False)], None),
        ([(US, False)], False),
        ([(THEM, False)], None),
        ([(GLOBAL, False), (POSTS, True)], True),
        ([(GLOBAL, True), (POSTS, False)], False),
        ([(GLOBAL, False), (LIKES, True)], False),
        ([(GLOBAL, False), (US, True)], True),
        ([(GLOBAL, True), (US, False)], False),
        ([(POSTS, False), (US, True)], True),
        ([(POSTS, True), (US, False)], False),
        ([(GLOBAL, False), (POSTS, False), (US, True)], True),
        ([(GLOBAL, True), (THEM, False)], True),
        ([(GLOBAL, False), (THEM, True)], False),
        ([(GLOBAL, True), (GLOBAL, False)], False),
        ([(US, True), (US, False)], False),
    ],
)
def test_the_nearest_scope_that_says_something_decides(scoped, expected):
    assert inference(*scoped) == inference(*reversed(scoped)) == expected


def test_each_use_is_resolved_by_itself():
    records = [declaration(inference=False, embedding=True, training=False), declaration(US, embedding=False)]
    assert resolve(records, ME) == Declared(inference=False, embedding=False)
    assert resolve([declaration(training=False, syntheticContent=False)], ME) == UNDECLARED


@pytest.mark.parametrize(
    ("entity", "named"),
    [
        (ME.did, True),
        (" DID:PLC:SCRUBJAY ", True),
        ("jay.example.org", True),
        ("@Jay.Example.org", True),
        ("https://jay.example.org/", True),
        ("example.org", False),
        ("org", False),
        ("", False),
        ("did:plc:scrubjay2", False),
    ],
)
def test_the_bot_is_named_by_its_did_or_its_domain(entity, named):
    assert inference(({"$type": f"{NSID}#entityScope", "entity": entity}, False)) is (
        False if named else None
    )


def test_a_did_web_is_named_by_its_domain():
    reader = Reader("did:web:bot.example.org", "jay.test")
    assert resolve([declaration({"entity": "bot.example.org"}, inference=False)], reader).inference is False


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        (True, True), ("true", True), ("allow", True), (None, None), (False, False), ("false", False),
        ("True", False), (1, False), (0, False), ("", False), ("?", False), ([], False),
        ({"value": True}, False),
    ],
)  # fmt: skip
def test_only_a_plain_yes_is_a_yes_and_nothing_is_nothing(allow, expected):
    assert inference((GLOBAL, allow)) is expected


@pytest.mark.parametrize("scope", [None, {}, "global", {"$type": "#globalScope"}])
def test_a_record_without_a_scope_is_for_everybody(scope):
    assert (inference((scope, False)), inference((scope, True))) == (False, True)


@pytest.mark.parametrize(
    "scope",
    [{"$type": f"{NSID}#appScope"}, {"$type": f"{NSID}#entityScope"}, "somebody", 7, [], {"$type": 7}],
)
def test_of_a_scope_that_is_not_understood_only_a_no_counts(scope):
    assert (inference((scope, False)), inference((scope, True))) == (False, None)
    assert inference((scope, False), (US, True)) is True


@pytest.mark.parametrize(
    "odd",
    [None, 7, "x", [], {}, {"preferences": None}, {"preferences": []}, {"preferences": {"inference": None}},
     {"preferences": {"inference": {}}}, {"preferences": {"inference": {"updatedAt": "now"}}}],
)  # fmt: skip
def test_what_says_nothing_declares_nothing(odd):
    assert resolve([odd], ME) == UNDECLARED
    assert resolve([odd, declaration(inference=False)], ME).inference is False


def test_a_bare_answer_counts_too():
    assert resolve([{"scope": GLOBAL, "preferences": {"inference": False}}], ME).inference is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$type", "scope", "preferences", "inference", "embedding", "allow", "entity", "collection"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SCOPED = st.lists(st.tuples(st.sampled_from([GLOBAL, POSTS, US]), st.booleans()), max_size=6)


@given(st.lists(JSON, max_size=4))
def test_whatever_stands_there_it_is_read_in_any_order(records):
    assert resolve(records, ME) == resolve(list(reversed(records)), ME)


@given(st.lists(JSON, max_size=4), st.sampled_from([GLOBAL, POSTS, US]))
def test_odd_records_beside_it_never_lift_a_plain_no(records, scope):
    assert resolve([*records, declaration(scope, inference=False)], ME).inference is False


@given(SCOPED)
def test_a_no_is_only_lifted_by_a_nearer_yes(scoped):
    order = [GLOBAL, POSTS, US]
    told = [(order.index(scope), allow) for scope, allow in scoped]
    nearest = [allow for level, allow in told if level == max(level for level, _ in told)]
    assert inference(*scoped) is (all(nearest) if nearest else None)
