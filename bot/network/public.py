"""Whatever anybody can read on the network without an account: records, blobs, profiles, states of accounts.

A record is read at its author's own PDS, which the DID document names.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot.domain.embeds import blob_cid
from bot.domain.events import ACTIVE_ACCOUNT
from bot.domain.mention import Post, Profile, StrongRef
from bot.domain.profiles import bio, self_labels
from bot.domain.uris import POST, PROFILE, AtUri
from bot.errors import ProtocolFact, TransientNetworkError
from bot.network import xrpc
from bot.network.cache import TtlCache
from bot.network.identity import DidResolver, Identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.budget import ReadBudget
    from bot.domain.mention import Record
    from bot.network.http import HttpReader

MAX_MOVES = 3  # between two requests
SERVED_SECONDS = 10.0  # in which an account moves to no other PDS
DELETED = "deleted"
STATUS_OF_FACT: Mapping[str, str] = MappingProxyType(
    {"RepoDeactivated": "deactivated", "RepoTakendown": "takendown", "RepoSuspended": "suspended"}
)


class PublicReader:
    """Reads by the PDS and the PLC directory of these URLs. Raises TransientNetworkError and ReadRefused."""

    def __init__(self, reader: HttpReader, *, pds_url: str, plc_url: str) -> None:
        self._reader = reader
        self._pds_url = pds_url.rstrip("/")
        self._dids = DidResolver(plc_url, reader)
        self._profiles: TtlCache[Profile] = TtlCache()
        self._served: TtlCache[str] = TtlCache(SERVED_SECONDS)  # the PDS that had a record of a DID

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

    async def did_of(self, handle: str, budget: ReadBudget | None = None) -> str | None:
        """The DID of this handle, as the PDS resolves it; None if there is none."""
        params = {"handle": handle}
        try:
            answer = await xrpc.query(self._reader, self._pds_url, xrpc.RESOLVE_HANDLE, params, budget)
        except ProtocolFact:
            return None
        did = answer.get("did") if isinstance(answer, dict) else None
        return did if isinstance(did, str) else None

    async def _read(self, place: AtUri, budget: ReadBudget | None = None) -> Post | None:
        identity = await self._dids.resolve(place.did, budget=budget)
        found = await self._read_at(identity, place, budget)
        if identity is None:
            return None
        if found is not None:
            self._served.put(place.did, identity.pds)
        elif self._served.get(place.did) != identity.pds:  # its author may have moved to another PDS
            newer = await self._dids.resolve(place.did, fresh=True, budget=budget)
            if newer != identity:
                found = await self._read_at(newer, place, budget)
        return found

    async def _read_at(
        self, identity: Identity | None, place: AtUri, budget: ReadBudget | None
    ) -> Post | None:
        if identity is None:
            return None
        params = record_params(place)
        try:
            answer = await xrpc.query(self._reader, identity.pds, xrpc.GET_RECORD, params, budget)
        except ProtocolFact:
            return None
        return as_post(place, answer)

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


def record_params(place: AtUri) -> dict[str, str]:
    return {"repo": place.did, "collection": place.collection, "rkey": place.rkey}


def as_post(place: AtUri, answer: Any) -> Post:
    """The record that was asked for. Raises TransientNetworkError if the answer is another."""
    ref = as_ref(answer)
    if ref is None or ref.uri != str(place) or not isinstance(answer.get("value"), dict):
        raise TransientNetworkError(f"the answer is not the record {place}")
    return Post(ref, place.did, answer["value"])


def as_ref(answer: Any) -> StrongRef | None:
    if not isinstance(answer, dict):
        return None
    uri, cid = answer.get("uri"), answer.get("cid")
    return StrongRef(uri, cid) if isinstance(uri, str) and isinstance(cid, str) else None
