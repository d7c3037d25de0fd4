"""What stands above a mention, and what it shows: read post by post through the Network port.

All that one mention needs is read within one deadline and one number of bytes. What depends on nothing else
is read at the same time. What did not come in time is not shown: a stranger's server that is slow or down
must not hold up the answer.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from bot.domain import embeds
from bot.domain.budget import ReadBudget
from bot.domain.embeds import mapping
from bot.domain.prompt import ThreadPost
from bot.domain.uris import AtUri
from bot.errors import NetworkError
from bot.prompt.images import kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.domain.embeds import Media
    from bot.domain.mention import Mention, Post, Record
    from bot.domain.prompt import Prompt
    from bot.ports import Network

T = TypeVar("T")

PICTURE_BYTES = 2_000_000  # the lexicon's limit
SECONDS = 30.0  # for all that one mention needs; a host may take 20 of them
BYTES = 12_000_000  # four pictures of that size, and a hundred records and documents
PARALLEL = 6  # reads at a time


def new_budget() -> ReadBudget:
    """The budget for what one mention needs, from now on."""
    return ReadBudget(asyncio.get_running_loop().time() + SECONDS, BYTES)


@dataclass(frozen=True, slots=True)
class ThreadReader:
    """Reads for the turn of one mention. `asker`: the DID of its author. Raises no NetworkError."""

    network: Network
    asker: str
    budget: ReadBudget
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))

    async def read(
        self, mention: Mention, post: Post, limit: int
    ) -> tuple[tuple[ThreadPost, ...], ThreadPost]:
        """The posts above the mention, oldest first, at most `limit`; and the mention's own `post`."""
        async with asyncio.TaskGroup() as group:
            above = group.create_task(self._above(mention, limit))
            shown = group.create_task(self._shown(post))
        return above.result(), shown.result()

    async def with_pictures(self, prompt: Prompt) -> Prompt:
        """The prompt with the bytes of its pictures, whose type and size are then what they really are.

        One that is gone, too big, out of reach or of a kind that some provider refuses stays a description.
        """
        async with asyncio.TaskGroup() as group:
            reads = [(image, group.create_task(self._picture(image))) for image in prompt.images]
        images, pixels = [], {}
        for image, read in reads:
            data = read.result()
            if data is not None and (mime := kind(data)):
                images.append(replace(image, mime=mime, size=len(data)))
                pixels[image.cid] = data
        return replace(prompt, images=tuple(images), pixels=pixels)

    async def _above(self, mention: Mention, limit: int) -> tuple[ThreadPost, ...]:
        """Walk up from the mention's parent. The walk ends at what is gone or cannot be read."""
        shown: list[asyncio.Task[ThreadPost]] = []
        end: list[ThreadPost] = []
        uri = mention.parent.uri if mention.parent else None
        async with asyncio.TaskGroup() as group:
            while uri and len(shown) < limit:
                post = await self._post(uri)
                if isinstance(post, ThreadPost):
                    end = [post]
                    break
                quotes = not shown  # of posts further up only the texts
                shown.append(group.create_task(self._shown(post, quotes=quotes)))
                uri = _parent(post.record)
        return (*end, *(one.result() for one in reversed(shown)))

    async def _shown(self, post: Post, *, quotes: bool = True) -> ThreadPost:
        """The post as a brain is shown it; `quotes`: read what it quotes, too."""
        seen = embeds.read(post.did, post.record)
        async with asyncio.TaskGroup() as group:
            name = group.create_task(self._name(post.did))
            quoted = group.create_task(self._quoted(seen.quotes if quotes else None))
        return ThreadPost(
            author=name.result(),
            text=post.text,
            by_bot=post.did == self.network.did,
            by_asker=post.did == self.asker,
            uri=post.ref.uri,
            at=_created_at(post.record),
            embeds=seen,
            quoted=quoted.result(),
        )

    async def _quoted(self, uri: str | None) -> ThreadPost | None:
        post = await self._post(uri) if uri else None
        return None if post is None or isinstance(post, ThreadPost) else await self._shown(post, quotes=False)

    async def _post(self, uri: str) -> Post | ThreadPost:
        """The post; or what stands for one that is gone, or that could not be read."""
        try:
            post = await self._in_time(lambda: self.network.post(uri, self.budget))
        except (NetworkError, TimeoutError):
            return ThreadPost(author="", text=None, uri=uri, unread=True)
        return post or ThreadPost(author="", text=None, uri=uri)

    async def _name(self, did: str) -> str:
        if did == self.network.did:
            return self.network.handle
        with suppress(NetworkError, TimeoutError):
            profile = await self._in_time(lambda: self.network.profile(did, budget=self.budget))
            return profile.handle or did
        return did

    async def _picture(self, image: Media) -> bytes | None:
        with suppress(NetworkError, TimeoutError):
            place = image.did, image.cid, PICTURE_BYTES, self.budget
            return await self._in_time(lambda: self.network.blob(*place))
        return None

    async def _in_time(self, read: Callable[[], Awaitable[T]]) -> T:
        """Raises TimeoutError at the deadline."""
        async with asyncio.timeout_at(self.budget.deadline), self.slots:
            return await read()


def _parent(record: Record) -> str | None:
    uri = AtUri.parse(mapping(mapping(record.get("reply")).get("parent")).get("uri"))
    return str(uri) if uri else None


def _created_at(record: Record) -> datetime | None:
    """When its author says that it was written; None if that is no time with a zone."""
    try:
        claimed = datetime.fromisoformat(embeds.text(record.get("createdAt")))
        return claimed.astimezone(UTC) if claimed.tzinfo else None
    except (ValueError, OverflowError):
        return None
