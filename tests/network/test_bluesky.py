"""The account on a real PDS, and on servers that misbehave."""

import asyncio
import base64
import contextlib
import itertools
import json
import time
from types import SimpleNamespace

import pytest

from bot.domain.embeds import blob_cid
from bot.errors import KeyTaken, PermanentNetworkError, TransientNetworkError, Unlabelled
from bot.network.bluesky import Bluesky
from bot.network.http import LIMIT_BYTES, HttpReader
from bot.network.identity import MAX_CACHED, TTL_SECONDS, DidResolver, Identity, TtlCache

NUMBERS = itertools.count(1)
RKEY = "3kabcdefghijk"
RECORD = json.dumps({"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-22T12:00:00.000Z"})
URI = f"at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/{RKEY}"


class Store:
    """Where the session is kept, and how often a new one was."""

    def __init__(self, session=None):
        self.session = session
        self.saved = 0

    def load(self):
        return self.session

    def save(self, session):
        self.session, self.saved = session, self.saved + 1


@contextlib.asynccontextmanager
async def connected(net, actor, store, **more):
    settings = {
        "handle": actor.handle,
        "password": actor.account.password,
        "pds_url": net.pds_url,
        "plc_url": net.plc_url,
        "load": store.load,
        "save": store.save,
    }
    network = await Bluesky.connect(**(settings | more))
    try:
        yield network
    finally:
        await network.close()


@pytest.fixture
def robot(localnet):
    actor = localnet.actor(f"robot{next(NUMBERS)}")
    actor.label("bot")
    return actor


@pytest.mark.network
async def test_an_account_without_the_bot_label_is_refused(localnet):
    actor = localnet.actor(f"robot{next(NUMBERS)}")
    for labels in ((), ("spam",)):
        actor.label(*labels)
        with pytest.raises(Unlabelled):
            async with connected(localnet, actor, Store()):
                pass
    async with connected(localnet, actor, Store(), require_label=False) as network:
        assert network.did == actor.did


@pytest.mark.network
async def test_a_wrong_password_is_refused_with_what_to_do(localnet, robot):
    with pytest.raises(PermanentNetworkError, match=f"password of {robot.handle}. Make an app password"):
        async with connected(localnet, robot, Store(), password="wrong"):
            pass


@pytest.mark.network
async def test_a_stored_session_is_no_login(localnet, robot):
    store = Store()
    for _ in range(3):
        async with connected(
            localnet, robot, store, password="wrong" if store.session else robot.account.password
        ):
            pass
    assert store.saved == 1


@pytest.mark.network
@pytest.mark.parametrize("broken", ["", "nonsense", "a:::b:::c:::d:::http://localhost:1", "expired"])
async def test_a_refused_session_is_one_fresh_login(localnet, robot, broken):
    if broken == "expired":
        store = Store()
        async with connected(localnet, robot, store):
            pass
        fields = store.session.split(":::")
        broken = ":::".join([*fields[:2], old(fields[2]), old(fields[3]), fields[4]])
    store = Store(broken)
    async with connected(localnet, robot, store) as network:
        await network.put(RKEY, RECORD)
    assert store.saved == 1


def old(token):
    """The token, expired (and so with a wrong signature)."""
    head, payload, signature = token.split(".")
    body = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"exp": int(time.time()) - 9999}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip('=')}.{signature}"


@pytest.mark.network
async def test_a_session_that_dies_is_renewed_once_for_all_waiting_calls(localnet, robot):
    store = Store()
    async with connected(localnet, robot, store) as network:
        session = network._session._client._session_dispatcher.session
        session.access_jwt = session.access_jwt[:-4] + "AAAA"
        await asyncio.gather(*(network.put(f"3kabcdefghij{letter}", RECORD) for letter in "abcdef"))
    assert store.saved == 2


@pytest.mark.network
async def test_a_post_stored_before_the_timeout_is_one_post_when_sent_again(localnet, robot):
    async with (
        connected(localnet, robot, Store(), timeout=0.5) as network,
        deaf_proxy(localnet.pds_url) as deaf,
    ):
        network._session._client.update_base_url(deaf)
        with pytest.raises(TransientNetworkError):
            await network.put(RKEY, RECORD)
        assert [post.text for post in robot.posts()] == ["hi"]
        network._session._client.update_base_url(localnet.pds_url)
        ref = await network.put(RKEY, RECORD)
        with pytest.raises(KeyTaken):
            await network.put(RKEY, RECORD.replace("hi", "ho"))
    assert [(post.ref, post.text) for post in robot.posts()] == [(ref, "hi")]


