"""The sender and the receivers of the ingest benchmark. Each runs in its own process on its own core.

`python -m benchmarks.ends serve ...` sends what is in a file. `... bare|ours|stock ...` receives it and
prints the cost as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.streams.stream import Stream

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE = b"\x88\x02\x03\xe8"
CHUNK = 1 << 20
ROUTES = {
    "firehose": "/xrpc/com.atproto.sync.subscribeRepos",
    "jetstream": "/xrpc/network.bsky.jetstream.subscribeEvents",
}


# --- the sender ---


def head(size: int, *, text: bool) -> bytes:
    """The websocket header of a whole message from a server."""
    first = 0x81 if text else 0x82
    if size < 126:
        return bytes((first, size))
    return struct.pack(">BBH", first, 126, size) if size < 65536 else struct.pack(">BBQ", first, 127, size)


def serve(options: argparse.Namespace) -> None:
    """Print the port; then answer connections one after another, each with the whole file, for ever."""
    data = memoryview(Path(options.file).read_bytes())
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            sock = _wrap_tls(connection, options.cert) if options.cert else connection
            _upgrade(sock)
            if options.rate:
                _send_paced(sock, data, options.rate)
            else:
                _send_all(sock, data, options.repeat)
            sock.sendall(CLOSE)
            while (answer := sock.recv(CHUNK)) and answer[0] & 15 != 8:  # until it closes too
                pass
            sock.close()
        connection.close()


def _wrap_tls(connection: socket.socket, cert: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    return context.wrap_socket(connection, server_side=True)


def _upgrade(sock: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        request += (part := sock.recv(4096))
        if not part:
            raise ConnectionError  # it left before it asked
    headers = dict(line.lower().split(b": ", 1) for line in request.split(b"\r\n")[1:] if b": " in line)
    key = next(
        line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")
    )
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    more = b"Sec-WebSocket-Protocol: xrpc.v1.json\r\n" if b"sec-websocket-protocol" in headers else b""
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n"
    )


def _send_all(sock: socket.socket, data: memoryview, repeat: int) -> None:
    for _ in range(repeat):
        for at in range(0, len(data), CHUNK):
            sock.sendall(data[at : at + CHUNK])


def _send_paced(sock: socket.socket, data: memoryview, rate: float) -> None:
    """Send `rate` messages per second; print when each was sent."""
    at, number, sent, begun = 0, 0, [], time.monotonic()
    while at < len(data):
        flag = data[at + 1]
        start, size = at + 2, flag
        if flag == 126:
            start, size = at + 4, struct.unpack_from(">H", data, at + 2)[0]
        while time.monotonic() < begun + number / rate:
            pass
        sent.append(time.monotonic())
        sock.sendall(data[at : start + size])
        at, number = start + size, number + 1
    print(json.dumps(sent), flush=True)


# --- the receivers ---


class Meter:
    """Measures CPU seconds and memory of this process, from `start` on."""

    def __init__(self) -> None:
        self._cpu = 0.0

    def start(self) -> None:
        self._cpu = time.process_time()

    def result(self, **more: Any) -> dict[str, Any]:
        cpu = time.process_time() - self._cpu
        status = Path("/proc/self/status").read_text()  # getrusage would tell the parent's peak
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return {"cpu": cpu, "rss_mb": peak / 1024, **more}


def bare(options: argparse.Namespace) -> dict[str, Any]:
    """The lower limit of the cost: receive, count bytes, drop."""
    return asyncio.run(_bare_tls(options)) if options.cert else _bare_plain(options)


def _request(options: argparse.Namespace) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {ROUTES[options.stream]} HTTP/1.1\r\nHost: 127.0.0.1:{options.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def _bare_plain(options: argparse.Namespace) -> dict[str, Any]:
    meter, buffer, total = Meter(), bytearray(CHUNK), 0
    with socket.create_connection(("127.0.0.1", options.port)) as sock:
        sock.sendall(_request(options))
        meter.start()
        while total < options.bytes and (size := sock.recv_into(buffer)):
            total += size
        return meter.result(bytes=total)


async def _bare_tls(options: argparse.Namespace) -> dict[str, Any]:
    import aiofastnet

    meter, loop = Meter(), asyncio.get_running_loop()
    done = loop.create_future()

    class Drop(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer, self.total = bytearray(256 * 1024), 0

        def get_buffer(self, _: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.total += nbytes
            if self.total >= options.bytes and not done.done():
                done.set_result(None)

    transport, protocol = await aiofastnet.create_connection(
        loop, Drop, "127.0.0.1", options.port, ssl=ssl.create_default_context(cafile=options.cert)
    )
    transport.write(_request(options))
    meter.start()
    await done
    transport.abort()
    return meter.result(bytes=protocol.total)


class Finished(Exception):
    """The whole file was received."""


def ours(options: argparse.Namespace) -> dict[str, Any]:
    """The bot's stream, up to its typed events."""
    return asyncio.run(_run_ours(options))


