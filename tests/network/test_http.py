"""Reading from hosts that do as they like: real sockets on loopback."""

import asyncio
import gzip
import ssl
import time
import tracemalloc
import zlib

import httpcore2
import pytest
from support.http_server import answering, http, serving

from benchmarks.ingest import _certificate
from bot.domain.budget import ReadBudget
from bot.errors import ReadRefused, TransientNetworkError
from bot.network.http import ERROR_BYTES, JSON_BYTES, HttpReader

PUBLIC = "93.184.216.34"


async def got(answer, **more):
    """The JSON that a reader makes of this answer of the operator's own host."""
    async with answering(answer) as url, HttpReader(5, (url,)) as reader:
        return await reader.get_json(url, **more)


async def test_json_is_read():
    assert await got(http(200, b'{"a": 1}')) == {"a": 1}
    assert await got(http(200, b'{"a": 1}', kind="application/did+ld+json; charset=utf-8")) == {"a": 1}
    whole = b'{"a": "' + b"x" * (JSON_BYTES - 9) + b'"}'
    assert len((await got(http(200, whole)))["a"]) == JSON_BYTES - 9


TROUBLES = {
    "400": http(400, b'{"error": "InvalidRequest"}'),
    "401": http(401),
    "403": http(403, b"<h1>Just a moment...</h1>", "cf-mitigated: challenge\r\n", "text/html"),
    "404": http(404, b"404 page not found", kind="text/plain"),
    "410": http(410, b"gone"),
    "418": http(418),
    "429": http(429, headers="retry-after: 7\r\n"),
    "451": http(451),
    "500": http(500, b'{"error": "InternalServerError", "message": "x"}'),
    "502": http(502, b'{"error": "UpstreamFailure", "message": "x"}'),
    "503": http(503, b"<h1>busy</h1>", "retry-after: 7\r\n"),
    "520": http(520),
    "204": b"HTTP/1.1 204 X\r\n\r\n",
    "206": http(206, b"{}"),
    "301": http(301, headers="location: http://127.0.0.1:1/\r\n"),
    "302 to a login page": http(302, headers="location: /login\r\n"),
    "304": b"HTTP/1.1 304 X\r\n\r\n",
    "200 in HTML": http(200, b"<h1>hi</h1>", kind="text/html"),
    "200 with JSON that says HTML": http(200, b"{}", kind="text/html"),
    "200 with JSON that says text": http(200, b"{}", kind="text/plain"),
    "200 without a type": b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}",
    "200 in HTML that says JSON": http(200, b"<h1>hi</h1>"),
    "half of a character": http(200, b'"\\ud800"'),
    "not a number": http(200, b"NaN"),
    "nothing": http(200, b""),
    "no HTTP": b"hello\r\n\r\n",
    "another version": b"HTTP/9.9 200 OK\r\n\r\n{}",
    "cut off": http(200, b"{}").replace(b"length: 2", b"length: 9"),
    "two lengths": http(200, b"{}", "content-length: 3\r\n"),
    "silence": b"",
}


@pytest.mark.parametrize("answer", TROUBLES.values(), ids=TROUBLES)
async def test_any_answer_but_sound_json_is_trouble(answer):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with serving(serve) as url, HttpReader(5, (url,)) as reader:
        with pytest.raises(TransientNetworkError) as caught:
            await reader.get_json(url)
    assert not isinstance(caught.value, ReadRefused)
    assert caught.value.retry_after == (7 if b"retry-after" in answer else None)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[" * 100 + b"]" * 100, b'{"a":' * 60 + b"1" + b"}" * 60])
async def test_json_that_is_nested_too_deep_is_never_handed_on(body):
    with pytest.raises(TransientNetworkError):
        await got(http(200, body))


ZEROS = bytes(64 * 1024 * 1024)
PACKED = {
    "gzip": gzip.compress(ZEROS),
    "x-gzip": gzip.compress(ZEROS),
    "deflate": zlib.compress(ZEROS),
    "br": b"\x1b\xff\xff",
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(100),
    "compress": b"\x1f\x9d",
    "identity, gzip": gzip.compress(ZEROS),
    "gzip\r\ncontent-encoding: identity": gzip.compress(ZEROS),
    "GZIP": gzip.compress(ZEROS),
    "made-up": b"{}",
}


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("status", [200, 400, 404])
async def test_an_encoded_answer_is_refused_before_it_is_decoded(encoding, status):
    heads, packed = [], http(status, PACKED[encoding], f"content-encoding: {encoding}\r\n")
    async with answering(packed, seen=heads) as url, HttpReader(5, (url,)) as reader:
        tracemalloc.start()
        with pytest.raises(ReadRefused, match="encoded"):
            await reader.get(url)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "accept-encoding: identity\r\n" in heads[0].lower()
    assert peak < 2_000_000