def deaf_proxy(url):
    """Passes on what is asked, and never an answer."""

    async def serve(reader, writer):
        _, upstream = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        with contextlib.closing(upstream):
            while data := await reader.read(65536):
                upstream.write(data)

    return serving(serve)


@pytest.mark.network
async def test_the_post_of_a_deactivated_account_is_gone(localnet, robot):
    person = localnet.actor(f"person{next(NUMBERS)}x")
    ref = person.post("hi")
    async with connected(localnet, robot, Store()) as network:
        assert (await network.post(ref.uri)).ref == ref
        person.deactivate()
        assert await network.post(ref.uri) is None


@pytest.mark.network
async def test_a_deactivated_bot_is_told_so(localnet, robot):
    async with connected(localnet, robot, Store()) as network:
        robot.deactivate()
        with pytest.raises(PermanentNetworkError, match="AccountDeactivated"):
            await network.put(RKEY, RECORD)


# --- servers that misbehave ---


@contextlib.asynccontextmanager
async def serving(serve):
    """An HTTP server whose connections end with it."""
    tasks = []

    async def accept(reader, writer):
        tasks.append(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def answering(answer, *, hang=False):
    """Gives these bytes to whatever is asked."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if hang:
            await reader.read()

    return serving(serve)


def http(status, body=b"{}", headers=""):
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body


TROUBLES = {
    "429": http(429, headers="retry-after: 7\r\n"),
    "500": http(500, b'{"error": "InternalServerError", "message": "x"}'),
    "502": http(502, b'{"error": "UpstreamFailure", "message": "x"}'),
    "503 in prose": http(503, b"<h1>busy</h1>"),
    "no JSON": http(200, b"<h1>hi</h1>"),
    "too deep": http(200, b"[" * 100_000),
    "no HTTP": b"hello\r\n\r\n",
    "cut off": http(200, b"{}").replace(b"length: 2", b"length: 9"),
    "nothing": b"",
}
REFUSALS = {
    "400": http(400, b'{"error": "RecordNotFound", "message": "x"}'),
    "400 in odd JSON": http(400, b'["RecordNotFound"]'),
    "403": http(403),
    "404": http(404, b"no"),
    "redirect": http(302, headers="location: http://127.0.0.1:1/\r\n"),
    "too long": http(200, b'"' + b"a" * LIMIT_BYTES + b'"'),
}


@pytest.mark.parametrize("answer", TROUBLES.values(), ids=TROUBLES)
async def test_a_server_in_trouble_may_be_asked_again(answer):
    async with answering(answer) as url, HttpReader(5) as reader:
        with pytest.raises(TransientNetworkError) as caught:
            await reader.get(url)
    assert caught.value.retry_after == (7 if b"retry-after" in answer else None)


@pytest.mark.parametrize("answer", REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_is_final(answer):
    async with answering(answer) as url, HttpReader(5) as reader:
        with pytest.raises(PermanentNetworkError):
            await reader.get(url)


async def test_a_server_that_drips_is_left_in_time():
    async with answering(http(200, b"{}")[:-1], hang=True) as url, HttpReader(0.2) as reader:
        begun = time.monotonic()
        with pytest.raises(TransientNetworkError):
            await reader.get(url)
    assert time.monotonic() - begun < 3


@pytest.mark.network
@pytest.mark.parametrize(
    ("answer", "error"),
    [(answer, TransientNetworkError) for answer in TROUBLES.values()]
    + [(REFUSALS[name], PermanentNetworkError) for name in ("400", "403", "404")]
    + [
        (http(400, b'{"error": "InvalidSwap", "message": "x"}'), KeyTaken),
        (http(500, b'{"error": "x", "message": "y", "more": 1}'), TransientNetworkError),
        (http(401, b'{"error": "AccountTakedown", "message": "x"}'), PermanentNetworkError),
        (http(413, b'{"error": "PayloadTooLarge", "message": "x"}'), PermanentNetworkError),
        (http(200, b'{"uri": 1}'), TransientNetworkError),
    ],
    ids=itertools.count(),
)
async def test_what_a_put_meets_is_trouble_or_refusal(localnet, shared_robot, answer, error):
    actor, store = shared_robot
    async with connected(localnet, actor, store) as network, answering(answer) as url:
        network._session._client.update_base_url(url)
        with pytest.raises(error):
            await network.put(RKEY, RECORD)
        network._session._client.update_base_url(localnet.pds_url)


@pytest.fixture(scope="module")
def shared_robot(localnet):
    actor = localnet.actor(f"robot{next(NUMBERS)}")
    actor.label("bot")
    return actor, Store()


# --- identities ---


def document(did, pds="https://pds.example.com", names=("at://Alice.test",)):
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}
    return {"id": did, "alsoKnownAs": list(names), "service": [service]}


class Documents:
    def __init__(self, documents):
        self.documents, self.asked = documents, []

    async def __call__(self, url, params=None):
        self.asked.append(url)
        if url not in self.documents:
            raise PermanentNetworkError(404)
        return self.documents[url]


async def test_a_did_is_resolved_once_in_ten_minutes():
    get = Documents({"http://plc/did:plc:alice": document("did:plc:alice")})
    directory = DidResolver("http://plc/", "http://localhost:1", get)
    identity = Identity("did:plc:alice", "alice.test", "https://pds.example.com")
    assert [await directory.resolve("did:plc:alice") for _ in range(2)] == [identity] * 2
    assert len(get.asked) == 1
    assert await directory.resolve("did:plc:alice", fresh=True) == identity
    assert len(get.asked) == 2


async def test_a_did_web_is_resolved_at_its_host():
    url = "https://alice.example.com/.well-known/did.json"
    get = Documents({url: document("did:web:alice.example.com")})
    directory = DidResolver("http://plc", "http://localhost:1", get)
    assert (await directory.resolve("did:web:alice.example.com")).handle == "alice.test"


@pytest.mark.parametrize(
    "pds",
    [
        "http://pds.example.com",
        "https://127.0.0.1",
        "https://127.1",
        "https://[::1]",
        "https://localhost",
        "file:///etc",
        "https://169.254.169.254/latest",
        "https://a@b.example.com",
        "https://[",
        "http://localhost:2",
        "",
        7,
        None,
    ],
)
async def test_a_pds_inside_our_own_network_is_never_visited(pds):
    get = Documents({"http://plc/did:plc:mallory": document("did:plc:mallory", pds)})
    assert await DidResolver("http://plc", "http://localhost:1", get).resolve("did:plc:mallory") is None


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        "x",
        {"id": "did:plc:mallory"},
        {"id": "did:plc:mallory", "service": [7, {"id": []}, None]},
        document("did:plc:alice"),
    ],
)
async def test_an_odd_document_is_nobody(odd):
    get = Documents({"http://plc/did:plc:mallory": odd})
    assert await DidResolver("http://plc", "http://localhost:1", get).resolve("did:plc:mallory") is None


def test_a_cache_forgets_what_is_old_and_what_is_too_much():
    now = [0.0]
    cache = TtlCache(lambda: now[0])
    cache.put("first", 1)
    now[0] += TTL_SECONDS - 1
    assert cache.get("first") == 1
    now[0] += 1
    assert cache.get("first") is None
    for number in range(MAX_CACHED + 1):
        cache.put(str(number), number)
    assert (cache.get("0"), cache.get("1"), len(cache._values)) == (None, 1, MAX_CACHED)


async def test_a_claimed_handle_that_leads_elsewhere_is_not_told():
    url = f"http://plc/{URI.split('/')[2]}"
    did = URI.split("/")[2]
    get = Documents(
        {
            url: document(did),
            "https://bsky.example/xrpc/com.atproto.identity.resolveHandle": {"did": "did:plc:alice"},
        }
    )
    reader = type("R", (), {"get": staticmethod(get)})()
    login = type("L", (), {"did": "did:plc:bot", "handle": "bot.example"})()
    network = Bluesky(login, reader, pds_url="https://bsky.example", plc_url="http://plc")
    assert (await network.profile(did)).handle is None
    get.documents["https://bsky.example/xrpc/com.atproto.identity.resolveHandle"] = {"did": did}
    network = Bluesky(login, reader, pds_url="https://bsky.example", plc_url="http://plc")
    assert (await network.profile(did)).handle == "alice.test"


async def test_bytes_that_are_not_those_of_their_name_are_no_picture():
    did, served = "did:plc:alice", [b"a cat", b"a virus"]

    async def get_bytes(url, params, limit):
        return served.pop(0)

    get = Documents({f"http://plc/{did}": document(did)})
    reader = SimpleNamespace(get=get, get_bytes=get_bytes)
    login = SimpleNamespace(did="did:plc:bot", handle="bot.example")
    network = Bluesky(login, reader, pds_url="https://bsky.example", plc_url="http://plc")
    assert await network.blob(did, blob_cid(b"a cat"), 1000) == b"a cat"
    assert await network.blob(did, blob_cid(b"a cat"), 1000) is None
