"""The websocket under a stream: whole messages out, and one name for whatever ends it.

picows, because the library is the first cost of a stream, before any decoding. No extension is offered, since
compression would hide what the filter looks for, and fragments are joined first.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import orjson
from picows import WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from bot.streams.message import Dialect

OPEN_SECONDS = 10.0
PING_SECONDS = 20.0
BUFFER_BYTES = 512 * 1024
MAX_BYTES = 64 * 1024 * 1024  # of a message; the lexicon allows two million bytes of blocks
LEAVE_SECONDS = 1.0
NO_CODE = 1005

BINARY, TEXT, CONTINUATION, CLOSE = WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class ConnectionLost(Exception):
    """The connection is over, or never was. The argument names why, for counting."""


class MessageListener(WSListener):
    """Hands whole messages to `hear`, which may raise ConnectionLost. Of the wrong type: an empty one."""

    def __init__(self, hear: Callable[[bytes], None], *, text: bool) -> None:
        self.error: Exception | None = None
        self._hear = hear
        self._kind = TEXT if text else BINARY
        self._parts: list[bytes] = []
        self._right = True
        self._size = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is self._kind and frame.fin and not frame.rsv1 and not self._parts:
            try:
                self._hear(frame.get_payload_as_bytes())
            except Exception as error:  # noqa: BLE001 - the reader raises it
                self._end(transport, error)
        else:
            self._rarely(transport, frame)

    def _rarely(self, transport: WSTransport, frame: WSFrame) -> None:
        """Anything but a whole message of the right type."""
        kind = frame.msg_type
        if kind is CLOSE:
            transport.send_close()
            code = int.from_bytes(frame.get_payload_as_bytes()[:2])
            self._end(transport, ConnectionLost(f"closed {code or NO_CODE}"))
        elif kind not in (TEXT, BINARY, CONTINUATION):
            return
        elif frame.rsv1 or (kind is CONTINUATION) is not bool(self._parts):
            self._end(transport, ConnectionLost("protocol"))
        else:
            try:
                self._join(frame)
            except Exception as error:  # noqa: BLE001 - the reader raises it
                self._end(transport, error)

    def _join(self, frame: WSFrame) -> None:
        """Add a fragment. A message of the wrong type comes out empty."""
        if not self._parts:
            self._right = frame.msg_type is self._kind
            self._size = 0
        self._parts.append(frame.get_payload_as_bytes() if self._right else b"")
        self._size += frame.payload_size
        if self._size > MAX_BYTES:
            raise ConnectionLost("too big")
        if frame.fin:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._hear(whole)

    def _end(self, transport: WSTransport, error: Exception) -> None:
        self.error = error
        self._hear = _deaf  # what else is in the buffer
        transport.disconnect(graceful=False)


def _deaf(_: bytes) -> None:
    pass


async def receive(
    url: str,
    hear: Callable[[bytes], None],
    *,
    text: bool,
    headers: Mapping[str, str],
    opened: Callable[[], None] = lambda: None,
    ping_seconds: float = PING_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Hand every message to `hear` until the connection ends.

    Always raises: ConnectionLost, or what `hear` raised.

    A stream may be quiet for ever, as long as the other side answers pings: one every `ping_seconds` of
    silence, and as long for the answer.
    """
    ear = MessageListener(hear, text=text)
    transport = await _connect(url, ear, headers, ping_seconds, tls)
    try:
        opened()
        await transport.wait_disconnected()
    except WSError as error:
        raise ConnectionLost("protocol") from error
    finally:
        await _leave(transport)
    if ear.error is not None:
        raise ear.error
    raise ConnectionLost(_end(transport))


async def probe(url: str, headers: Mapping[str, str]) -> None:
    """Connect, and leave again. Raises ConnectionLost."""
    await _leave(await _connect(url, MessageListener(_deaf, text=False), headers, PING_SECONDS, None))


def stream_url(url: str, dialect: Dialect, cursor: int | None) -> str:
    """Where the stream of a host begins at this cursor."""
    query = [*dialect.query, *([] if cursor is None else [("cursor", str(cursor))])]
    return f"{url.rstrip('/')}{dialect.path}?{urlencode(query)}".rstrip("?")


async def _connect(
    url: str,
    ear: MessageListener,
    headers: Mapping[str, str],
    ping_seconds: float,
    tls: ssl.SSLContext | None,
) -> WSTransport:
    connecting = asyncio.ensure_future(
        ws_connect(
            lambda: ear,
            url,
            ssl_context=tls,
            websocket_handshake_timeout=OPEN_SECONDS,
            logger_name=logging.Logger("picows", logging.CRITICAL + 1),  # noqa: LOG001 - we tell it
            enable_auto_ping=True,
            auto_ping_idle_timeout=ping_seconds,
            auto_ping_reply_timeout=ping_seconds,
            max_frame_size=MAX_BYTES,
            extra_headers=headers,
            read_buffer_init_size=BUFFER_BYTES,
        )
    )
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            transport, _ = await asyncio.shield(connecting)
    except (WSError, OSError, ValueError) as error:
        raise ConnectionLost(_refusal(error)) from error
    finally:
        await _give_up(connecting)
    if transport.response is None:
        raise ConnectionLost("dropped")  # during the handshake
    return transport


async def _give_up(connecting: asyncio.Future[tuple[WSTransport, WSListener]]) -> None:
    """Leave nothing half open: picows would, when it is cancelled between connection and handshake."""
    if connecting.done():
        return
    done, _ = await asyncio.wait([connecting], timeout=LEAVE_SECONDS)
    if done and connecting.exception() is None:
        await _leave(connecting.result()[0])
    connecting.cancel()


def _refusal(error: Exception) -> str:
    """Why there was no connection: an XRPC error's name, an HTTP status, or the kind of trouble."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if not isinstance(error, WSHandshakeError) or error.response is None:
        return "unreachable" if isinstance(error, OSError) else "handshake"
    try:
        name = orjson.loads(error.raw_body or b"")["error"]
    except (ValueError, TypeError, KeyError):
        name = None
    return name[:100] if isinstance(name, str) else f"http {int(error.response.status)}"


def _end(transport: WSTransport) -> str:
    """Nobody closed: either nobody answered the ping, which makes picows close, or the line broke."""
    handshake = transport.close_handshake
    return "dropped" if handshake is None or handshake.sent is None else "stalled"


async def _leave(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(graceful=False)
        await asyncio.wait([asyncio.ensure_future(transport.wait_disconnected())], timeout=LEAVE_SECONDS)
