"""Connections to exactly the addresses that were checked: a network backend of httpcore2.

A host name is resolved once. Every address must be public, and the connection goes to one of them, so a name
cannot change between check and connection. TLS and the Host header keep the name. The bytes that a server
sends for one request are counted here, before anything parses them: headers, interim responses, and what a
chunked body wraps around its bytes all count.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import httpcore2

from bot.errors import ReadRefused, TransientNetworkError
from bot.network.addresses import is_public

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from bot.network.addresses import Origin

Resolve: TypeAlias = "Callable[[str, int], Awaitable[Sequence[str]]]"

RESOLVERS = 8  # threads: a name server that hangs must not hold up the program's other threads
MAX_ADDRESSES = 4  # of one host are tried
READ_BYTES = 16 * 1024  # at a time: what is parsed at once holds up the program
HEAD_BYTES = 64 * 1024  # of headers and interim responses, and of the body's first bytes


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the public addresses of a name, and to `own` origins wherever they are.

    Raises ReadRefused and TransientNetworkError.
    """

    def __init__(self, own: Collection[Origin], resolve: Resolve | None = None) -> None:
        self._own = {(origin.host, origin.port) for origin in own}
        self._threads = ThreadPoolExecutor(RESOLVERS, "resolver")
        self._resolve = resolve or self._getaddrinfo
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = TransientNetworkError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                stream = await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return MeteredStream(stream)
        raise failure

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise TransientNetworkError(f"{host} cannot be resolved") from error
        if (host, port) not in self._own and not all(map(is_public, found)):
            raise ReadRefused(f"{host} leads into a local network")
        return list(dict.fromkeys(found))[:MAX_ADDRESSES]

    async def _getaddrinfo(self, host: str, port: int) -> list[str]:
        def resolve() -> list[str]:
            return [str(it[4][0]) for it in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        return await asyncio.get_running_loop().run_in_executor(self._threads, resolve)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class MeteredStream(httpcore2.AsyncNetworkStream):
    """Counts what is received after each request. Raises ReadRefused when it is more than allowed.

    A response may have HEAD_BYTES until `allow` is called, which is when its body begins.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = HEAD_BYTES

    def allow(self, count: int) -> None:
        """From here on the response may have so many bytes more."""
        self._left = count

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        data = await self._stream.read(min(max_bytes, READ_BYTES), timeout)
        self._left -= len(data)
        if self._left < 0:
            raise ReadRefused("a response with more bytes around its body than it may have")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._left = HEAD_BYTES
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's interface
    ) -> httpcore2.AsyncNetworkStream:
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return MeteredStream(stream)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
