"""A post is not shown in a quote that its author detached it from."""

from __future__ import annotations

import pytest

from bot.domain.postgate import POSTGATE, allows_quote, postgate_uri

POST = "at://did:plc:ben/app.bsky.feed.post/3kabcdefghijk"
QUOTE = "at://did:plc:ana/app.bsky.feed.post/3kabcdefghijk"


@pytest.mark.parametrize(
    ("record", "allowed"),
    [
        (None, True),
        ({}, True),
        ({"detachedEmbeddingUris": []}, True),
        ({"detachedEmbeddingUris": [POST, QUOTE]}, False),
        ({"detachedEmbeddingUris": [POST]}, True),
        ({"detachedEmbeddingUris": QUOTE}, True),
        ({"embeddingRules": [{"$type": f"{POSTGATE}#disableRule"}]}, False),
        ({"embeddingRules": [7, {"$type": f"{POSTGATE}#otherRule"}]}, True),
        (7, True),
    ],
)
def test_a_postgate_tells_where_its_post_may_be_shown(record, allowed):
    assert allows_quote(record, QUOTE) is allowed


def test_a_postgate_has_the_record_key_of_its_post():
    assert postgate_uri(POST) == f"at://did:plc:ben/{POSTGATE}/3kabcdefghijk"
