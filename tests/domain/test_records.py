"""What a stranger's record may have at most."""

import json
import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from support.factory import ANA, ME, NOW

from bot.domain import addressing, embeds, threadgate
from bot.domain.events import PostCreated
from bot.domain.mention import Mention, Post, StrongRef
from bot.domain.records import ALT_TEXT, CARD_TEXT, CARD_TITLE, CARD_URI, POST_TEXT, Size, cut, is_shallow

FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # one grapheme of 25 bytes
texts = st.text() | st.lists(
    st.sampled_from(["a", "é", "e\u0301", FAMILY, "🇧🇪", "한", "\r\n", "\ud800"])
).map("".join)


def size_of(text):
    return Size(len(text.encode(errors="surrogatepass")), len(regex.findall(r"\X", text)))


@pytest.mark.parametrize(
    ("text", "size", "left"),
    [
        ("", POST_TEXT, ""),
        ("a" * 300, POST_TEXT, "a" * 300),
        ("a" * 301, POST_TEXT, "a" * 300),
        (FAMILY * 120, POST_TEXT, FAMILY * 120),
        (FAMILY * 121, POST_TEXT, FAMILY * 119),  # the last whole one may go on behind the cut
        ("é" * 400, POST_TEXT, "é" * 300),
        ("abc", Size(2, 9), "a"),
        ("a\u0301\u0301\u0301b", Size(4, 9), ""),
        ("🇧🇪🇳🇱", Size(99, 1), "🇧🇪"),
    ],
)
def test_a_text_is_cut_at_a_whole_grapheme(text, size, left):
    assert cut(text, size) == left


@given(texts, st.integers(1, 40), st.integers(1, 12))
def test_a_cut_text_is_a_beginning_that_fits_and_what_fits_is_left_alone(text, most_bytes, most_graphemes):
    size = Size(most_bytes, most_graphemes)
    found = cut(text, size)
    measured = size_of(found)
    assert measured.bytes <= size.bytes
    assert measured.graphemes <= size.graphemes
    assert text.startswith(found)
    assert cut(found, size) == found
    whole = size_of(text)
    if whole.bytes <= size.bytes and whole.graphemes <= size.graphemes:
        assert found == text


@pytest.mark.parametrize(
    "text", ["a" * 1_900_000, "e" + "\u0301" * 950_000, FAMILY * 76_000, "\ud800" * 600_000]
)
def test_a_text_of_two_megabytes_is_cut_at_once(text):
    begun = time.monotonic()
    assert size_of(cut(text, POST_TEXT)).bytes <= POST_TEXT.bytes
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    ("value", "shallow"), [(1, True), ([], True), ([[]], True), ([[[]]], False), ({"a": [1]}, True)]
)
def test_nesting_is_counted_over_objects_and_lists(value, shallow):
    assert is_shallow(value, 2) is shallow


HUGE = "x" * 1_900_000


def huge(**fields):
    return {"$type": "app.bsky.feed.post", "text": HUGE, "createdAt": NOW.isoformat()} | fields


def test_a_posts_text_is_what_the_lexicon_allows():
    ref = StrongRef(f"at://{ANA}/app.bsky.feed.post/3kabcdefghijk", "bafyx")
    assert Post(ref, ANA, huge()).text == "x" * 300


def test_a_mentions_text_is_what_the_lexicon_allows():
    facet = {"features": [{"$type": addressing.MENTION, "did": ME}], "index": {"byteStart": 0, "byteEnd": 1}}
    ref = StrongRef(f"at://{ANA}/app.bsky.feed.post/3kabcdefghijk", "bafyx")
    event = PostCreated(1, ref, ANA, huge(text="y" * 2900, facets=[facet]), NOW)
    found = addressing.judge(event, ME, lambda _: None)
    assert isinstance(found, Mention)
    assert found.text == "y" * 300


@pytest.mark.parametrize(
    "embed",
    [
        {"$type": "app.bsky.embed.images", "images": [{"alt": HUGE, "image": {"ref": {"$link": "b"}}}] * 9},
        {"$type": "app.bsky.embed.images", "images": [{"image": {"ref": {"$link": "b"}, "mimeType": HUGE}}]},
        {"$type": "app.bsky.embed.images", "images": [{"alt": HUGE, "image": {"ref": {"$link": HUGE}}}]},
        {"$type": "app.bsky.embed.video", "alt": HUGE, "video": {"ref": {"$link": "b"}, "size": 10**400}},
        {"$type": "app.bsky.embed.external", "external": {"uri": HUGE, "title": HUGE, "description": HUGE}},
        {"$type": "app.bsky.embed.record", "record": {"uri": HUGE, "cid": HUGE}},
    ],
)  # fmt: skip
def test_what_a_post_shows_is_small_whatever_its_record_holds(embed):
    seen = embeds.read(ANA, huge(embed=embed))
    kept = json.dumps([[media.alt, media.cid, media.mime, media.size] for media in seen.media])
    assert len(kept) <= 4 * (ALT_TEXT.bytes + 500)
    if seen.card:
        assert (len(seen.card.title), len(seen.card.description)) == (
            CARD_TITLE.graphemes,
            CARD_TEXT.graphemes,
        )
        assert len(seen.card.uri) <= CARD_URI.graphemes
    assert len(seen.quotes or "") <= embeds.MAX_URI


def test_a_gate_keeps_what_the_lexicon_allows():
    reply = f"at://{ME}/app.bsky.feed.post/3kabcdefghijk"
    gate = threadgate.read(
        {
            "allow": [{"$type": HUGE}, {"$type": threadgate.MENTION_RULE}] * 500,
            "hiddenReplies": [reply, HUGE, f"at://{ME}/{HUGE}", 7] * 5000,
        },
        ME,
    )
    assert gate == threadgate.Gate(frozenset({threadgate.MENTION_RULE}), frozenset({reply}))
