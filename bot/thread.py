"""What stands above a mention: its thread, read post by post through the Network port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import NetworkError
from bot.model import ThreadPost

if TYPE_CHECKING:
    from bot.model import Mention, Post
    from bot.ports import Network


async def above(network: Network, mention: Mention, limit: int) -> tuple[ThreadPost, ...]:
    """Return the posts above the mention, oldest first, at most `limit`.

    What cannot be read is shown as gone: a stranger's server that is down must not hold up the answer.
    """
    thread: list[ThreadPost] = []
    uri = mention.parent.uri if mention.parent else None
    while uri and len(thread) < limit:
        post = await _read(network, uri)
        if post is None:
            thread.append(ThreadPost(author="", text=None))
            break
        thread.append(
            ThreadPost(
                author=await _name(network, post.did),
                text=post.text,
                by_bot=post.did == network.did,
                by_asker=post.did == mention.did,
                uri=uri,
            )
        )
        uri = _parent(post.record)
    return tuple(reversed(thread))


async def _read(network: Network, uri: str) -> Post | None:
    try:
        return await network.post(uri)
    except NetworkError:
        return None


async def _name(network: Network, did: str) -> str:
    if did == network.did:
        return network.handle
    try:
        return (await network.profile(did)).handle or did
    except NetworkError:
        return did


def _parent(record: Any) -> str | None:
    reply = record.get("reply")
    parent = reply.get("parent") if isinstance(reply, dict) else None
    uri = parent.get("uri") if isinstance(parent, dict) else None
    return uri if isinstance(uri, str) else None
