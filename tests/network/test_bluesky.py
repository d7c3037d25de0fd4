"""The account on a real PDS."""

import asyncio
import base64
import contextlib
import itertools
import json
import time

import pytest
from support.http_server import serving

from bot.errors import AccountTrouble, KeyTaken, TransientNetworkError
from bot.network.bluesky import Bluesky

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
        with pytest.raises(AccountTrouble, match="self-label"):
            async with connected(localnet, actor, Store()):
                pass
    async with connected(localnet, actor, Store(), require_label=False) as network:
        assert network.did == actor.did


@pytest.mark.network
async def test_a_wrong_password_is_refused_with_what_to_do(localnet, robot):
    with pytest.raises(
        AccountTrouble, match=f"{robot.handle} is not let in with its password. To mend it: make a new"
    ):
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
        assert network.is_let_in
        robot.deactivate()
        with pytest.raises(AccountTrouble, match="is deactivated"):
            await network.put(RKEY, RECORD)
        assert not network.is_let_in
