from __future__ import annotations

import pytest

from bot.domain.uris import AtUri

ALICE = "did:plc:alice"


def test_the_parts_of_an_at_uri_are_told():
    uri = "at://did:web:bob.test/app.bsky.feed.post/3kbobs"
    assert AtUri.parse(uri) == ("did:web:bob.test", "app.bsky.feed.post", "3kbobs")


@pytest.mark.parametrize(
    "uri",
    [
        None,
        7,
        "",
        "at://alice.test/app.bsky.feed.post/3k",
        f"at://{ALICE}",
        f"at://{ALICE}/app.bsky.feed.post",
        f"at://{ALICE}/app.bsky.feed.post/",
        f"at://{ALICE}/app.bsky.feed.post/..",
        f"at://{ALICE}/app.bsky.feed.post/a/b",
        f"at://{ALICE}/app.bsky.feed.post/a\n",
        f"at://{ALICE}/app.bsky.feed.post/a?b#c",
        f"at://{ALICE}/app.bsky.feed.post/" + "a" * 513,
        f"https://{ALICE}/app.bsky.feed.post/a",
    ],
)
def test_what_names_no_record_has_no_parts(uri):
    assert AtUri.parse(uri) is None
