"""Resolve a DID to its handle and PDS, by the DID document (did:plc and did:web).

That nobody has a DID is a fact only in the words of the PLC directory: its 404 or 410 with a JSON message
that names the DID. A did:web host's 404 is no fact: a web server answers so for any reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.uris import tidy_handle
from bot.errors import ReadRefused, TransientNetworkError
from bot.network.addresses import Origin, target
from bot.network.cache import TtlCache
from bot.network.http import OK

if TYPE_CHECKING:
    from bot.domain.budget import ReadBudget
    from bot.network.http import HttpReader, Response

DOCUMENT_BYTES = 64 * 1024  # the directory limits an operation to 7,500 bytes
PLC = re.compile(r"did:plc:[a-z0-9]{1,64}")
WEB = re.compile(r"did:web:[a-z0-9.-]{1,253}", re.IGNORECASE)  # atproto allows neither a path nor a port
UNREGISTERED = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Identity:
    """`handle` is what the document claims; it is not verified. `pds`: a URL without a path."""

    did: str
    handle: str | None
    pds: str


class DidResolver:
    """Resolves DIDs, and caches what it finds for some minutes."""

    def __init__(self, plc_url: str, reader: HttpReader) -> None:
        self._plc_url = plc_url.rstrip("/")
        self._reader = reader
        self._known: TtlCache[Identity] = TtlCache()

    async def resolve(
        self, did: str, *, fresh: bool = False, budget: ReadBudget | None = None
    ) -> Identity | None:
        """The identity, from the cache unless `fresh`; None if the directory says that there is none.

        Raises TransientNetworkError, also if the document is odd or names no PDS; and ReadRefused, also if
        atproto knows no such DID.
        """
        known = None if fresh else self._known.get(did)
        if known is not None:
            return known
        response = await self._reader.get(self._document_url(did), limit=DOCUMENT_BYTES, budget=budget)
        if response.status != OK:
            if await self._is_unregistered(did, response):
                return None
            raise response.trouble()
        found = _identity(did, await response.json())
        self._known.put(did, found)
        return found

    def _document_url(self, did: str) -> str:
        if PLC.fullmatch(did):
            return f"{self._plc_url}/{did}"
        if WEB.fullmatch(did):
            return f"https://{did.removeprefix('did:web:')}/.well-known/did.json"
        raise ReadRefused(f"{did[:100]} is no DID that atproto resolves")

    async def _is_unregistered(self, did: str, response: Response) -> bool:
        if response.status not in UNREGISTERED or not did.startswith("did:plc:"):
            return False
        try:
            body = await response.json()
        except TransientNetworkError:
            return False
        message = body.get("message") if isinstance(body, dict) else None
        return isinstance(message, str) and did in message


def _identity(did: str, document: Any) -> Identity:
    """Read a DID document; every type is checked. Raises TransientNetworkError and ReadRefused."""
    if not isinstance(document, dict) or document.get("id") != did:
        raise TransientNetworkError(f"that is not the document of {did}")
    for service in _dicts(document.get("service")):
        is_pds = service.get("id") in ("#atproto_pds", f"{did}#atproto_pds")
        if is_pds and service.get("type") == "AtprotoPersonalDataServer":
            return Identity(did, _handle(document), _endpoint(service.get("serviceEndpoint")))
    raise TransientNetworkError(f"the document of {did} names no PDS")


def _endpoint(url: Any) -> str:
    origin = Origin.parse(url) if isinstance(url, str) else None
    if origin is None or target(url) != "/":
        raise ReadRefused("a PDS is named by no plain URL of a host")
    return str(url).rstrip("/")


def _handle(document: dict[str, Any]) -> str | None:
    names = document.get("alsoKnownAs")
    handles = [name.removeprefix("at://") for name in _strings(names) if name.startswith("at://")]
    return tidy_handle(handles[0]) if handles else None


def _strings(value: Any) -> list[str]:
    return [it for it in value if isinstance(it, str)] if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []
