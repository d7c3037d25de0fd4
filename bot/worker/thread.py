"""Reads the posts above a mention, what posts quote, and the pictures, through the Network port."""

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


async def read_above(network: Network, mention: Mention, limit: int) -> tuple[ThreadPost, ...]:
    """Return the posts above the mention, oldest first, at most `limit`.

    A post that cannot be read is shown as gone: a server that is down must not delay the reply.
    """
    thread: list[ThreadPost] = []
    uri = mention.parent.uri if mention.parent else None
    while uri and len(thread) < limit:
        post = await _read_post(network, uri)
        if post is None:
            thread.append(ThreadPost(author="", text=None, uri=uri))
            break
        is_parent = not thread  # of posts further up only the texts
        thread.append(await as_shown(network, post, mention.did, quotes=is_parent))
        uri = _parent_uri(post.record)
    return tuple(reversed(thread))


async def as_shown(network: Network, post: Post, asker: str, *, quotes: bool = True) -> ThreadPost:
    """Return the post as the prompt shows it; with `quotes`, the post that it quotes is read, too."""
    found = embeds.read(post.did, post.record)
    quoted = await _read_post(network, found.quotes) if quotes and found.quotes else None
    return ThreadPost(
        author=await _name_of(network, post.did),
        text=post.text,
        by_bot=post.did == network.did,
        by_asker=post.did == asker,
        uri=post.ref.uri,
        at=_created_at(post.record),
        embeds=found,
        quoted=await as_shown(network, quoted, asker, quotes=False) if quoted else None,
    )


async def fetch_images(network: Network, prompt: Prompt) -> Prompt:
    """Return the prompt with the bytes of its pictures, and with their type and size as the bytes have them.

    A picture that is gone, too big, out of reach or of a type that some provider refuses is left out: its
    description stays.
    """
    images, image_data = [], {}
    for image in prompt.images:
        with suppress(NetworkError):
            data = await network.blob(image.did, image.cid, PICTURE_BYTES)
            if data is not None and (mime := media_type(data)):
                images.append(replace(image, mime=mime, size=len(data)))
                image_data[image.cid] = data
    return replace(prompt, images=tuple(images), image_data=image_data)


async def _read_post(network: Network, uri: str) -> Post | None:
    try:
        return await network.post(uri)
    except NetworkError:
        return None


async def _name_of(network: Network, did: str) -> str:
    if did == network.did:
        return network.handle
    try:
        return (await network.profile(did)).handle or did
    except NetworkError:
        return did


def _parent_uri(record: Record) -> str | None:
    uri = as_mapping(as_mapping(record.get("reply")).get("parent")).get("uri")
    return uri if isinstance(uri, str) else None


def _created_at(record: Record) -> datetime | None:
    """Return when the post was written, as its author says; None if that is no time with a zone."""
    try:
        claimed = datetime.fromisoformat(embeds.as_text(record.get("createdAt")))
        return claimed.astimezone(UTC) if claimed.tzinfo else None
    except (ValueError, OverflowError):
        return None
