"""Which record key a part of a reply has."""

from __future__ import annotations

from support.factory import ANA, ME

from bot.domain.reply import reserved_key


def test_a_key_that_something_else_occupies_is_skipped(harness):
    taken = reserved_key(ME, f"at://{ANA}/app.bsky.feed.post/3lbbbbbbbbbbb", 0)
    harness.network.write(ME, {"$type": "app.bsky.feed.post", "text": "of another kind"}, rkey=taken)
    ref = harness.say(ANA, "hi", rkey="3lbbbbbbbbbbb")
    harness.work()

    (reply,) = harness.replies(ref)
    assert reply.ref.uri.endswith(reserved_key(ME, ref.uri, 0, salt=1))
