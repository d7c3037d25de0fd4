from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.addressing import judge, without_mentions
from bot.domain.events import PostCreated
from bot.domain.mention import Command, Ignored, Mention, Reason, StrongRef
from bot.domain.uris import AtUri

ME, ALICE, BOB = "did:plc:scrubjay", "did:plc:alice", "did:web:bob.test"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
REF = StrongRef(f"at://{ALICE}/app.bsky.feed.post/3kabc", "bafyalice")
MINE = {"uri": f"at://{ME}/app.bsky.feed.post/3kmine", "cid": "bafymine"}
BOBS = {"uri": f"at://{BOB}/app.bsky.feed.post/3kbobs", "cid": "bafybobs"}
ABSENT = object()


def parse(text: str) -> Command | None:
    return {"stop": Command.STOP}.get(text)


def judged(record: object, did: str = ALICE, uri: str = REF.uri) -> Mention | Ignored:
    return judge(PostCreated(1, StrongRef(uri, REF.cid), did, record, AT), ME, parse)


def post(text: object = "hello", **fields: object) -> dict[str, object]:
    return {"$type": "app.bsky.feed.post", "text": text, **fields}


def facet(start: object, end: object, did: object = ME) -> dict[str, object]:
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": did}
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}


def quote(ref: object) -> dict[str, object]:
    return {"$type": "app.bsky.embed.record", "record": ref}


# --- who is meant --------------------------------------------------------------------------------


def test_a_facet_with_the_bots_did_is_a_mention():
    assert judged(post("@jay.test hello", facets=[facet(0, 9)], langs=["en", "pt-BR"])) == Mention(
        REF, ALICE, Reason.MENTION, "hello", root=REF, parent=None, said_at=AT, langs=("en", "pt-BR")
    )


def test_a_reply_to_the_bots_post_is_a_mention():
    found = judged(post(reply={"parent": MINE, "root": BOBS}))
    assert (found.reason, found.parent, found.root) == (Reason.REPLY, StrongRef(**MINE), StrongRef(**BOBS))


def test_a_quote_of_the_bots_post_is_a_mention_with_and_without_media():
    with_media = {"$type": "app.bsky.embed.recordWithMedia", "record": quote(MINE), "media": {}}
    for embed in (quote(MINE), with_media):
        found = judged(post(embed=embed))
        assert (found.reason, found.root, found.parent) == (Reason.QUOTE, REF, None)


@pytest.mark.parametrize(
    "record",
    [
        post("@jay.test hello"),
        post(facets=[facet(0, 5, BOB)]),
        post(facets=[{"features": [{"$type": "app.bsky.richtext.facet#link", "did": ME}]}]),
        post(reply={"parent": BOBS, "root": MINE}),
        post(embed=quote(BOBS)),
        post(embed={"$type": "app.bsky.embed.external", "record": MINE}),
        post(ME),
    ],
)
def test_others_talk_is_not_for_the_bot(record):
    assert judged(record) == Ignored("not addressed")


def test_the_bot_does_not_listen_to_itself():
    own = judged(post(facets=[facet(0, 1)]), ME, MINE["uri"])
    assert own == Ignored("own post")


def test_a_mention_within_a_thread_keeps_its_parent_and_root():
    found = judged(post(facets=[facet(0, 1)], reply={"parent": BOBS, "root": MINE}))
    assert (found.parent, found.root) == (StrongRef(**BOBS), StrongRef(**MINE))


# --- malformed posts -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", [ABSENT, None, 7, ["hello"], {"text": "hello"}, b"hello"])
def test_a_post_without_a_text_is_ignored(text):
    record = post(text, facets=[facet(0, 1)])
    if text is ABSENT:
        del record["text"]
    assert judged(record) == Ignored("no text")


def test_a_text_beyond_the_lexicons_bytes_is_ignored_and_beyond_its_graphemes_cut():
    assert judged(post("é" * 1501, facets=[facet(0, 1)])) == Ignored("text too long")
    assert judged(post("é" * 1500, facets=[facet(0, 1)])).text == "é" * 300


def test_an_empty_text_may_still_speak_to_the_bot():
    assert judged(post("", facets=[facet(0, 0)])).text == ""


@pytest.mark.parametrize(
    ("record", "uri"),
    [
        (None, REF.uri),
        ([], REF.uri),
        ("post", REF.uri),
        ({"$type": "app.bsky.feed.like", "text": "x", "facets": [facet(0, 1)]}, REF.uri),
        (post(facets=[facet(0, 1)]), f"at://{ALICE}/app.bsky.feed.like/3kabc"),
        (post(facets=[facet(0, 1)]), f"at://{BOB}/app.bsky.feed.post/3kabc"),
        (post(facets=[facet(0, 1)]), "nonsense"),
    ],
)
def test_what_is_no_post_of_its_author_is_malformed(record, uri):
    assert judged(record, uri=uri) == Ignored("malformed")


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "x",
        {},
        {"parent": MINE["uri"]},
        {"parent": {"uri": MINE["uri"]}},
        {"parent": {"uri": MINE["uri"], "cid": None}},
        {"parent": {"uri": MINE["uri"], "cid": "not a cid"}},
        {"parent": {"uri": f"at://{ME}/app.bsky.feed.like/3k", "cid": "bafy"}},
        {"parent": {"uri": MINE["uri"] + "\n", "cid": "bafy"}},
        {"parent": [MINE]},
    ],
)
def test_an_unsound_reply_is_as_good_as_none(reply):
    assert judged(post(reply=reply)) == Ignored("not addressed")
    found = judged(post(reply=reply, facets=[facet(0, 1)]))
    assert (found.reason, found.root, found.parent) == (Reason.MENTION, REF, None)


