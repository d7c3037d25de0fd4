"""Resolve a DID to its handle and PDS, by the DID document (did:plc and did:web)."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from bot.errors import PermanentNetworkError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Value = TypeVar("Value")

TTL_SECONDS = 600.0
MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """`handle` is what the document claims; it is not verified."""

    did: str
    handle: str | None
    pds: str


class TtlCache(Generic[Value]):
    """Values by key, none older than TTL_SECONDS, at most MAX_CACHED of them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._values: OrderedDict[str, tuple[float, Value]] = OrderedDict()

    def get(self, key: str) -> Value | None:
        at, value = self._values.get(key, (None, None))
        return value if at is not None and self._monotonic() - at < TTL_SECONDS else None

    def put(self, key: str, value: Value) -> None:
        self._values.pop(key, None)
        self._values[key] = (self._monotonic(), value)
        if len(self._values) > MAX_CACHED:
            self._values.popitem(last=False)


class DidResolver:
    """Resolves DIDs, and caches what it finds for TTL_SECONDS.

    `get` fetches JSON. `trusted` is the URL of the bot's own PDS. Raises TransientNetworkError.
    """

    def __init__(self, plc_url: str, trusted: str, get: Callable[[str], Awaitable[Any]]) -> None:
        self._plc_url = plc_url.rstrip("/")
        self._trusted = trusted
        self._get = get
        self._known: TtlCache[Identity] = TtlCache()

    async def resolve(self, did: str, *, fresh: bool = False) -> Identity | None:
        """The identity, at most TTL_SECONDS old; None if there is none or its PDS cannot be visited."""
        known = None if fresh else self._known.get(did)
        if known is not None:
            return known
        url = self._document_url(did)
        if url is None:
            return None
        try:
            found = _identity(did, await self._get(url))
        except PermanentNetworkError:
            return None
        if found is None or not self._may_visit(found.pds):
            return None
        self._known.put(did, found)
        return found

    def _document_url(self, did: str) -> str | None:
        if did.startswith("did:plc:") and did.removeprefix("did:plc:").isalnum():
            return f"{self._plc_url}/{did}"
        url = f"https://{did.removeprefix('did:web:')}/.well-known/did.json"
        return url if did.startswith("did:web:") and self._may_visit(url) else None

    def _may_visit(self, url: str) -> bool:
        """A stranger names the host: it must not lead into our own network, unless our PDS is that host."""
        try:
            wanted, own = urlsplit(url), urlsplit(self._trusted)
            if (wanted.scheme, wanted.hostname, wanted.port) == (own.scheme, own.hostname, own.port):
                return True
        except ValueError:
            return False
        host = wanted.hostname or ""
        return wanted.scheme == "https" and "." in host and not wanted.username and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host.rsplit(".", 1)[-1].isdigit()  # 127.1 is an address to a resolver
    return True


def _identity(did: str, document: Any) -> Identity | None:
    """Read a DID document, believing none of its types."""
    if not isinstance(document, dict) or document.get("id") != did:
        return None
    for service in _dicts(document.get("service")):
        endpoint = service.get("serviceEndpoint")
        ours = service.get("id") in ("#atproto_pds", f"{did}#atproto_pds")
        if ours and service.get("type") == "AtprotoPersonalDataServer" and isinstance(endpoint, str):
            return Identity(did, _handle(document), endpoint.rstrip("/"))
    return None


def _handle(document: dict[str, Any]) -> str | None:
    names = document.get("alsoKnownAs")
    for name in names if isinstance(names, list) else []:
        if isinstance(name, str) and name.startswith("at://"):
            return name.removeprefix("at://").lower()
    return None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []
