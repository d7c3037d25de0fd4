"""The bot's account on the network: the Network port, by authorized calls and plain reads."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import structlog

from bot.domain.profiles import self_labels
from bot.domain.uris import POST, PROFILE, AtUri
from bot.errors import (
    PermanentNetworkError,
    ProtocolFact,
    TransientNetworkError,
)
from bot.network import account, appview, xrpc
from bot.network.cache import TtlCache
from bot.network.chat import ChatService
from bot.network.http import HttpReader
from bot.network.public import PublicReader, as_post, as_ref, record_params
from bot.network.repos import RepoReader
from bot.network.session import Session
from bot.network.writes import DELETE, PUT, counted

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.domain.budget import ReadBudget
    from bot.domain.events import Page
    from bot.domain.mention import Post, Record, Relation, StrongRef

BOT = "bot"
TIMEOUT = 20.0
NO_APPVIEW = "No service configured"  # the reference PDS's message


class Bluesky(PublicReader):
    """An account that is logged in. Raises NetworkError, also KeyTaken and AccountTrouble."""

    def __init__(
        self, session: Session, reader: HttpReader, *, pds_url: str, plc_url: str, require_label: bool = True
    ) -> None:
        super().__init__(reader, pds_url=pds_url, plc_url=plc_url)
        self._session = session
        self._lists: TtlCache[frozenset[str]] = TtlCache()
        self.did = session.did
        self.handle = session.handle
        self._repos = RepoReader(reader, self._dids, self.did)
        self.direct_messages = ChatService(session)
        self._require_label = require_label
        self._labelled = True

    @classmethod
    async def connect(
        cls,
        *,
        handle: str,
        password: str,
        pds_url: str,
        plc_url: str,
        load: Callable[[], str | None],
        save: Callable[[str], None],
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each later call
        require_label: bool = True,
    ) -> Self:
        """Resume the session that `load` returns, or log in. `save` is called with every new session.

        Both may block; they are called in worker threads. Raises AccountTrouble if the PDS accepts
        neither session nor password, or if the profile has no `bot` self-label; and TransientNetworkError.
        """
        async with AsyncExitStack() as stack:
            session = Session(handle=handle, password=password, pds_url=pds_url, save=save, timeout=timeout)
            stack.push_async_callback(session.close)
            reader = await stack.enter_async_context(HttpReader(timeout, (pds_url, plc_url)))
            await session.open(load)
            found = cls(session, reader, pds_url=pds_url, plc_url=plc_url, require_label=require_label)
            await found.check_account()
            stack.pop_all()
            return found

    @property
    def is_let_in(self) -> bool:
        return self._labelled and not self._session.is_in_trouble

    async def blocked_by(self, did: str, budget: ReadBudget | None = None) -> str | None:
        return await self._repos.block_of_bot(did, budget)

    async def list_blocked_by(self, did: str, budget: ReadBudget | None = None) -> str | None:
        return await self._repos.list_block_of_bot(did, budget)

    async def members(self, uri: str, budget: ReadBudget | None = None) -> frozenset[str]:
        """Ten minutes old at most."""
        known = self._lists.get(uri)
        if known is None:
            known = await self._repos.members(uri, budget)
            self._lists.put(uri, known)
        return known

    async def declarations(self, did: str, budget: ReadBudget | None = None) -> Mapping[str, Record]:
        return await self._repos.declarations(did, budget)

    async def relation(self, did: str) -> Relation | None:
        """Reads app.bsky.actor.getProfiles, which leaves out whom it does not know."""
        answer = await self._ask_appview("app.bsky.actor.getProfiles", {"actors": did})
        return None if answer is None else appview.relation(answer, did)

    async def may_reply(self, root: str) -> bool | None:
        answer = await self._ask_appview("app.bsky.feed.getPosts", {"uris": root})
        return None if answer is None else appview.may_reply(answer, root)

    async def _ask_appview(self, nsid: str, params: Mapping[str, str]) -> Any | None:
        """None if the PDS says that there is no AppView. Trouble with it is no answer."""
        try:
            return await self._session.get(nsid, params)
        except PermanentNetworkError as error:
            if NO_APPVIEW in str(error):
                return None
            raise

    async def notifications(self, cursor: str | None = None) -> Page:
        params = {"limit": "100", "reasons": appview.REASONS} | ({"cursor": cursor} if cursor else {})
        return appview.page(await self._session.get("app.bsky.notification.listNotifications", params))

    async def check_account(self) -> None:
        """Ask the PDS whether the account is let in, and whether it still says that it is a bot.

        If not, AccountTrouble is raised here, and by `own` and `put` until it does again.
        """
        before = self._labelled
        self._labelled = not self._require_label or BOT in await self._own_labels()
        if before and not self._labelled:
            log.error("account.trouble", what=account.UNLABELLED.what, mend=account.UNLABELLED.mend)
        if self._labelled and not before:
            log.info("account.restored", handle=self.handle)
        self._raise_unless_labelled()

    def _raise_unless_labelled(self) -> None:
        if not self._labelled:
            raise account.trouble(self.handle, account.UNLABELLED)

    async def own(self, rkey: str) -> Post | None:
        """The bot's own post under this record key."""
        self._raise_unless_labelled()
        return await self._own(POST, rkey)

    async def put(self, rkey: str, record: str) -> StrongRef:
        """Put exactly these JSON bytes under the key, unless another record stands there (KeyTaken).

        `swapRecord` is JSON null: "only if there is none". The SDK's models drop None, which would overwrite.
        """
        self._raise_unless_labelled()
        try:
            is_object = isinstance(json.loads(record), dict)
        except ValueError:
            is_object = False
        if not is_object:
            raise PermanentNetworkError("the record is not a JSON object")
        head = json.dumps({"repo": self.did, "collection": POST, "rkey": rkey, "swapRecord": None})
        body = f'{head[:-1]}, "record": {record}}}'
        with counted(PUT):
            made = await self._session.post(
                "com.atproto.repo.putRecord", body.encode("utf-8", "surrogatepass")
            )
            ref = as_ref(made)
            if ref is None:  # whether it was stored is unknown; the same call again is harmless
                raise TransientNetworkError("the PDS did not answer with a reference")
            return ref

    async def delete(self, rkey: str) -> None:
        """The reference PDS does not mind a record that is not there."""
        with counted(DELETE):
            await self._delete(POST, rkey)

    async def declare(self, collection: str, record: Record | None) -> None:
        """Write the record `self` of this collection in the bot's own repo. None: delete it."""
        if record is None:
            await self._delete(collection, "self")
            return
        call = {
            "repo": self.did,
            "collection": collection,
            "rkey": "self",
            "validate": False,
            "record": record,
        }
        await self._session.post("com.atproto.repo.putRecord", json.dumps(call).encode())

    async def close(self) -> None:
        await self._session.close()
        await self._reader.close()

    async def _delete(self, collection: str, rkey: str) -> None:
        place = {"repo": self.did, "collection": collection, "rkey": rkey}
        await self._session.post("com.atproto.repo.deleteRecord", json.dumps(place).encode())

    async def _own_labels(self) -> frozenset[str]:
        profile = await self._own(PROFILE, "self")
        return self_labels(profile.record) if profile else frozenset()

    async def _own(self, collection: str, rkey: str) -> Post | None:
        place = AtUri(self.did, collection, rkey)
        try:
            return as_post(place, await self._session.get(xrpc.GET_RECORD, record_params(place)))
        except ProtocolFact as fact:
            if fact.name == "RecordNotFound":
                return None
            raise
