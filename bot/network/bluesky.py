"""The bot's account on the network: the Network port, by authorized calls and plain reads.

A record is read at its author's own PDS, which the DID document names.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import structlog

from bot.domain.embeds import blob_cid
from bot.domain.events import ACTIVE_ACCOUNT
from bot.domain.mention import Post, Profile, StrongRef
from bot.domain.profiles import bio, self_labels
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
from bot.network.identity import DidResolver, Identity
from bot.network.repos import RepoReader
from bot.network.session import Session

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.domain.budget import ReadBudget
    from bot.domain.events import Page
    from bot.domain.mention import Record, Relation

BOT = "bot"
TIMEOUT = 20.0
MAX_MOVES = 3  # between two requests
NO_APPVIEW = "No service configured"  # the reference PDS's message
DELETED = "deleted"
STATUS_OF_FACT: Mapping[str, str] = MappingProxyType(
    {"RepoDeactivated": "deactivated", "RepoTakendown": "takendown", "RepoSuspended": "suspended"}
)


class Bluesky:
    """An account that is logged in. Raises NetworkError, also KeyTaken and AccountTrouble."""

    def __init__(
        self, session: Session, reader: HttpReader, *, pds_url: str, plc_url: str, require_label: bool = True
    ) -> None:
        self._session = session
        self._reader = reader
        self._pds_url = pds_url.rstrip("/")
        self._dids = DidResolver(plc_url, reader)
        self._profiles: TtlCache[Profile] = TtlCache()
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

    async def post(self, uri: str, budget: ReadBudget | None = None) -> Post | None:
        """The post as its author's PDS has it; None if the protocol says that it is not there."""
        place = AtUri.parse(uri)
        return await self._read(place, budget) if place and place.collection == POST else None

    async def record(self, uri: str, budget: ReadBudget | None = None) -> Record | None:
        """Any record as its owner's PDS has it."""
        place = AtUri.parse(uri)
        found = await self._read(place, budget) if place else None
        return found.record if found else None

    async def profile(self, did: str, *, fresh: bool = False, budget: ReadBudget | None = None) -> Profile:
        """Self-labels, and the handle if it leads back to this DID. Ten minutes old at most."""
        known = None if fresh else self._profiles.get(did)
        if known is not None:
            return known
        identity = await self._dids.resolve(did, fresh=fresh, budget=budget)
        if identity is None:
            return Profile(did, None)
        record = await self._read(AtUri(did, PROFILE, "self"), budget)
        said = record.record if record else {}
        handle = await self._proven_handle(identity, budget)
        found = Profile(did, handle, self_labels(said), bio(said))
        self._profiles.put(did, found)
        return found

    async def status(self, did: str) -> str:
        """The PDS's word; deleted if the directory has no such DID, or the PDS that it names no such repo."""
        identity = await self._dids.resolve(did, fresh=True)
        for _ in range(MAX_MOVES):
            found = DELETED if identity is None else await self._status_at(identity)
            if identity is None or found != DELETED:
                return found
            former, identity = identity, await self._dids.resolve(did, fresh=True)
            if identity == former:
                return DELETED
        raise TransientNetworkError(f"{did} moves from PDS to PDS")

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

    async def blob(self, did: str, cid: str, limit: int, budget: ReadBudget | None = None) -> bytes | None:
        """The bytes behind the CID, as its owner's PDS has them, if they are what the CID names."""
        identity = await self._dids.resolve(did, budget=budget)
        if identity is None:
            return None
        try:
            data = await xrpc.blob(self._reader, identity.pds, did, cid, limit, budget)
        except ProtocolFact:
            return None
        if blob_cid(data) != cid:
            raise TransientNetworkError(f"{identity.pds} sent other bytes than those of {cid}")
        return data

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
        made = await self._session.post("com.atproto.repo.putRecord", body.encode("utf-8", "surrogatepass"))
        ref = _ref(made)
        if ref is None:  # whether it was stored is unknown; the same call again is harmless
            raise TransientNetworkError("the PDS did not answer with a reference")
        return ref

    async def delete(self, rkey: str) -> None:
        """The reference PDS does not mind a record that is not there."""
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

    async def did_of(self, handle: str, budget: ReadBudget | None = None) -> str | None:
        """The DID of this handle, as the PDS resolves it; None if there is none."""
        params = {"handle": handle}
        try:
            answer = await xrpc.query(self._reader, self._pds_url, xrpc.RESOLVE_HANDLE, params, budget)
        except ProtocolFact:
            return None
        did = answer.get("did") if isinstance(answer, dict) else None
        return did if isinstance(did, str) else None

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
            return _post(place, await self._session.get(xrpc.GET_RECORD, _record_params(place)))
        except ProtocolFact as fact:
            if fact.name == "RecordNotFound":
                return None
            raise

    async def _read(self, place: AtUri, budget: ReadBudget | None = None) -> Post | None:
        identity = await self._dids.resolve(place.did, budget=budget)
        found = await self._read_at(identity, place, budget)
        if found is None and identity is not None:  # its author may have moved to another PDS
            newer = await self._dids.resolve(place.did, fresh=True, budget=budget)
            if newer != identity:
                found = await self._read_at(newer, place, budget)
        return found

    async def _read_at(
        self, identity: Identity | None, place: AtUri, budget: ReadBudget | None
    ) -> Post | None:
        if identity is None:
            return None
        params = _record_params(place)
        try:
            answer = await xrpc.query(self._reader, identity.pds, xrpc.GET_RECORD, params, budget)
        except ProtocolFact:
            return None
        return _post(place, answer)

    async def _status_at(self, identity: Identity) -> str:
        try:
            answer = await xrpc.query(self._reader, identity.pds, xrpc.GET_STATUS, {"did": identity.did})
        except ProtocolFact as fact:
            return STATUS_OF_FACT.get(fact.name, DELETED)
        if isinstance(answer, dict) and answer.get("did") == identity.did:
            active, status = answer.get("active"), answer.get("status")
            if active is True:
                return ACTIVE_ACCOUNT
            if active is False and isinstance(status, str) and status != ACTIVE_ACCOUNT:
                return status[:100]
        raise TransientNetworkError(f"{identity.pds} does not tell the status of {identity.did}")

    async def _proven_handle(self, identity: Identity, budget: ReadBudget | None) -> str | None:
        """The handle of the DID document, if it resolves to this DID as well: anybody can claim one."""
        if identity.handle is None:
            return None
        named = await self.did_of(identity.handle, budget)
        return identity.handle if named == identity.did else None


def _record_params(place: AtUri) -> dict[str, str]:
    return {"repo": place.did, "collection": place.collection, "rkey": place.rkey}


def _post(place: AtUri, answer: Any) -> Post:
    """The record that was asked for. Raises TransientNetworkError if the answer is another."""
    ref = _ref(answer)
    if ref is None or ref.uri != str(place) or not isinstance(answer.get("value"), dict):
        raise TransientNetworkError(f"the answer is not the record {place}")
    return Post(ref, place.did, answer["value"])


def _ref(answer: Any) -> StrongRef | None:
    if not isinstance(answer, dict):
        return None
    uri, cid = answer.get("uri"), answer.get("cid")
    return StrongRef(uri, cid) if isinstance(uri, str) and isinstance(cid, str) else None