@pytest.mark.parametrize("root", [None, {}, {"uri": "at://x", "cid": "y"}, {"uri": BOBS["uri"]}])
def test_without_a_sound_root_the_parent_is_the_root(root):
    assert judged(post(reply={"parent": MINE, "root": root})).root == StrongRef(**MINE)


@pytest.mark.parametrize(
    "facets",
    [None, "x", 7, {}, [None], [[]], [{"features": None}], [{"features": {"did": ME}}], [{"features": [ME]}]],
)
def test_unsound_facets_mention_nobody(facets):
    assert judged(post(facets=facets)) == Ignored("not addressed")


def test_a_sound_facet_among_unsound_ones_counts():
    assert judged(post(facets=[None, {"features": [7]}, facet(None, "x")])).reason is Reason.MENTION


def test_only_valid_languages_are_kept_three_at_most():
    langs = [None, "en", 7, "x" * 99, "en", "e n", "zh-Hant-TW", "pt", "de"]
    assert judged(post(facets=[facet(0, 1)], langs=langs)).langs == ("en", "zh-Hant-TW", "pt")
    assert judged(post(facets=[facet(0, 1)], langs="en")).langs == ()


# --- the text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "facets", "left"),
    [
        ("@jay.test stop", [facet(0, 9)], "stop"),
        ("@jay.test stop", [facet(0, 10)], "stop"),
        ("stop @jay.test", [facet(5, 14)], "stop"),
        ("👋🏽 é @jay.test stop", [facet(12, 21)], "👋🏽 é  stop"),
        ("@jay.test @jay.test stop", [facet(0, 9), facet(10, 19)], "stop"),
        ("@jay.test @bob.test hi", [facet(0, 9), facet(10, 19, BOB)], "@bob.test hi"),
        ("@jay.test stop", [facet(0, 900)], "@jay.test stop"),
        ("@jay.test stop", [facet(-9, 9)], "@jay.test stop"),
        ("@jay.test stop", [facet(9, 0)], "@jay.test stop"),
        ("@jay.test stop", [facet(True, 9)], "@jay.test stop"),
        ("@jay.test stop", [facet(0, 14)], "@jay.test stop"),
        ("please stop", [facet(0, 6)], "please stop"),
        ("é@jay", [facet(1, 6)], "é@jay"),
        ("cafe\u0301\0 ", None, "café"),
    ],
)
def test_the_bots_own_mention_is_cut_out_where_it_is_sound(text, facets, left):
    assert without_mentions(text, facets, ME) == left


def test_a_command_is_parsed_from_the_text_without_the_mention():
    assert judged(post("@jay.test stop", facets=[facet(0, 9)])).command is Command.STOP
    assert judged(post("stop", reply={"parent": MINE})).command is Command.STOP
    assert judged(post("please stop by", reply={"parent": MINE})).command is None


# --- anything at all -----------------------------------------------------------------------------

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.sampled_from([ME, ALICE, MINE["uri"], BOBS["uri"], "bafy", "app.bsky.embed.record", "\ud800\0"]),
    st.sampled_from(["app.bsky.richtext.facet#mention", "app.bsky.embed.recordWithMedia", "@jay.test"]),
)
KEYS = ["$type", "text", "facets", "features", "index", "byteStart", "byteEnd", "did", "reply", "parent"]
keys = st.sampled_from([*KEYS, "root", "uri", "cid", "embed", "record", "langs"])
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
refs = st.fixed_dictionaries({}, optional={"uri": leaves, "cid": leaves}) | st.sampled_from([MINE, BOBS])
nearly_posts = st.fixed_dictionaries(
    {"text": st.text(st.characters()) | leaves},
    optional={
        "facets": st.lists(
            st.builds(facet, leaves | st.integers(0, 20), leaves | st.integers(0, 20)) | anything
        ),
        "reply": st.fixed_dictionaries({}, optional={"parent": refs, "root": refs}) | anything,
        "embed": st.builds(quote, refs) | anything,
        "langs": st.lists(leaves) | anything,
    },
)


@given(anything | nearly_posts)
def test_whatever_a_stranger_wrote_it_is_judged_and_what_passes_is_sound(record):
    found = judged(record)
    if isinstance(found, Ignored):
        assert found.reason in {"malformed", "no text", "text too long", "not addressed"}
        return
    assert found.text == found.text.strip()
    assert "\0" not in found.text
    found.text.encode()
    for ref in (found.root, found.parent or found.root):
        assert AtUri.parse(ref.uri).collection == "app.bsky.feed.post"
    assert len(found.langs) <= 3


@given(nearly_posts)
def test_a_post_that_names_the_bot_nowhere_is_never_for_it(record):
    if ME not in repr(record):
        assert isinstance(judged(record), Ignored)
