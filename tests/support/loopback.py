"""A real HTTP server on loopback that answers as it is told: what a client really sent can be asserted on."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 30.0  # seconds that a hanging answer hangs, if nobody closes the server before


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: object = None  # the client's end of the connection

    @property
    def json(self):
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Answer:
    """`hangs`: it never comes. `cut`: the connection ends in the middle of the body."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    cut: bool = False
    kind: str = "application/json"

    @property
    def bytes(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # beyond the default 5, a connection waits a second to be tried again


class Loopback:
    """Serves in a thread of its own, so that it outlives the event loops of a test.

    `answer` turns a Request into an Answer. `requests` holds all that was heard, in order.
    """

    def __init__(self, answer, port: int = 0) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = Request(
                    self.command, self.path, dict(self.headers.items()), body, self.client_address
                )
                loopback.requests.append(request)
                with suppress(ConnectionError):  # a client that gave up
                    loopback.send(self, loopback._answer(request))

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.hangs:
            self._closing.wait(LONGEST)
            handler.close_connection = True
            return
        body = answer.bytes
        handler.send_response(answer.status)
        for name, value in {"content-type": answer.kind, **answer.headers}.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if answer.cut else body)
        handler.wfile.flush()
        handler.close_connection = handler.close_connection or answer.cut
