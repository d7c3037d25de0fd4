"""What stands above a mention, and what it shows: read post by post through the Network port."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.domain import embeds
from bot.domain.embeds import as_mapping
from bot.domain.prompt import ThreadPost
from bot.errors import NetworkError
from bot.prompt.images import media_type

if TYPE_CHECKING:
    from bot.domain.mention import Mention, Post, Record
    from bot.domain.prompt import Prompt
    from bot.ports import Network

PICTURE_BYTES = 2_000_000  # the lexicon's limit


async def above(network: Network, mention: Mention, limit: int) -> tuple[ThreadPost, ...]:
    """Return the posts above the mention, oldest first, at most `limit`.

    What cannot be read is shown as gone: a stranger's server that is down must not hold up the answer.
    """
    thread: list[ThreadPost] = []
    uri = mention.parent.uri if mention.parent else None
    while uri and len(thread) < limit:
        post = await _read(network, uri)
        if post is None:
            thread.append(ThreadPost(author="", text=None, uri=uri))
            break
        whole = not thread  # of posts further up only the texts
        thread.append(await shown(network, post, mention.did, quotes=whole))
        uri = _parent(post.record)
    return tuple(reversed(thread))


async def shown(network: Network, post: Post, asker: str, *, quotes: bool = True) -> ThreadPost:
    """The post as a brain is shown it; `quotes`: read what it quotes, too."""
    seen = embeds.read(post.did, post.record)
    quoted = await _read(network, seen.quotes) if quotes and seen.quotes else None
    return ThreadPost(
        author=await _name(network, post.did),
        text=post.text,
        by_bot=post.did == network.did,
        by_asker=post.did == asker,
        uri=post.ref.uri,
        at=_created_at(post.record),
        embeds=seen,
        quoted=await shown(network, quoted, asker, quotes=False) if quoted else None,
    )


async def with_pictures(network: Network, prompt: Prompt) -> Prompt:
    """The prompt with the bytes of its pictures, whose type and size are then what they really are.

    One that is gone, too big, out of reach or of a kind that some provider refuses stays a description.
    """
    images, image_data = [], {}
    for image in prompt.images:
        with suppress(NetworkError):
            data = await network.blob(image.did, image.cid, PICTURE_BYTES)
            if data is not None and (mime := media_type(data)):
                images.append(replace(image, mime=mime, size=len(data)))
                image_data[image.cid] = data
    return replace(prompt, images=tuple(images), image_data=image_data)


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


def _parent(record: Record) -> str | None:
    uri = as_mapping(as_mapping(record.get("reply")).get("parent")).get("uri")
    return uri if isinstance(uri, str) else None


def _created_at(record: Record) -> datetime | None:
    """When its author says that it was written; None if that is no time with a zone."""
    try:
        claimed = datetime.fromisoformat(embeds.as_text(record.get("createdAt")))
        return claimed.astimezone(UTC) if claimed.tzinfo else None
    except (ValueError, OverflowError):
        return None