async def _run_ours(options: argparse.Namespace) -> dict[str, Any]:
    meter, events = Meter(), []
    stream = _make_stream(options)
    opened = stream._opened
    stream._opened = lambda: (opened(), meter.start())
    with contextlib.suppress(Finished):
        async for event in stream.events(None):
            name = type(event).__name__
            if name not in ("Progress", "Gap"):
                uri = event.ref.uri if name == "PostCreated" else getattr(event, "uri", None)
                events.append((name, uri or event.did, time.monotonic()))
    counts = {key: stream.counts[key] for key in ("candidates", "hits")}
    return meter.result(heard=stream._received, events=events, counts=counts)


def _make_stream(options: argparse.Namespace) -> Stream:
    import logging

    import structlog

    from bot.domain.tracked import Tracked
    from bot.streams.firehose import Firehose
    from bot.streams.jetstream import Jetstream

    async def finish(_: float) -> None:
        raise Finished

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    planted = json.loads(Path(options.planted).read_text())
    kind = Firehose if options.stream == "firehose" else Jetstream
    tls = ssl.create_default_context(cafile=options.cert) if options.cert else None
    scheme = "wss" if options.cert else "ws"
    tracked = Tracked(planted["me"], planted["people"], planted["posts"])
    return kind(f"{scheme}://127.0.0.1:{options.port}", tracked, sleep=finish, tls=tls)


def stock(options: argparse.Namespace) -> dict[str, Any]:
    """The SDK's client with full decode, as its examples do."""
    os.environ["SSL_CERT_FILE"] = options.cert or ""
    if not options.cert:
        del os.environ["SSL_CERT_FILE"]
    base = f"{'wss' if options.cert else 'ws'}://127.0.0.1:{options.port}/xrpc"
    return (_stock_firehose if options.stream == "firehose" else _stock_jetstream)(base)


def _stock_firehose(base: str) -> dict[str, Any]:
    from atproto import CAR, FirehoseSubscribeReposClient, models, parse_subscribe_repos_message

    meter, seen, posts = Meter(), 0, 0
    client = FirehoseSubscribeReposClient(base_uri=base)

    def on_message(message: Any) -> None:
        nonlocal seen, posts
        if not seen:
            meter.start()
        seen += 1
        commit = parse_subscribe_repos_message(message)
        if not isinstance(commit, models.ComAtprotoSyncSubscribeRepos.Commit) or not commit.blocks:
            return
        car = CAR.from_bytes(commit.blocks)
        for op in commit.ops:
            if op.action != "create" or not op.cid:
                continue
            raw = car.blocks.get(op.cid)
            if raw:
                record = models.get_or_create(raw, strict=False)
                posts += record is not None

    client.start(on_message)
    return meter.result(heard=seen, posts=posts)


def _stock_jetstream(base: str) -> dict[str, Any]:
    from atproto import JetstreamClient

    meter, seen = Meter(), 0
    client = JetstreamClient(base_uri=base, compress=False)

    def on_message(_: Any) -> None:
        nonlocal seen
        if not seen:
            meter.start()
        seen += 1

    client.start(on_message)
    return meter.result(heard=seen)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("end", choices=["serve", "bare", "ours", "stock"])
    parser.add_argument("--core", type=int)
    parser.add_argument("--file")
    parser.add_argument("--cert")
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--port", type=int)
    parser.add_argument("--bytes", type=int)
    parser.add_argument("--planted")
    parser.add_argument("--stream", choices=list(ROUTES), default="firehose")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    ends: dict[str, Callable[[argparse.Namespace], Any]] = {
        "serve": serve,
        "bare": bare,
        "ours": ours,
        "stock": stock,
    }
    json.dump(ends[options.end](options), sys.stdout)


if __name__ == "__main__":
    main()
