"""A tiny HTTP server: it answers GET, one request a connection, from values of the event loop.

If the loop is frozen it answers nothing, and the client's own time limit tells. A client that is slow is cut
off, and when too many are connected the one that came first is, so none can keep others from an answer.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from bot.log import log_bug
from memory.files import identity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bot.config.address import Address

SECONDS = 5.0  # for one request and its answer
HEAD_BYTES = 8192
CLIENTS = 16
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    status: HTTPStatus
    body: str | bytes
    kind: str = PLAIN
    allow: str | None = None

    def encode(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else self.body.encode()
        head = {
            "Content-Type": self.kind,
            "Content-Length": len(body),
            "Cache-Control": "no-store",
            "Connection": "close",
            **({"Allow": self.allow} if self.allow else {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        return f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n{lines}\r\n".encode() + body


class Server:
    """Serves `pages`, which are asked anew for each request. Paths: /livez, for example."""

    def __init__(self, pages: Mapping[str, Callable[[], Awaitable[Answer]]]) -> None:
        self._pages = pages
        self._clients: dict[asyncio.Task[None], None] = {}  # the first to come is the first in it
        self._server: asyncio.Server | None = None
        self._socket: Path | None = None
        self._made: tuple[int, int] | None = None  # what tells our socket from another's of its name

    async def start(self, address: Address) -> str:
        """Listen there. Returns the address, with its true port. Raises OSError."""
        if address.path is not None:
            _require_free(address.path)
            self._server = await asyncio.start_unix_server(self._accept, address.path, limit=HEAD_BYTES)
            self._socket, self._made = Path(address.path), identity(address.path)
            return str(address)
        self._server = await asyncio.start_server(self._accept, address.host, address.port, limit=HEAD_BYTES)
        return str(address.with_port(self._server.sockets[0].getsockname()[1]))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        if self._socket is not None and identity(str(self._socket)) == self._made:
            self._socket.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= CLIENTS:
            first = next(iter(self._clients))
            del self._clients[first]  # it ends later: of several at once each has to cut off another
            first.cancel()
        task = asyncio.create_task(self._serve(reader, writer))
        self._clients[task] = None
        task.add_done_callback(partial(self._end, writer))

    def _end(self, writer: asyncio.StreamWriter, task: asyncio.Task[None]) -> None:
        """Cut the connection off, also of a task that was cancelled before it ran."""
        self._clients.pop(task, None)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(SECONDS):
                writer.write((await self._answer(reader)).encode())
                await writer.drain()
                writer.close()
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too long\n")
        match head.split(b"\r\n", 1)[0].split(b" "):
            case [b"GET", target, version] if version.startswith(b"HTTP/1."):
                return await self._page(target.split(b"?")[0].decode("latin-1"))
            case [_, _, version] if version.startswith(b"HTTP/1."):
                return Answer(HTTPStatus.METHOD_NOT_ALLOWED, "only GET\n", allow="GET")
            case _:
                return Answer(HTTPStatus.BAD_REQUEST, "not understood\n")

    async def _page(self, path: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, "not found\n")
        try:
            return await page()
        except Exception as error:  # noqa: BLE001 - a bug in a page must not end the bot
            log_bug("health.bug", error, path=path)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug; the log tells where\n")


def _require_free(path: str) -> None:
    """Raise OSError if somebody listens there: asyncio would take the socket away from them."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        if asking.connect_ex(path) in {0, errno.EAGAIN}:  # or so many wait that it takes no more
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
