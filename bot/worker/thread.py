"""Reads the posts above a mention, what posts quote, and the pictures, through the Network port.

All that one mention needs is read within one deadline and one number of bytes. What depends on nothing else
is read at the same time. What did not come in time is not shown: a stranger's server that is slow or down
must not hold up the answer.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from bot.domain import embeds
from bot.domain.budget import ReadBudget
from bot.domain.embeds import as_mapping
from bot.domain.prompt import ThreadPost
from bot.domain.uris import AtUri
from bot.errors import NetworkError
from bot.prompt.images import media_type

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from bot.domain.embeds import Media
    from bot.domain.mention import Mention, Post, Record
    from bot.domain.prompt import Prompt
    from bot.ports import Network

T = TypeVar("T")

PICTURE_BYTES = 2_000_000  # the lexicon's limit
SECONDS = 30.0  # for all that one mention needs; a host may take 20 of them
BYTES = 12_000_000  # four pictures of that size, and a hundred records and documents
WITHHELD = ThreadPost(author="", text=None, unread=True)  # what stands for a post that is not to be shown
PARALLEL = 6  # reads at a time


def new_budget() -> ReadBudget:
    """The budget for what one mention needs, from now on."""
    return ReadBudget(asyncio.get_running_loop().time() + SECONDS, BYTES)


@dataclass(frozen=True, slots=True)
class ThreadReader:
    """Reads for the turn of one mention. `asker`: the DID of its author. Raises no NetworkError.

    A post of which `is_erased` is true is shown like one that is gone. Of a person (a DID) who `is_hidden`,
    and of a post that `is_detached` from its quote (both AT URIs), nothing is shown but that it is there.
    """

    network: Network
    asker: str
    budget: ReadBudget
    is_erased: Callable[[Post], Awaitable[bool]]
    is_hidden: Callable[[str], Awaitable[bool]]
    is_detached: Callable[[str, str], Awaitable[bool]]
    reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))

    async def read(
        self, mention: Mention, post: Post, limit: int
    ) -> tuple[tuple[ThreadPost, ...], ThreadPost]:
        """The posts above the mention, oldest first, at most `limit`; and the mention's own `post`."""
        above, shown = await _together(self._above(mention, limit), self._shown(post))
        return above, shown

    async def fetch_images(self, prompt: Prompt) -> Prompt:
        """Return the prompt with the bytes of its pictures, and with the type and size that they have.

        A picture that is gone, too big, out of reach or of a type that some provider refuses is left out: its
        description stays.
        """
        found = await _together(*map(self._picture, prompt.images))
        images, image_data = [], {}
        for image, data in zip(prompt.images, found, strict=True):
            if data is not None and (mime := media_type(data)):
                images.append(replace(image, mime=mime, size=len(data)))
                image_data[image.cid] = data
        return replace(prompt, images=tuple(images), image_data=image_data)

    async def _above(self, mention: Mention, limit: int) -> tuple[ThreadPost, ...]:
        """Walk up from the mention's parent. The walk ends at what is gone or cannot be read."""
        shown: list[asyncio.Task[ThreadPost]] = []
        uri = mention.parent.uri if mention.parent else None
        try:
            while uri and len(shown) < limit:
                post = await self._post(uri)
                if isinstance(post, ThreadPost):
                    return (post, *reversed(await asyncio.gather(*shown)))
                quotes = not shown  # of posts further up only the texts
                shown.append(asyncio.create_task(self._shown(post, quotes=quotes)))
                uri = _parent(post.record)
            return tuple(reversed(await asyncio.gather(*shown)))
        finally:
            _cancel(shown)

    async def _shown(self, post: Post, *, quotes: bool = True) -> ThreadPost:
        """Return the post as the prompt shows it; with `quotes`, the post that it quotes is read, too."""
        if await self._withheld(lambda: self.is_hidden(post.did)):
            return WITHHELD
        seen = embeds.read(post.did, post.record)
        quotation = self._quoted(seen.quotes if quotes else None, post.ref.uri)
        name, quoted = await _together(self._name(post.did), quotation)
        if quoted is WITHHELD:
            seen = replace(seen, quotes=None)
        return ThreadPost(
            author=name,
            text=post.text,
            by_bot=post.did == self.network.did,
            by_asker=post.did == self.asker,
            uri=post.ref.uri,
            at=_created_at(post.record),
            embeds=seen,
            quoted=quoted,
        )

    async def _quoted(self, uri: str | None, quoting: str) -> ThreadPost | None:
        post = await self._post(uri) if uri else None
        if post is None or isinstance(post, ThreadPost):
            return None
        if await self._withheld(lambda: self.is_detached(post.ref.uri, quoting)):
            return WITHHELD
        return await self._shown(post, quotes=False)

    async def _withheld(self, look: Callable[[], Awaitable[bool]]) -> bool:
        """What cannot be told in time is a yes."""
        try:
            return await self._in_time(look)
        except TimeoutError:
            return True

    async def _post(self, uri: str) -> Post | ThreadPost:
        """The post; or what stands for one that is gone, or that could not be read."""
        try:
            post = await self._in_time(lambda: self.network.post(uri, self.budget))
        except (NetworkError, TimeoutError):
            return ThreadPost(author="", text=None, uri=uri, unread=True)
        if post is None or await self.is_erased(post):
            return ThreadPost(author="", text=None, uri=uri)
        return post

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
        async with asyncio.timeout_at(self.budget.deadline), self.reads:
            return await read()


async def _together(*reads: Coroutine[Any, Any, Any]) -> list[Any]:
    """What the reads return, done at the same time. If one raises, the others end."""
    tasks = [asyncio.create_task(read) for read in reads]
    try:
        return await asyncio.gather(*tasks)
    finally:
        _cancel(tasks)


def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


def _parent(record: Record) -> str | None:
    uri = AtUri.parse(as_mapping(as_mapping(record.get("reply")).get("parent")).get("uri"))
    return str(uri) if uri else None


def _created_at(record: Record) -> datetime | None:
    """When its author says that it was written; None if that is no time with a zone."""
    try:
        claimed = datetime.fromisoformat(embeds.as_text(record.get("createdAt")))
        return claimed.astimezone(UTC) if claimed.tzinfo else None
    except (ValueError, OverflowError):
        return None
