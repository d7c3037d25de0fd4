from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.embeds import Card, Embeds, Media, read

DID = "did:plc:ana"
BLOB = {"$type": "blob", "ref": {"$link": "bafycat"}, "mimeType": "image/jpeg", "size": 12}
QUOTED = {"uri": "at://did:plc:ben/app.bsky.feed.post/3l1", "cid": "bafyq"}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["did:plc:ben", "$link"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "$type",
                    "images",
                    "image",
                    "alt",
                    "ref",
                    "$link",
                    "record",
                    "media",
                    "external",
                    "uri",
                    "video",
                    "size",
                ]
            )
            | st.text(max_size=3),
            inner
            | st.sampled_from(
                [f"app.bsky.embed.{kind}" for kind in ("images", "video", "external", "record")]
            ),
            max_size=5,
        )
    ),
    max_leaves=20,
)


def embed(kind, **fields):
    return read(DID, {"embed": {"$type": f"app.bsky.embed.{kind}", **fields}})


def test_pictures_are_read_with_their_alt_texts():
    images = [{"alt": "a cat", "image": BLOB}, {"image": {**BLOB, "size": "huge"}}]
    assert embed("images", images=images).media == (
        Media(DID, "bafycat", "image/jpeg", "a cat", 12),
        Media(DID, "bafycat", "image/jpeg", "", None),
    )


def test_no_more_pictures_are_read_than_a_post_may_have():
    assert len(embed("images", images=[{"image": BLOB}] * 9).media) == 4


def test_a_video_is_no_picture():
    (video,) = embed("video", video={**BLOB, "mimeType": "video/mp4"}, alt="a cat runs").media
    assert (video.alt, video.is_image) == ("a cat runs", False)


def test_a_link_card_is_read():
    external = {"uri": "https://example.org", "title": "News", "description": "of cats"}
    assert embed("external", external=external) == Embeds(card=Card("News", "of cats", "https://example.org"))


def test_a_quote_is_read_with_or_without_pictures_beside_it():
    assert embed("record", record=QUOTED) == Embeds(quotes=QUOTED["uri"])
    both = embed(
        "recordWithMedia",
        record={"$type": "app.bsky.embed.record", "record": QUOTED},
        media={"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": BLOB}]},
    )
    assert (both.quotes, len(both.media)) == (QUOTED["uri"], 1)


@pytest.mark.parametrize("record", [None, [], "x", {}, {"embed": 7}, {"embed": {"$type": "x"}}])
def test_what_is_malformed_shows_nothing(record):
    assert read(DID, record) == Embeds()


@given(JSON)
def test_whatever_a_stranger_embeds_is_read_as_values_of_the_right_kinds(value):
    for record in ({"embed": value}, value):
        shown = read(DID, record)
        for media in shown.media:
            assert (type(media.cid), type(media.mime), type(media.alt)) == (str, str, str)
            assert media.did == DID
        if shown.card:
            assert {type(shown.card.title), type(shown.card.description), type(shown.card.uri)} == {str}
        assert shown.quotes is None or isinstance(shown.quotes, str)