def chunked(*chunks):
    return (
        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"".join(b"%x%s\r\n%s\r\n" % (len(data), extension, data) for extension, data in chunks)
    )


def endless(begin, piece):
    """Sends `piece` again and again after `begin`, and counts what it could send."""
    sent = []

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        while True:
            writer.write(piece)
            await writer.drain()
            sent.append(len(piece))

    return serving(serve), sent


HEAD = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n"
ENDLESS = {
    "a body": (HEAD % 200 + b"\r\n", b"[" * 100_000),
    "a body of a promised length": (HEAD % 200 + b"content-length: 99999999999\r\n\r\n", b" " * 100_000),
    "chunks": (HEAD % 200 + b"transfer-encoding: chunked\r\n\r\n", b"10\r\n0123456789abcdef\r\n" * 1000),
    "chunks around nothing": (
        HEAD % 200 + b"transfer-encoding: chunked\r\n\r\n",
        b"1;" + b"x" * 16_000 + b"\r\n \r\n",
    ),
    "interim responses": (b"", b"HTTP/1.1 103 Early\r\nlink: " + b"x" * 5000 + b"\r\n\r\n"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_endless_answer_is_refused_within_its_limit_and_in_flat_memory(kind):
    server, sent = endless(*ENDLESS[kind])
    async with server as url, HttpReader(20, (url,)) as reader:
        tracemalloc.start()
        begun = time.monotonic()
        with pytest.raises(ReadRefused):
            await reader.get(url)
        took, peak = time.monotonic() - begun, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert took < 15
    assert peak < 3_000_000
    assert sum(sent) < 12_000_000  # what waits in the buffers of both ends counts, too


@pytest.mark.parametrize("headers", [f"x: {'a' * 200_000}\r\n", f"x: {'a' * 100}\r\n" * 2000])
async def test_headers_have_a_limit_of_their_own(headers):
    with pytest.raises(ReadRefused):
        await got(http(200, headers=headers))


async def test_an_error_page_without_end_is_read_no_further_than_its_beginning():
    server, _ = endless(HEAD % 404 + b"\r\n", b"<p>" * 30_000)
    async with server as url, HttpReader(20, (url,)) as reader:
        response = await reader.get(url)
    assert response.status == 404
    assert len(response.body) == ERROR_BYTES


async def test_the_limit_is_of_the_body_that_was_asked_for():
    async with answering(http(200, b"x" * 1000)) as url, HttpReader(5, (url,)) as reader:
        assert len((await reader.get(url, limit=1000)).body) == 1000
        with pytest.raises(ReadRefused, match="more than 999 bytes"):
            await reader.get(url, limit=999)


async def test_reads_that_share_a_budget_have_no_more_bytes_than_that_together():
    async with answering(http(200, b"x" * 1000)) as url, HttpReader(5, (url,)) as reader:
        budget = ReadBudget(float("inf"), 2500)
        assert [len((await reader.get(url, budget=budget)).body) for _ in range(2)] == [1000, 1000]
        for _ in range(2):
            with pytest.raises(ReadRefused, match="budget"):
                await reader.get(url, budget=budget)


async def test_a_server_that_drips_is_left_in_time():
    async with answering(http(200, b"{}")[:-1], hang=True) as url, HttpReader(0.2, (url,)) as reader:
        begun = time.monotonic()
        with pytest.raises(TransientNetworkError, match="TimeoutError"):
            await reader.get_json(url)
    assert time.monotonic() - begun < 3


async def test_no_redirect_is_followed_and_no_cookie_kept():
    heads, answer = [], http(302, headers="location: /there\r\nset-cookie: a=b\r\n")
    async with answering(answer, seen=heads) as url, HttpReader(5, (url,)) as reader:
        for _ in range(2):
            assert (await reader.get(f"{url}/here", {"q": "a b&c=d"})).status == 302
    assert [head.split("\r\n")[0] for head in heads] == ["GET /here?q=a+b%26c%3Dd HTTP/1.1"] * 2
    assert not any("cookie" in head.lower() for head in heads)


# --- addresses ---


class Names:
    """A resolver that answers from a list of its own, the next one each time."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def __call__(self, host, port):
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["10.0.0.1", PUBLIC],
    ],
)
async def test_a_name_that_resolves_inward_is_refused_before_connecting(addresses):
    connections = []

    async def serve(reader, writer):
        connections.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, HttpReader(5, resolve=Names(addresses)) as reader:
        with pytest.raises(ReadRefused, match=r"rebind\.example\.com leads into a local network"):
            await reader.get("https://rebind.example.com/xrpc/x")
        await asyncio.sleep(0.05)
    assert connections == []


async def test_the_connection_goes_to_the_address_that_was_checked_though_the_name_changes():
    names, connected = Names([PUBLIC], ["127.0.0.1"]), []

    class Recorder:
        async def connect_tcp(self, host, *_):
            connected.append(host)
            raise httpcore2.ConnectError

    async with HttpReader(5, resolve=names) as reader:
        reader._backend._backend = Recorder()
        with pytest.raises(TransientNetworkError):
            await reader.get("https://rebind.example.com/xrpc/x")
        assert (connected, names.asked) == ([PUBLIC], ["rebind.example.com"])
        with pytest.raises(ReadRefused):
            await reader.get("https://rebind.example.com/xrpc/x")
    assert connected == [PUBLIC]


async def test_the_next_address_of_a_host_is_tried_when_one_does_not_answer():
    connected = []

    class Recorder:
        async def connect_tcp(self, host, *_):
            connected.append(host)
            raise httpcore2.ConnectError

    async with HttpReader(5, resolve=Names(["1.1.1.1", "1.1.1.1", "8.8.8.8", *["9.9.9.9"] * 9])) as reader:
        reader._backend._backend = Recorder()
        with pytest.raises(TransientNetworkError):
            await reader.get("https://two.example.com")
    assert connected == ["1.1.1.1", "8.8.8.8", "9.9.9.9"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.0x1:{port}",
        "https://2130706433:{port}",
        "https://localhost.:{port}",
        "http://127.0.0.1:{port}",
    ],
)
async def test_no_spelling_of_loopback_reaches_a_listening_port(url):
    connections = []

    async def serve(reader, writer):
        connections.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, HttpReader(5) as reader:
        with pytest.raises(ReadRefused):
            await reader.get(url.format(port=server.sockets[0].getsockname()[1]))
        await asyncio.sleep(0.05)
    assert connections == []


async def test_only_the_exact_origin_of_the_settings_is_open():
    async with answering(http(200)) as url, answering(http(200)) as other, HttpReader(5, (url,)) as reader:
        assert (await reader.get(f"{url}/anything")).status == 200
        for forbidden in (other, url.replace("127.0.0.1", "localhost"), url.replace("http:", "https:")):
            with pytest.raises(ReadRefused):
                await reader.get(forbidden)


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long"), None])
async def test_a_name_that_does_not_resolve_is_trouble(failure):
    async def resolve(host, port):
        if failure:
            raise failure
        return []

    async with HttpReader(5, resolve=resolve) as reader:
        with pytest.raises(TransientNetworkError, match=r"gone\.example\.com"):
            await reader.get("https://gone.example.com")


async def test_tls_is_spoken_with_the_name_at_the_address(tmp_path):
    cert, names, heads = _certificate(tmp_path), [], []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(cert)
    server_side.sni_callback = lambda connection, name, context: names.append(name)
    trusting = ssl.create_default_context(cafile=cert)
    trusting.check_hostname = False  # the certificate is that of 127.0.0.1

    async def serve(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(http(200, b'{"a": 1}'))

    async with serving(serve, tls=server_side) as url:
        named = url.replace("127.0.0.1", "pds.test")
        async with HttpReader(5, (named,), resolve=Names(["127.0.0.1"]), tls=trusting) as reader:
            assert await reader.get_json(named) == {"a": 1}
        async with HttpReader(5, (named,), resolve=Names(["127.0.0.1"])) as reader:
            with pytest.raises(TransientNetworkError, match="ConnectError"):  # nobody vouches for it
                await reader.get_json(named)
    assert names == ["pds.test"] * 2
    assert [f"host: {named.removeprefix('https://')}" in head.lower() for head in heads] == [True]
