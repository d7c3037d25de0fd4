"""The websocket under a stream. It delivers whole messages, and names the reason when the connection ends.

picows is used, because the websocket library is the first cost of a stream. No extension is offered:
compression would hide what the filter searches for. Fragments are joined before the filter sees them.
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
DISCONNECT_SECONDS = 1.0
NO_CODE = 1005

BINARY, TEXT, CONTINUATION, CLOSE = WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION, WSMsgType.CLOSE


class ConnectionLost(Exception):
    """The connection ended, or could not be made. The argument names the reason, for counting."""


class MessageListener(WSListener):
    """Calls `on_message` with each whole message. `on_message` may raise ConnectionLost.

    A message of the wrong type (text or binary) becomes an empty one.
    """

    def __init__(self, on_message: Callable[[bytes], None], *, text: bool) -> None:
        self.error: Exception | None = None
        self._on_message = on_message
        self._type = TEXT if text else BINARY
        self._parts: list[bytes] = []
        self._is_right_type = True
        self._size = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is self._type and frame.fin and not frame.rsv1 and not self._parts:
            try:
                self._on_message(frame.get_payload_as_bytes())
            except Exception as error:  # noqa: BLE001 - the reader raises it
                self._end(transport, error)
        else:
            self._other_frame(transport, frame)

    def _other_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Any frame that is not a whole message of the right type."""
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
        """Add a fragment to the message."""
        if not self._parts:
            self._is_right_type = frame.msg_type is self._type
            self._size = 0
        self._parts.append(frame.get_payload_as_bytes() if self._is_right_type else b"")
        self._size += frame.payload_size
        if self._size > MAX_BYTES:
            raise ConnectionLost("too big")
        if frame.fin:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._on_message(whole)

    def _end(self, transport: WSTransport, error: Exception) -> None:
        self.error = error
        self._on_message = _ignore  # messages that are still in picows' buffer
        transport.disconnect(graceful=False)


def _ignore(_: bytes) -> None:
    pass


async def receive(
    url: str,
    on_message: Callable[[bytes], None],
    *,
    text: bool,
    headers: Mapping[str, str],
    opened: Callable[[], None] = lambda: None,
    ping_seconds: float = PING_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Call `on_message` with each message until the connection ends.

    It always ends by an exception: ConnectionLost, or what `on_message` raised. A silent connection stays
    open as long as the server answers pings. A ping is sent after `ping_seconds` of silence, and may take as
    long to be answered.
    """
    listener = MessageListener(on_message, text=text)
    transport = await _connect(url, listener, headers, ping_seconds, tls)
    try:
        opened()
        await transport.wait_disconnected()
    except WSError as error:
        raise ConnectionLost("protocol") from error
    finally:
        await _disconnect(transport)
    if listener.error is not None:
        raise listener.error
    raise ConnectionLost(_loss(transport))


async def probe(url: str, headers: Mapping[str, str]) -> None:
    """Connect and disconnect, to see whether it works. Raises ConnectionLost."""
    await _disconnect(await _connect(url, MessageListener(_ignore, text=False), headers, PING_SECONDS, None))


def stream_url(url: str, dialect: Dialect, cursor: int | None) -> str:
    """The URL that asks a host for the messages after this cursor."""
    query = [*dialect.query, *([] if cursor is None else [("cursor", str(cursor))])]
    return f"{url.rstrip('/')}{dialect.path}?{urlencode(query)}".rstrip("?")


async def _connect(
    url: str,
    listener: MessageListener,
    headers: Mapping[str, str],
    ping_seconds: float,
    tls: ssl.SSLContext | None,
) -> WSTransport:
    connecting = asyncio.ensure_future(
        ws_connect(
            lambda: listener,
            url,
            ssl_context=tls,
            websocket_handshake_timeout=OPEN_SECONDS,
            logger_name=logging.Logger("picows", logging.CRITICAL + 1),  # noqa: LOG001 - the stream logs its own losses
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
        raise ConnectionLost(_connect_failure(error)) from error
    finally:
        await _abandon(connecting)
    if transport.response is None:
        raise ConnectionLost("dropped")  # during the handshake
    return transport


async def _abandon(connecting: asyncio.Future[tuple[WSTransport, WSListener]]) -> None:
    """Close a connection that was cancelled in its handshake: picows leaves it half open."""
    if connecting.done():
        return
    done, _ = await asyncio.wait([connecting], timeout=DISCONNECT_SECONDS)
    if done and connecting.exception() is None:
        await _disconnect(connecting.result()[0])
    connecting.cancel()


def _connect_failure(error: Exception) -> str:
    """Why no connection could be made: the name of an XRPC error, an HTTP status, or a word of ours."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if not isinstance(error, WSHandshakeError) or error.response is None:
        return "unreachable" if isinstance(error, OSError) else "handshake"
    try:
        name = orjson.loads(error.raw_body or b"")["error"]
    except (ValueError, TypeError, KeyError):
        name = None
    return name[:100] if isinstance(name, str) else f"http {int(error.response.status)}"


def _loss(transport: WSTransport) -> str:
    """Why a connection ended without a close frame.

    "stalled": no ping was answered, so picows closed it. "dropped": the connection broke.
    """
    handshake = transport.close_handshake
    return "dropped" if handshake is None or handshake.sent is None else "stalled"


async def _disconnect(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(graceful=False)
        await asyncio.wait([asyncio.ensure_future(transport.wait_disconnected())], timeout=DISCONNECT_SECONDS)
