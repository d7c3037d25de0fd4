"""What a host may say of accounts and records: only the protocol's own words count."""

import contextlib
import json
import ssl
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from support.http_server import http, serving

from bot.domain.embeds import blob_cid
from bot.domain.mention import Profile
from bot.errors import (
    AccountTrouble,
    KeyTaken,
    PermanentNetworkError,
    ProtocolFact,
    ReadRefused,
    TransientNetworkError,
)
from bot.network import xrpc
from bot.network.bluesky import Bluesky
from bot.network.http import HttpReader
from bot.network.identity import DidResolver, Identity
from bot.network.session import Session

DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
RKEY = "3kabcdefghijk"
POST = f"at://{DID}/app.bsky.feed.post/{RKEY}"
GATE = f"at://{DID}/app.bsky.feed.threadgate/{RKEY}"
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without certificates, which take long to load
HTML = b"<!DOCTYPE html><title>Just a moment...</title>"


def answer(code, /, error=None, message=None, **more):
    body = {"error": error, "message": message} if error else {"message": message} if message else {}
    return http(code, json.dumps(body | more).encode())


class Host:
    """A PDS and the directory in one, by method: the response that each gives, or what makes it."""

    def __init__(self, **answers):
        self.answers, self.asked, self.url = answers, [], ""

    def document(self, pds=None, did=DID):
        service = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": pds or self.url,
        }
        return {"id": did, "alsoKnownAs": ["at://Ana.Test", "at://other.test"], "service": [service]}

    def _answer(self, target):
        url = urlsplit(target)
        name = url.path.rpartition(".")[2] if "/xrpc/" in url.path else "plc"
        self.asked.append(name)
        given = self.answers.get(name)
        if callable(given):
            return given({key: value[0] for key, value in parse_qs(url.query).items()})
        if given is not None:
            return given
        return http(200, json.dumps(self.document()).encode()) if name == "plc" else http(500)

    @contextlib.asynccontextmanager
    async def network(self):
        async def serve(reader, writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                given = self._answer(head.split(" ")[1])
                writer.write(given)
                await writer.drain()
                if not given:
                    return

        async with serving(serve) as self.url, HttpReader(5, (self.url,), tls=TLS) as reader:
            me = SimpleNamespace(did="did:plc:bot", handle="bot.example")
            yield Bluesky(me, reader, pds_url=self.url, plc_url=self.url)


async def outcome(call):
    """What a call comes to: its value, or the kind of its error."""
    try:
        return await call
    except (TransientNetworkError, PermanentNetworkError, AccountTrouble) as error:
        return type(error)


TROUBLES = {
    "a firewall's challenge": http(403, HTML, "cf-mitigated: challenge\r\n", "text/html"),
    "a firewall's JSON": answer(403, "RecordNotFound", "no"),
    "unauthorized": answer(401, "RepoNotFound", "no"),
    "a proxy's 404": http(404, b"404 page not found", kind="text/plain"),
    "a gateway's JSON 404": http(404, b'{"message": "Not Found"}'),
    "a 404 of another method": answer(404, "MethodNotImplemented", "Method Not Implemented"),
    "a 404 with an error of nobody": answer(404, "NotFound", "not found"),
    "a 410 with a fact": answer(410, "RepoNotFound", "gone"),
    "a bad request": answer(400, "InvalidRequest", "Error: Params must have the property"),
    "a bad request in HTML": http(400, HTML, kind="text/html"),
    "a fact as HTML": http(400, b'{"error": "RepoNotFound"}', kind="text/html"),
    "a fact as text": http(404, b'{"error": "RecordNotFound"}', kind="text/plain"),
    "a fact without a type": b'HTTP/1.1 400 X\r\ncontent-length: 25\r\n\r\n{"error": "RepoNotFound"}',
    "a fact in a list": http(400, b'["RepoNotFound"]'),
    "a fact of odd types": http(400, b'{"error": ["RepoNotFound"], "message": 7}'),
    "a fact with an odd message": http(400, b'{"error": "RepoNotFound", "message": {}}'),
    "a fact cut off": http(400, b'{"error": "RepoNotFound"'),
    "a fact behind 20 kB": answer(400, "RepoNotFound", "x" * 20_000),
    "a fact with 200": answer(200, "RepoNotFound", "no"),
    "a fact with 500": answer(500, "RepoNotFound", "no"),
    "a fact with 429": answer(429, "RepoNotFound", "no"),
    "a fact with 418": answer(418, "RecordNotFound", "no"),
    "a fact in gzip": http(400, b'{"error": "RepoNotFound"}', "content-encoding: gzip\r\n"),
    "a fact in small letters": answer(400, "reponotfound", "no"),
    "the words in another error": answer(400, "InvalidToken", "Could not find repo: x"),
    "the words inside a message": answer(400, "InvalidRequest", "we: Could not locate record"),
    "a parked domain": http(301, b"", "location: https://parked.example/\r\n", "text/html"),
    "a login page": http(302, b"", "location: /login\r\n", "text/html"),
    "a captive portal": http(200, b"<h1>Log in</h1>", kind="text/html"),
    "an empty object": http(200, b"{}"),
    "null": http(200, b"null"),
    "a rate limit": answer(429, "RateLimitExceeded", "Rate Limit Exceeded"),
    "an error of the server": answer(500, "InternalServerError", "x"),
    "a bad gateway": http(502, b"bad gateway", kind="text/plain"),
    "busy": http(503, b"busy", kind="text/plain"),
    "not allowed": http(405),
    "not acceptable": http(406),
    "for legal reasons": http(451, HTML, kind="text/html"),
    "silence": b"",
}
METHODS = ("getRecord", "listRecords", "getRepoStatus", "getBlob", "resolveHandle", "plc")


@pytest.mark.parametrize("given", TROUBLES.values(), ids=TROUBLES)
async def test_no_other_answer_of_a_host_says_anything_of_an_account_or_a_record(given):
    host = Host(**dict.fromkeys(METHODS[:4], given))
    async with host.network() as network:
        calls = [network.post(POST), network.record(GATE), network.status(DID), network.blocked_by(DID)]
        calls += [network.blob(DID, blob_cid(b"x"), 1000), network.profile(DID)]
        found = [await outcome(call) for call in calls]
    assert [issubclass(it, TransientNetworkError) for it in found] == [True] * 6


@pytest.mark.parametrize("given", TROUBLES.values(), ids=TROUBLES)
async def test_no_other_answer_of_the_directory_says_that_a_did_is_nobodys(given):
    host = Host(plc=given)
    async with host.network() as network:
        calls = [network.post(POST), network.status(DID), network.blocked_by(DID), network.profile(DID)]
        found = [await outcome(call) for call in calls]
    assert [issubclass(it, TransientNetworkError) for it in found] == [True] * 4
    assert set(host.asked) == {"plc"}


MISSING = {
    "the lexicon": answer(400, "RecordNotFound", f"Could not locate record: {POST}"),
    "the lexicon, with 404": answer(404, "RecordNotFound"),
    "the reference, of a record": answer(400, "InvalidRequest", f"Could not locate record: {POST}"),
    "the reference, of a repo": answer(400, "InvalidRequest", "Could not locate record"),
    "an older reference": answer(400, "InvalidRequest", f"Could not find repo: {DID}"),
    "no repo": answer(400, "RepoNotFound", "Could not find repo"),
    "deactivated": answer(400, "RepoDeactivated", "Repo has been deactivated"),
    "taken down": answer(400, "RepoTakendown"),
    "suspended": answer(400, "RepoSuspended"),
}


@pytest.mark.parametrize("given", MISSING.values(), ids=MISSING)
async def test_a_record_is_gone_when_its_pds_says_so_in_the_protocols_words(given):
    async with Host(getRecord=given).network() as network:
        assert (await network.post(POST), await network.record(GATE)) == (None, None)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (answer(400, "RepoNotFound", f"Could not find repo for DID: {DID}"), "deleted"),
        (answer(404, "RepoNotFound"), "deleted"),
        (answer(400, "InvalidRequest", f"Could not find repo: {DID}"), "deleted"),
        (answer(400, "RepoDeactivated"), "deactivated"),
        (answer(400, "RepoTakendown"), "takendown"),
        (answer(400, "RepoSuspended"), "suspended"),
        (answer(200, did=DID, active=True, rev="x"), "active"),
        (answer(200, did=DID, active=False, status="deactivated"), "deactivated"),
        (answer(200, did=DID, active=False, status="throttled"), "throttled"),
        (answer(200, did=DID, active=False), TransientNetworkError),
        (answer(200, did=DID, active=False, status="active"), TransientNetworkError),
        (answer(200, did=DID, active=False, status=7), TransientNetworkError),
        (answer(200, did=DID, active="yes", status="deleted"), TransientNetworkError),
        (answer(200, did=DID), TransientNetworkError),
        (answer(200, did="did:plc:other", active=True), TransientNetworkError),
    ],
)
async def test_the_status_is_what_the_pds_says_in_the_protocols_words(given, status):
    async with Host(getRepoStatus=given).network() as network:
        assert await outcome(network.status(DID)) == status


DIRECTORY = {
    "never registered": answer(404, message=f"DID not registered: {DID}"),
    "tombstone": answer(410, message=f"DID not available: {DID}"),
    "tombstone with 404": answer(404, message=f"DID not available: {DID}"),
}


@pytest.mark.parametrize("given", DIRECTORY.values(), ids=DIRECTORY)
async def test_the_directorys_own_words_end_an_account(given):
    async with Host(plc=given).network() as network:
        assert await network.status(DID) == "deleted"
        assert (await network.post(POST), await network.blocked_by(DID)) == (None, None)
        assert await network.profile(DID) == Profile(DID, None)
        assert await network.blob(DID, blob_cid(b"x"), 1000) is None


@pytest.mark.parametrize(
    "given",
    [
        answer(404, message="DID not registered: did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"),
        answer(403, message=f"DID not registered: {DID}"),
        answer(400, message=f"DID not registered: {DID}"),
        http(404, f"DID not registered: {DID}".encode(), kind="text/plain"),
        http(410, b"{}"),
        http(404, json.dumps([f"DID not registered: {DID}"]).encode()),
    ],
)
async def test_less_than_the_directorys_own_words_ends_nobody(given):
    async with Host(plc=given).network() as network:
        assert await outcome(network.status(DID)) is TransientNetworkError


async def test_an_account_that_moved_is_asked_for_at_its_new_pds():
    old, new = (
        Host(getRepoStatus=answer(400, "RepoNotFound"), getRecord=answer(400, "RecordNotFound")),
        Host(),
    )
    record = {"$type": "app.bsky.feed.post", "text": "hi"}
    new.answers = {
        "getRepoStatus": answer(200, did=DID, active=True),
        "getRecord": answer(200, uri=POST, cid="bafyx", value=record),
    }
    async with new.network(), old.network() as network, HttpReader(5, (old.url, new.url)) as reader:
        network._reader, network._dids = reader, DidResolver(old.url, reader)
        documents = [old.url, new.url] * 2

        def plc(_):
            return http(200, json.dumps(old.document(documents.pop(0))).encode())

        old.answers["plc"] = plc
        assert await network.status(DID) == "active"
        network._dids = DidResolver(old.url, reader)
        assert (await network.post(POST)).text == "hi"


async def test_who_has_just_served_a_record_of_an_account_is_believed_that_another_is_not_there():
    record = {"$type": "app.bsky.feed.post", "text": "hi"}
    posts = {RKEY: answer(200, uri=POST, cid="bafyx", value=record)}

    def served(asked):
        is_post = asked["collection"] == "app.bsky.feed.post"
        return posts.get(asked["rkey"] if is_post else "") or answer(400, "RecordNotFound")

    host = Host(getRecord=served)
    async with host.network() as network:
        assert ((await network.post(POST)).text, await network.record(GATE)) == ("hi", None)
        assert host.asked == ["plc", "getRecord", "getRecord"]
        network._served.put(DID, "https://elsewhere.example")
        assert await network.record(GATE) is None
        assert host.asked == ["plc", "getRecord", "getRecord", "getRecord", "plc"]


async def test_a_page_of_blocks_that_is_none_is_trouble():
    for page in (b"{}", b'{"records": 7}', b"[]"):
        async with Host(listRecords=http(200, page)).network() as network:
            assert await outcome(network.blocked_by(DID)) is TransientNetworkError
    async with Host(
        listRecords=answer(400, "InvalidRequest", f"Could not find repo: {DID}")
    ).network() as network:
        assert await network.blocked_by(DID) is None


@pytest.mark.parametrize(
    "value",
    [
        {"uri": POST.replace("aaaa", "bbbb"), "cid": "bafyx", "value": {}},
        {"uri": POST, "cid": 7, "value": {}},
        {"uri": POST, "cid": "bafyx", "value": []},
        {"uri": POST, "cid": "bafyx"},
        {"error": "RecordNotFound"},
    ],
)
async def test_an_answer_that_is_not_the_record_is_trouble(value):
    async with Host(getRecord=http(200, json.dumps(value).encode())).network() as network:
        assert await outcome(network.post(POST)) is TransientNetworkError


async def test_a_blob_is_what_its_cid_names_or_gone_or_trouble():
    cid = blob_cid(b"a cat")

    def served(body, status=200):
        return Host(getBlob=http(status, body, kind="image/png")).network()

    async with served(b"a cat") as network:
        assert await network.blob(DID, cid, 1000) == b"a cat"
        assert await outcome(network.blob(DID, cid, 4)) is ReadRefused
    async with served(b"a virus") as network:
        assert await outcome(network.blob(DID, cid, 1000)) is TransientNetworkError
    for given in (answer(400, "BlobNotFound"), answer(400, "InvalidRequest", "Blob not found")):
        async with Host(getBlob=given).network() as network:
            assert await network.blob(DID, cid, 1000) is None


@pytest.mark.parametrize(
    ("given", "handle"),
    [
        (answer(200, did=DID), "ana.test"),
        (answer(200, did="did:plc:other"), None),
        (answer(400, "HandleNotFound", "Unable to resolve handle"), None),
        (answer(400, "InvalidRequest", "Unable to resolve handle"), None),
        (http(404, HTML, kind="text/html"), TransientNetworkError),
        (http(502), TransientNetworkError),
    ],
)
async def test_a_handle_counts_if_it_resolves_back_and_is_not_lost_in_trouble(given, handle):
    host = Host(getRecord=answer(400, "RecordNotFound"), resolveHandle=given)
    async with host.network() as network:
        found = await outcome(network.profile(DID))
    assert (found.handle if isinstance(found, Profile) else found) == handle


# --- identities ---


@pytest.mark.parametrize(
    "pds",
    [
        "http://pds.example.com",
        "https://127.0.0.1",
        "https://127.0.0.0x1",
        "https://2130706433",
        "https://[::1]",
        "https://localhost",
        "https://localhost.",
        "https://pds.example.com:8080",
        "https://a@pds.example.com",
        "https://pds.example.com/path",
        "https://pds.example.com?x",
        "https://１２７.0.0.1",
        "file:///etc",
        "https://[",
        "http://localhost:2",
        "",
        7,
        None,
    ],
)
async def test_a_pds_inside_our_own_network_is_refused_as_such(pds):
    host = Host()
    async with host.network() as network:
        document = host.document()
        document["service"][0]["serviceEndpoint"] = pds
        host.answers["plc"] = http(200, json.dumps(document).encode())
        found = [await outcome(call) for call in (network.post(POST), network.status(DID))]
    assert found == [ReadRefused] * 2


@pytest.mark.parametrize(
    "document",
    [None, [], {}, "x", {"id": DID}, {"id": DID, "service": [7, {"id": []}, None]}, {"id": "did:plc:other"}],
)
async def test_an_odd_document_is_trouble(document):
    async with Host(plc=http(200, json.dumps(document).encode())).network() as network:
        assert await outcome(network.status(DID)) is TransientNetworkError


@pytest.mark.parametrize(
    "did",
    [
        "did:web:localhost",
        "did:web:127.0.0.1",
        "did:web:127.0.0.0x1",
        "did:web:pds.example.com%3A8080",
        "did:web:pds.example.com%3A443",
        "did:web:pds.example.com:people:ana",
        "did:web:a%40pds.example.com",
        "did:web:pds.example.com.",
        "did:web:",
        "did:key:zabc",
        "did:plc:",
        "did:plc:a/b",
        "did:plc:..",
        "did:example:x",
    ],
)
async def test_a_did_that_leads_nowhere_good_is_refused_before_anything_is_asked(did):
    host = Host()
    async with host.network() as network:
        assert await outcome(network.status(did)) is ReadRefused
    assert host.asked == []


@pytest.mark.parametrize("status", [404, 410, 403, 500, 302])
async def test_a_did_web_without_a_document_is_trouble(status):
    did, asked = "did:web:ana.example.com", []

    class Reader(HttpReader):
        async def get(self, url, *more, **options):
            asked.append(url)
            return await super().get(f"{self.url}/.well-known/did.json", *more, **options)

    host = Host(plc=answer(status, "NotFound", f"DID not registered: {did}"))
    async with host.network() as network, Reader(5, (host.url,)) as reader:
        reader.url, network._dids = host.url, DidResolver(host.url, reader)
        assert await outcome(network.status(did)) is TransientNetworkError
    assert asked == ["https://ana.example.com/.well-known/did.json"]


async def test_a_did_is_resolved_once_in_ten_minutes():
    host = Host()
    async with host.network() as network:
        found = [await network._dids.resolve(DID) for _ in range(2)]
        assert found == [Identity(DID, "ana.test", host.url)] * 2
        assert host.asked == ["plc"]
        assert await network._dids.resolve(DID, fresh=True) == found[0]
    assert host.asked == ["plc"] * 2


@pytest.mark.parametrize(
    "name", ["at://", "at://no dots", "at://handle.invalid", "https://x.test", "at://" + "x." * 200]
)
async def test_what_is_no_handle_is_not_claimed(name):
    host = Host()
    async with host.network() as network:
        host.answers["plc"] = http(200, json.dumps(host.document() | {"alsoKnownAs": [7, name]}).encode())
        assert (await network._dids.resolve(DID)).handle is None


# --- the bot's own PDS ---


@contextlib.asynccontextmanager
async def own_account(given):
    async def serve(reader, writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), ":0")
            await reader.readexactly(int(length.partition(":")[2]))
            writer.write(given)
            await writer.drain()
            if not given:
                return

    async with serving(serve) as url, HttpReader(5, (url,), tls=TLS) as reader:
        session = Session(handle="bot.test", password="x", pds_url=url, save=lambda _: None, timeout=5)
        session.did = DID
        yield Bluesky(session, reader, pds_url=url, plc_url=url), session
        await session.close()


async def test_a_pds_that_cannot_be_reached_is_told_with_the_cause():
    session = Session(handle="bot.test", password="x", pds_url="http://127.0.0.1:9", save=None, timeout=5)
    with pytest.raises(TransientNetworkError, match="ConnectError: All connection attempts failed"):
        await session._log_in()
    await session.close()


@pytest.mark.parametrize("given", TROUBLES.values(), ids=TROUBLES)
async def test_own_posts_are_not_missing_for_less_than_a_fact(given):
    async with own_account(given) as (network, _):
        assert isinstance(await outcome(network.own(RKEY)), type)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(400, "RecordNotFound", "Could not locate record: x"), None),
        (answer(400, "InvalidRequest", "Could not locate record: x"), None),
        (answer(400, "InvalidRequest", "Could not locate record"), AccountTrouble),
        (answer(400, "RepoTakendown"), AccountTrouble),
        (http(404, HTML, kind="text/html"), TransientNetworkError),
        (http(403, HTML, kind="text/html"), TransientNetworkError),
        (http(301, b"", "location: /x\r\n"), TransientNetworkError),
        (answer(401, "AccountTakedown"), AccountTrouble),
        (answer(500, "RepoNotFound"), TransientNetworkError),
        (answer(429, "RepoNotFound"), TransientNetworkError),
        (http(200, b"{}"), TransientNetworkError),
    ],
)
async def test_an_own_post_is_missing_by_the_pds_word_only(given, error):
    async with own_account(given) as (network, _):
        assert await outcome(network.own(RKEY)) is error


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (answer(400, "InvalidSwap", "x"), KeyTaken),
        (answer(400, "InvalidRequest", "Invalid TID string"), PermanentNetworkError),
        (answer(413, "PayloadTooLarge", "x"), PermanentNetworkError),
        (answer(429, "RateLimitExceeded"), TransientNetworkError),
        (answer(500, "x", "y", more=1), TransientNetworkError),
        (answer(409, "x"), TransientNetworkError),
        (http(403), TransientNetworkError),
        (http(404, b"no", kind="text/plain"), TransientNetworkError),
        (http(413, HTML, kind="text/html"), TransientNetworkError),
        (http(400, HTML, kind="text/html"), TransientNetworkError),
        (http(200, b'{"uri": 1}'), TransientNetworkError),
        (b"hello\r\n\r\n", TransientNetworkError),
    ],
)
async def test_what_a_put_meets_is_trouble_or_refusal(given, error):
    record = json.dumps({"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-22T12:00:00Z"})
    async with own_account(given) as (network, _):
        with pytest.raises(error) as caught:
            await network.put(RKEY, record)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ("retry-after: 7", 7),
        ("retry-after: 3582", 900),
        ("retry-after: 99999999999999", 900),
        ("retry-after: Fri, 31 Dec 2037 23:59:59 GMT", 900),
        ("ratelimit-reset: 99999999999999", 900),
        ("ratelimit-reset: 4000000000", 900),
        ("retry-after: -5", None),
        ("retry-after: soon", None),
        ("retry-after: inf", None),
        ("x: y", None),
    ],
)
async def test_the_own_pds_is_heeded_like_any_host(headers, seconds):
    given = http(429, b'{"error": "RateLimitExceeded", "message": "x"}', f"{headers}\r\n")
    async with own_account(given) as (network, session):
        for call in (network.own(RKEY), network.delete(RKEY), session._log_in()):
            with pytest.raises(TransientNetworkError) as caught:
                await call
            assert caught.value.retry_after == seconds
    async with Host(getRecord=given).network() as network:
        with pytest.raises(TransientNetworkError) as caught:
            await network.post(POST)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (answer(200, posts=[{"uri": POST, "viewer": {}}]), True),
        (answer(200, posts=[{"uri": POST, "viewer": {"replyDisabled": True}}]), False),
        (answer(200, posts=[]), False),
        (answer(400, "InvalidRequest", "No service configured for app.bsky.feed.getPosts"), None),
        (answer(400, "InvalidRequest", "bad"), PermanentNetworkError),
        (answer(502, "UpstreamFailure"), TransientNetworkError),
        (http(200, b"{}"), TransientNetworkError),
        (http(403, HTML, kind="text/html"), TransientNetworkError),
    ],
)
async def test_the_appview_says_no_or_there_is_none_or_it_is_in_trouble(given, allowed):
    async with own_account(given) as (network, _):
        assert await outcome(network.may_reply(POST)) is allowed


@pytest.mark.network
async def test_the_real_pds_and_directory_say_it_in_these_words(localnet):
    person, gone = localnet.actor("factual"), localnet.actor("leaver")
    ref, left = person.post("hi"), gone.post("hi")
    gone.deactivate()
    params = {"repo": person.did, "collection": "app.bsky.feed.post", "rkey": "3kabcdefghijk"}
    async with HttpReader(20, (localnet.pds_url, localnet.plc_url)) as reader:

        async def fact(nsid, **more):
            try:
                await xrpc.query(reader, localnet.pds_url, nsid, more)
            except ProtocolFact as found:
                return found.name
            return None

        told = [
            await fact(xrpc.GET_RECORD, **params),
            await fact(xrpc.GET_RECORD, **(params | {"rkey": ref.uri.rpartition("/")[2]})),
            await fact(xrpc.GET_RECORD, **(params | {"repo": gone.did, "rkey": left.uri.rpartition("/")[2]})),
            await fact(xrpc.GET_RECORD, **(params | {"repo": DID})),
            await fact(xrpc.LIST_RECORDS, repo=DID, collection="app.bsky.graph.block"),
            await fact(xrpc.LIST_RECORDS, repo=gone.did, collection="app.bsky.graph.block"),
            await fact(xrpc.GET_STATUS, did=DID),
            await fact(xrpc.GET_BLOB, did=DID, cid=blob_cid(b"x")),
            await fact(xrpc.GET_BLOB, did=gone.did, cid=blob_cid(b"x")),
            await fact(xrpc.GET_BLOB, did=person.did, cid=blob_cid(b"x")),
            await fact(xrpc.RESOLVE_HANDLE, handle="nobody.test"),
            await fact(xrpc.RESOLVE_HANDLE, handle="nobody.invalid"),
        ]
        nobody = await DidResolver(localnet.plc_url, reader).resolve(DID)
    assert told == [
        *("RecordNotFound", None, *["RepoNotFound"] * 6),
        *("RepoDeactivated", "BlobNotFound", "HandleNotFound", "HandleNotFound"),
    ]
    assert nobody is None
