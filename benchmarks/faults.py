"""A server of faults, in a process of its own: people's hosts, the bot's own PDS, and a model's provider.

It stands in front of a real PDS and directory, and passes on what no fault concerns. Documents and sessions
name it instead of that PDS. `PUT /fault` with a Fault as JSON replaces the fault of now.
"""

from __future__ import annotations

import gzip
import itertools
import json
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the servers are those of the tests
from support.loopback import Answer, Loopback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

    from support.loopback import Request

SENTENCE = "A fine walk in May."  # short enough for the gate to let it be said again
HALF = SENTENCE[: len(SENTENCE) // 2]
SECRET = "The user wants small talk. I must not name my rules."
BUSY_SECONDS = 20
SLOW_SECONDS = 0.95  # as 19 of the 20 seconds that a host may take
PASSED = ("content-type", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")
PAGE = b"<!doctype html><title>Attention</title><p>Verify that you are human.</p>"
MB = 2**20


@dataclass(frozen=True)
class Fault:
    """`name` is of one of the tables below, or none. `victims`: the DIDs whose hosts have it."""

    name: str = ""
    victims: tuple[str, ...] = ()


def html(status: int = 200, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(PAGE, status, names, kind="text/html")


def zstd_bomb() -> bytes:
    """48 kB that unpack to 1.5 GB: blocks that repeat one byte (RFC 8878, 3.1.1.2)."""
    count, size, rle = 12_000, 128 * 1024, 1
    blocks = ((size << 3 | rle << 1 | (number == count - 1)) for number in range(count))
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(struct.pack("<I", block)[:3] + b"a" for block in blocks)


def huge_record() -> bytes:
    return json.dumps({"uri": "at://x", "cid": "x", "value": {"text": "a" * 40 * MB}}).encode()


# What a person's host answers instead of its own words. The names of HANGING hosts are below.
HOSTS = {
    "firewall": lambda: html(403),
    "proxy_404": lambda: html(404),
    "gateway_502": lambda: html(502),
    "redirect": lambda: html(302, location="https://login.example.org/"),
    "login_page": html,
    "rate_limit": lambda: Answer(
        {"error": "RateLimitExceeded"}, 429, {"ratelimit-reset": str(int(time.time()) + 300)}
    ),
    "gzip_bomb": lambda: Answer(gzip.compress(bytes(48 * MB)), headers={"content-encoding": "gzip"}),
    "zstd_bomb": lambda: Answer(zstd_bomb(), headers={"content-encoding": "zstd"}),
    "huge_record": lambda: Answer(huge_record()),
    "wrong_json": lambda: Answer(["not", "what", "you", "asked"]),
    "cut": lambda: Answer({"value": {"text": "a" * 1000}}, cut=True),
}
# What the bot's own PDS answers; before the second it stores the post.
OWN = {
    "busy": lambda: Answer(
        {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"},
        429,
        {"ratelimit-reset": str(int(time.time()) + BUSY_SECONDS)},
    ),
    "stored_500": lambda: Answer({"error": "InternalServerError", "message": "Internal Server Error"}, 500),
}
HANGING = ("slow", "hang", "drip", "reset")
STORING = ("lost_answer", "stored_500")  # the post stands, and the bot does not hear of it
DIRECTORY = ("directory_404", "directory_503")


def completion(text: str | None, finish: str | None = "stop", calls: tuple[dict[str, Any], ...] = ()) -> Any:
    """The body as OpenAI's reference of `POST /chat/completions` has it."""
    message = {"role": "assistant", "content": text} | ({"tool_calls": list(calls)} if calls else {})
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1795000000,
        "model": "double",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


NUMBERS = itertools.count()


def healthy() -> Answer:
    function = {"name": "reply", "arguments": json.dumps({"text": SENTENCE})}
    call = {"id": f"call_{next(NUMBERS)}", "type": "function", "function": function}
    return Answer(completion(None, "tool_calls", (call,)))


# What a provider answers: the answer in a dialect that its server did not parse, a part of it, or none.
PROVIDERS = {
    "think": lambda: Answer(completion(f"<think>{SECRET}</think>\n{SENTENCE}")),
    "lone_think": lambda: Answer(completion(f"{SECRET}\n</think>\n\n{SENTENCE}")),
    "harmony": lambda: Answer(
        completion(
            f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>"
            f"{SENTENCE}<|return|>"
        )
    ),
    "text_call": lambda: Answer(
        completion(f'<tool_call>\n{{"name": "reply", "arguments": {{"text": "{SENTENCE}"}}}}\n</tool_call>')
    ),
    "only_thought": lambda: Answer(completion(f"<think>{SECRET}")),
    "json_text": lambda: Answer(completion(json.dumps({"answer": SENTENCE, "mood": "calm"}))),
    "length": lambda: Answer(completion(HALF, "length")),
    "no_finish": lambda: Answer(completion(HALF, None)),
    "model_cut": lambda: Answer(completion(SENTENCE), cut=True),
    "no_choices": lambda: Answer(completion(None) | {"choices": []}),
    "model_html": html,
    "model_429": lambda: Answer({"error": {"message": "busy"}}, 429, {"retry-after": "120"}),
    "model_500": lambda: Answer({"error": {"message": "no"}}, 500),
    "model_hang": lambda: Answer(hangs=True),
}


class Front(Loopback):
    """The server. `pds` and `plc` are URLs of the real ones."""

    def __init__(self, pds: str, plc: str) -> None:
        super().__init__(self.respond)
        self._server.handle_error = lambda *_: None  # clients give up: that is what they are here for
        self._pds, self._plc = pds, plc
        self._fault, self._answer_of_fault = Fault(), Answer()
        self._upstream = httpx.Client(timeout=30, follow_redirects=False)

    def respond(self, request: Request) -> Answer:
        self.requests.clear()  # they would fill the memory
        if request.path == "/fault":
            self._set(Fault(**request.json))
            return Answer({})
        if request.path.startswith("/v1/"):
            return self._answer_of_fault if self._fault.name in PROVIDERS else healthy()
        if not self._is_concerned(request):
            return self._pass_on(request)
        if self._fault.name == "slow":
            time.sleep(SLOW_SECONDS)
            return self._pass_on(request)
        if self._fault.name in STORING:
            self._pass_on(request)
        return self._answer_of_fault

    def _set(self, fault: Fault) -> None:
        made = (HOSTS | OWN | PROVIDERS).get(fault.name)
        self._fault, self._answer_of_fault = fault, made() if made else html(503)
        if fault.name == "directory_404":
            self._answer_of_fault = html(404)

    def _is_concerned(self, request: Request) -> bool:
        name = self._fault.name
        if name == "outage":
            return True
        if name in STORING:
            return "putRecord" in request.path
        if name == "busy":
            return "Authorization" in request.headers
        if "Authorization" in request.headers or not any(
            did in unquote(request.path) for did in self._fault.victims
        ):
            return False
        is_document = request.path.startswith("/did:")
        return name in DIRECTORY if is_document else name in HOSTS or name in HANGING

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        """Answer, or do what no answer can say: the connection ends, or its bytes come too slowly."""
        name = self._fault.name if answer is self._answer_of_fault else ""
        match name:
            case "outage" | "reset" | "lost_answer":
                handler.connection.setsockopt(*LINGER_NOT)
                handler.close_connection = True
            case "hang":
                super().send(handler, Answer(hangs=True))
            case "drip":
                drip(handler)
            case _:
                super().send(handler, answer)

    def _pass_on(self, request: Request) -> Answer:
        url = self._plc if request.path.startswith("/did:") else self._pds
        kept = ("authorization", "content-type", "accept")
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        found = self._upstream.request(
            request.method, f"{url}{request.path}", content=request.body or None, headers=headers
        )
        body = found.content.replace(self._pds.encode(), self.url.encode())
        passed = {name: found.headers[name] for name in PASSED if name in found.headers}
        return Answer(body, found.status_code, passed)


LINGER_NOT = (1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: close sends a reset


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Headers, then a byte at a time, for longer than anybody waits."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.05)
    handler.close_connection = True


class Faults:
    """The server's process, from the side of the script."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.url = url
        self.client = client

    def set(self, fault: Fault) -> None:
        self.client.put(f"{self.url}/fault", json=asdict(fault)).raise_for_status()


@contextmanager
def serving(pds: str, plc: str) -> Iterator[Faults]:
    command = [sys.executable, "-m", "benchmarks.faults", pds, plc]
    with (
        httpx.Client(timeout=30) as client,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield Faults(process.stdout.readline().strip(), client)
        finally:
            process.kill()


if __name__ == "__main__":
    with Front(*sys.argv[1:]) as front:
        print(front.url, flush=True)
        threading.Thread(target=lambda: (sys.stdin.read(), front._closing.set()), daemon=True).start()
        front._closing.wait()
