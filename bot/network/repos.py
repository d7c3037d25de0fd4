"""Lists of records in other people's repos, by com.atproto.repo.listRecords at their own PDS."""

from __future__ import annotations

from contextlib import aclosing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot.domain.embeds import as_mapping, as_text
from bot.domain.uris import BLOCK, LIST_BLOCK, LIST_ITEM, PREFERENCE, AtUri, is_by
from bot.errors import ProtocolFact, TransientNetworkError
from bot.network import appview, xrpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from bot.domain.budget import ReadBudget
    from bot.domain.mention import Record
    from bot.network.http import HttpReader
    from bot.network.identity import DidResolver, Identity

PER_PAGE, MAX_PAGES = 100, 10  # nobody makes more than a thousand blocks in one gap by hand
MAX_LISTS = 10  # that one person blocks
NOTHING: Mapping[str, Any] = MappingProxyType({"records": []})  # where there is no such repo


class RepoReader:
    """Reads lists of records. A repo that is not there has none. Raises TransientNetworkError."""

    def __init__(self, reader: HttpReader, dids: DidResolver, me: str) -> None:
        self._reader = reader
        self._dids = dids
        self._me = me

    async def block_of_bot(self, did: str, budget: ReadBudget | None) -> str | None:
        """The AT URI of this person's block of the bot, if it is among their newest thousand blocks."""
        async with aclosing(self._records(did, BLOCK, budget)) as records:
            async for uri, record in records:
                if record.get("subject") == self._me:
                    return uri
        return None

    async def list_block_of_bot(self, did: str, budget: ReadBudget | None) -> str | None:
        """The AT URI of the record by which this person blocks a list that holds the bot."""
        blocked: dict[str, str] = {}
        async with aclosing(self._records(did, LIST_BLOCK, budget)) as records:
            async for uri, record in records:
                blocked[uri] = as_text(record.get("subject"))
        for uri, subject in list(blocked.items())[:MAX_LISTS]:
            if self._me in await self.members(subject, budget):
                return uri
        return None

    async def members(self, uri: str, budget: ReadBudget | None) -> frozenset[str]:
        """The DIDs that this list holds, by the newest thousand entries that its owner made in any list."""
        place, found = AtUri.parse(uri), set[str]()
        if place is not None:
            async with aclosing(self._records(place.did, LIST_ITEM, budget)) as records:
                async for _, record in records:
                    if record.get("list") == uri:
                        found.add(as_text(record.get("subject")))
        return frozenset(found)

    async def declarations(self, did: str, budget: ReadBudget | None) -> Mapping[str, Record]:
        """This person's records of PREFERENCE, by AT URI."""
        async with aclosing(self._records(did, PREFERENCE, budget)) as records:
            return {uri: record async for uri, record in records}

    async def _records(
        self, did: str, collection: str, budget: ReadBudget | None
    ) -> AsyncGenerator[tuple[str, Mapping[str, Any]]]:
        """The newest first: record keys grow with time. Who moved to another PDS is read there."""
        params = {"repo": did, "collection": collection, "limit": str(PER_PAGE)}
        identity, page = await self._first_page(did, params, budget)
        for _ in range(MAX_PAGES - 1):
            for each in _page(page, did, collection):
                yield each
            cursor = appview.cursor_of(page)
            if cursor is None or identity is None:
                return
            page = await self._page_at(identity, params | {"cursor": cursor}, budget)
        for each in _page(page, did, collection):
            yield each

    async def _first_page(
        self, did: str, params: Mapping[str, str], budget: ReadBudget | None
    ) -> tuple[Identity | None, Any]:
        identity = await self._dids.resolve(did, budget=budget)
        page = await self._page_at(identity, params, budget)
        if page is NOTHING and identity is not None:
            newer = await self._dids.resolve(did, fresh=True, budget=budget)
            if newer != identity:
                return newer, await self._page_at(newer, params, budget)
        return identity, page

    async def _page_at(
        self, identity: Identity | None, params: Mapping[str, str], budget: ReadBudget | None
    ) -> Any:
        if identity is None:
            return NOTHING
        try:
            return await xrpc.query(self._reader, identity.pds, xrpc.LIST_RECORDS, params, budget)
        except ProtocolFact:
            return NOTHING


def _page(answer: Any, did: str, collection: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The records of one page, with their AT URIs. Raises TransientNetworkError if it is none."""
    records = as_mapping(answer).get("records")
    if not isinstance(records, list):
        raise TransientNetworkError("the PDS did not answer with records")
    listed = [(as_text(it.get("uri")), as_mapping(it.get("value"))) for it in map(as_mapping, records)]
    return [(uri, value) for uri, value in listed if is_by(uri, did) and f"/{collection}/" in uri]
