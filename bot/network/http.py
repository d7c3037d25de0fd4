"""GET from hosts that strangers name: checked addresses, bounded in time and size, no redirect, no cookie.

No content encoding is accepted, because a small body can unpack to gigabytes. What a response means is
decided elsewhere (xrpc.py, identity.py); here any status is a Response.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import httpcore2
import orjson

from bot.domain.records import MAX_DEPTH, is_shallow
from bot.domain.retry_after import retry_after
from bot.errors import ReadRefused, TransientNetworkError
from bot.network.addresses import Origin, origin_to_visit, target
from bot.network.backend import PinnedBackend

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from bot.domain.budget import ReadBudget
    from bot.network.backend import Resolve

JSON_BYTES = 256 * 1024  # the largest record that we read, a threadgate with 300 hidden replies, has 40 kB
ERROR_BYTES = 16 * 1024  # of a response that is not 200: an XRPC error has 200 bytes
MAX_PIECES = 5000  # of a body: parsing a million chunks of a byte would hold up the program
MAX_CONNECTIONS = 50
IDLE_SECONDS = 30.0
OFF_LOOP_BYTES = 64 * 1024  # a larger body is parsed in a thread
OK = 200
HEADERS = ((b"accept-encoding", b"identity"), (b"user-agent", b"scrubjay"))


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. `headers`: names in lower case. `body`: as it was sent, without any decoding."""

    host: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    async def json(self) -> Any:
        """The body, if it says that it is JSON and is. Raises TransientNetworkError and ReadRefused."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise self.trouble(f"{kind[:40] or 'no content type'} instead of JSON")
        try:
            if len(self.body) > OFF_LOOP_BYTES:
                parsed = await asyncio.to_thread(orjson.loads, self.body)
            else:
                parsed = orjson.loads(self.body)
        except ValueError as error:
            raise self.trouble("no JSON") from error
        if not is_shallow(parsed, MAX_DEPTH + 4):  # the response is around the record
            raise ReadRefused(f"deeply nested JSON from {self.host}")
        return parsed

    def trouble(self, what: str = "") -> TransientNetworkError:
        """The error that says only: this response tells nothing, try again."""
        said = f"{what or self.status} from {self.host}"
        return TransientNetworkError(said, retry_after=retry_after(self.headers, datetime.now(UTC)))


class HttpReader:
    """GET, and nothing else. `timeout`: seconds for a whole response.

    `own`: URLs of the operator's settings, whose origins may be visited wherever they are. `resolve` looks a
    name up, `tls` is used instead of the default.
    """

    def __init__(
        self,
        timeout: float,
        own: Sequence[str] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout = timeout
        self._own = frozenset(origin for url in own if (origin := Origin.parse(url)))
        self._backend = PinnedBackend(self._own, resolve)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or httpcore2.default_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=self._backend,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._pool.aclose()
        self._backend.close()

    async def get(
        self,
        url: str,
        params: Mapping[str, str] = MappingProxyType({}),
        *,
        limit: int = JSON_BYTES,
        budget: ReadBudget | None = None,
    ) -> Response:
        """The response, whatever its status; a 200 has at most `limit` bytes.

        Raises TransientNetworkError if there is none in time, and ReadRefused if we do not read it: the
        address is forbidden, or the body is too big, encoded, or more than the budget has left.
        """
        origin = origin_to_visit(url, self._own)
        try:
            async with asyncio.timeout_at(self._deadline(budget)):
                return await self._fetch(origin, _with_query(target(url), params), limit, budget)
        except (*FAILURES, TimeoutError) as error:
            raise TransientNetworkError(f"{type(error).__name__} at {origin.host}") from error

    async def get_json(self, url: str, params: Mapping[str, str] = MappingProxyType({})) -> Any:
        """The JSON of a 200. Raises TransientNetworkError for any other response."""
        response = await self.get(url, params)
        if response.status != OK:
            raise response.trouble()
        return await response.json()

    def _deadline(self, budget: ReadBudget | None) -> float:
        own = asyncio.get_running_loop().time() + self._timeout
        return own if budget is None else min(own, budget.deadline)

    async def _fetch(self, origin: Origin, path: bytes, limit: int, budget: ReadBudget | None) -> Response:
        url = httpcore2.URL(
            scheme=origin.scheme.encode(), host=origin.host.encode(), port=origin.port, target=path
        )
        body, pieces = bytearray(), 0
        headers = [(b"host", _host_header(origin)), *HEADERS]
        async with self._pool.stream("GET", url, headers=headers, extensions=self._timeouts()) as response:
            read = _headers(response.headers)
            _check_encoding(origin.host, read)
            most = limit if response.status == OK else min(limit, ERROR_BYTES)
            response.extensions["network_stream"].allow(2 * most + ERROR_BYTES)  # with a chunked body's rests
            async for chunk in response.aiter_stream():
                body += chunk
                pieces += 1
                if pieces > MAX_PIECES:
                    raise ReadRefused(f"a body in more than {MAX_PIECES} pieces from {origin.host}")
                if budget is not None and not budget.spend(len(chunk)):
                    raise ReadRefused(f"the budget of this mention is used up at {origin.host}")
                if len(body) > most and response.status == OK:
                    raise ReadRefused(f"more than {most} bytes from {origin.host}")
                if len(body) > most:  # no error of the protocol is that long
                    del body[most:]
                    break
            return Response(origin.host, response.status, read, bytes(body))

    def _timeouts(self) -> dict[str, Any]:
        return {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)}


FAILURES = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    OSError,
)


def _check_encoding(host: str, headers: Mapping[str, str]) -> None:
    """Refuse any content encoding before a byte of the body is read."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise ReadRefused(f"an encoded body from {host}, though none was asked for")


def _with_query(path: str, params: Mapping[str, str]) -> bytes:
    return (f"{path}{'&' if '?' in path else '?'}{urlencode(params)}" if params else path).encode("ascii")


def _host_header(origin: Origin) -> bytes:
    standard = origin.port == {"https": 443, "http": 80}[origin.scheme]
    return (origin.host if standard else f"{origin.host}:{origin.port}").encode()


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lower-case name; values of a repeated one are joined, as RFC 9110 has it."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("ascii", "replace").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
