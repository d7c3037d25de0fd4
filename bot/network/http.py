"""JSON and bytes from hosts that strangers name: bounded in time and size, no redirects, nothing of ours."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self

import httpx2

from bot.errors import PermanentNetworkError, TransientNetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_BYTES = 2_000_000
OK = 200
LATER = frozenset({408, 425, 429})
SERVER_ERROR = 500


class HttpReader:
    """GET, and nothing else. `timeout`: seconds for the whole answer."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._client = httpx2.AsyncClient(timeout=timeout, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, url: str, params: Mapping[str, str] | None = None) -> Any:
        """The parsed answer.

        Raises TransientNetworkError (no answer, 5xx, 429, no JSON) and PermanentNetworkError.
        """
        body = await self.get_bytes(url, params)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise TransientNetworkError(f"no JSON from {_host(url)}") from error

    async def get_bytes(
        self, url: str, params: Mapping[str, str] | None = None, limit: int = LIMIT_BYTES
    ) -> bytes:
        """The answer, of at most `limit` bytes. Raises as `get` does."""
        try:
            async with asyncio.timeout(self._timeout):
                status, headers, body = await self._fetch(url, params, limit)
        except (httpx2.HTTPError, TimeoutError) as error:
            raise TransientNetworkError(f"{type(error).__name__} at {_host(url)}") from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise PermanentNetworkError(f"no such address: {_host(url)}") from error
        if status in LATER or status >= SERVER_ERROR:
            raise TransientNetworkError(f"{status} from {_host(url)}", retry_after=_seconds(headers))
        if status != OK:
            raise PermanentNetworkError(f"{status} from {_host(url)}")
        return body

    async def _fetch(
        self, url: str, params: Mapping[str, str] | None, limit: int
    ) -> tuple[int, httpx2.Headers, bytes]:
        body = bytearray()
        async with self._client.stream("GET", url, params=params) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    raise PermanentNetworkError(f"more than {limit} bytes from {_host(url)}")
            return response.status_code, response.headers, bytes(body)


def _host(url: str) -> str:
    return url.split("/")[2][:100] if url.count("/") > 1 else "?"


def _seconds(headers: httpx2.Headers) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else None
