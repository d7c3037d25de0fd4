"""The thread of a mention, read from hosts that are slow, down, or say that it is gone."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from functools import partial
from types import SimpleNamespace

import pytest
from support.events import rows
from support.factory import ANA, ME, NOW, mention
from support.harness import Harness
from support.http_server import http, serving

from bot.domain.budget import ReadBudget
from bot.domain.mention import Post, State, StrongRef
from bot.domain.uris import AtUri
from bot.errors import ReadRefused, TransientNetworkError
from bot.network.bluesky import Bluesky
from bot.network.http import HttpReader
from bot.network.in_memory import InMemoryNetwork
from bot.worker import thread
from bot.worker.thread import ThreadReader

PEOPLE = [f"did:plc:{letter * 24}" for letter in "abcdefghijklmnopqrstu"]


def written(network, count, text="hi"):
    """A thread of `count` posts by as many people, and a mention under it; each names the one before."""
    above = None
    for did in PEOPLE[:count]:
        record = {"$type": "app.bsky.feed.post", "text": f"{text} {did[8]}", "createdAt": NOW.isoformat()}
        if above:
            record["reply"] = {"root": above.to_json(), "parent": above.to_json()}
        network.set_handle(did, f"{did[8:12]}.test")
        above = network.write(did, record)
    return mention(did=ANA, parent=above, root=above)


async def read(network, asked, *, seconds=30.0, count=1_000_000, erased=()):
    budget = ReadBudget(asyncio.get_running_loop().time() + seconds, count)
    own = Post(asked.ref, ANA, {"text": "and you?"})

    async def is_erased(post):
        return post.did in erased

    return await ThreadReader(network, ANA, budget, is_erased, no, no).read(asked, own, 20)


async def no(*_):
    return False


class Slow(InMemoryNetwork):
    """Each read takes its time; `most` tells how many were under way at once."""

    def __init__(self, seconds, of=PEOPLE):
        super().__init__(ME, "jay.test")
        self.seconds, self.of, self.running, self.most = seconds, of, 0, 0

    async def _slowly(self, did, read):
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds if did in self.of else 0)
            return await read()
        finally:
            self.running -= 1

    async def post(self, uri, budget=None):
        return await self._slowly(AtUri.parse(uri).did, partial(super().post, uri))

    async def profile(self, did, **more):
        return await self._slowly(did, partial(super().profile, did))


async def test_the_posts_above_are_told_oldest_first_with_their_names():
    network = InMemoryNetwork(ME, "jay.test")
    above, own = await read(network, written(network, 3))
    assert [(post.author, post.text) for post in above] == [
        ("aaaa.test", "hi a"),
        ("bbbb.test", "hi b"),
        ("cccc.test", "hi c"),
    ]
    assert (own.text, own.by_asker) == ("and you?", True)


async def test_a_post_that_somebody_wished_to_be_forgotten_is_shown_like_one_that_is_gone():
    network = InMemoryNetwork(ME, "jay.test")
    above, _ = await read(network, written(network, 3), erased=PEOPLE[1:2])
    assert [(post.author, post.text, post.unread) for post in above] == [
        ("", None, False),
        ("cccc.test", "hi c", False),
    ]


async def test_what_did_not_come_in_time_is_not_shown_and_what_came_is():
    network = Slow(5, of=PEOPLE[:2])
    begun = time.monotonic()
    above, _ = await read(network, written(network, 4), seconds=0.3)
    assert time.monotonic() - begun < 2
    assert [(post.text, post.unread) for post in above] == [(None, True), ("hi c", False), ("hi d", False)]


async def test_names_are_read_while_the_walk_goes_on_but_not_all_at_once():
    network = Slow(0.02)
    begun = time.monotonic()
    above, _ = await read(network, written(network, 20))
    assert len(above) == 20
    assert time.monotonic() - begun < 2
    assert 1 < network.most <= thread.PARALLEL


async def test_a_name_that_does_not_come_in_time_is_the_did():
    network = Slow(0)
    asked = written(network, 1)
    network.fail("profile", TransientNetworkError("down"), times=2)
    (post,), _ = await read(network, asked)
    assert (post.author, post.text) == (PEOPLE[0], "hi a")


@pytest.mark.parametrize(
    ("error", "unread"), [(None, False), (TransientNetworkError("403"), True), (ReadRefused("too big"), True)]
)
async def test_a_post_is_gone_by_a_fact_and_not_shown_in_trouble(error, unread):
    network = InMemoryNetwork(ME, "jay.test")
    asked = written(network, 2)
    if error:
        network.fail("post", error)
    else:
        network.remove(asked.parent.uri)
    above, _ = await read(network, asked)
    assert [(post.text, post.unread, post.uri) for post in above] == [(None, unread, asked.parent.uri)]


async def test_a_parent_that_is_no_at_uri_ends_the_walk():
    network = InMemoryNetwork(ME, "jay.test")
    for uri in ("https://x.test/" + "y" * 5000, 7, None, {}):
        record = {"text": "hi", "reply": {"parent": {"uri": uri, "cid": "bafyx"}}}
        ref = network.write(PEOPLE[0], record)
        above, _ = await read(network, mention(did=ANA, parent=ref, root=ref))
        assert [post.text for post in above] == ["hi"]


# --- over real sockets ---


class Hosts:
    """As many PDSs as people, and a directory; `seconds` is how long each lets the asker wait."""

    def __init__(self, seconds, text="hi"):
        self.seconds, self.text, self.asked = seconds, text, []

    async def __aenter__(self):
        self.stack = AsyncExitStack()
        self.urls = [await self.stack.enter_async_context(serving(self._serve)) for _ in PEOPLE]
        reader = await self.stack.enter_async_context(HttpReader(20, self.urls))
        me = SimpleNamespace(did=ME, handle="jay.test")
        self.network = Bluesky(me, reader, pds_url=self.urls[0], plc_url=self.urls[0])
        return self

    async def __aexit__(self, *_):
        await self.stack.aclose()

    async def _serve(self, reader, writer):
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1]
            self.asked.append(path)
            if "/xrpc/" in path and "profile" not in path:
                await asyncio.sleep(self.seconds)
            writer.write(self._answer(path))
            await writer.drain()

    def _answer(self, path):
        did = next((did for did in PEOPLE if did in path.replace("%3A", ":")), "")
        number = PEOPLE.index(did)
        if "/xrpc/" not in path:
            service = {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": self.urls[number],
            }
            return http(200, json.dumps({"id": did, "service": [service]}).encode())
        if "feed.post" not in path:
            return http(400, b'{"error": "RecordNotFound", "message": "Could not locate record: x"}')
        record = {"text": self.text}
        if number + 1 < len(PEOPLE):
            record["reply"] = {"parent": {"uri": uri(number + 1), "cid": "bafyx"}}
        return http(200, json.dumps({"uri": uri(number), "cid": "bafyx", "value": record}).encode())


def uri(number):
    return str(AtUri(PEOPLE[number], "app.bsky.feed.post", "3kabcdefghijk"))


def under():
    return mention(did=ANA, parent=StrongRef(uri(0), "bafyx"), root=StrongRef(uri(0), "bafyx"))


@pytest.mark.slow
async def test_twenty_authors_on_twenty_slow_hosts_take_one_deadline():
    async with Hosts(0.3) as hosts:
        begun = time.monotonic()
        above, _ = await read(hosts.network, under(), seconds=1)
        assert time.monotonic() - begun < 3
    assert above[0].unread
    assert 1 <= sum(post.text == "hi" for post in above) < 20


async def test_twenty_posts_of_two_megabytes_are_neither_read_nor_shown():
    async with Hosts(0, "x" * 1_900_000) as hosts:
        above, _ = await read(hosts.network, under())
    assert [(post.text, post.unread) for post in above] == [(None, True)]


async def test_the_budget_of_a_mention_ends_its_thread():
    async with Hosts(0, "x" * 100_000) as hosts:
        above, _ = await read(hosts.network, under(), count=550_000)
    assert [post.text and len(post.text) for post in above] == [None, *[300] * 5]
    assert above[0].unread


@pytest.mark.slow
def test_what_is_kept_of_a_thread_of_huge_posts_is_small(db, tmp_path):
    harness = Harness(db, tmp_path)
    huge = "x" * 1_900_000
    picture = {"alt": huge, "image": {"ref": {"$link": "bafkx"}, "mimeType": huge}}
    embed = {"$type": "app.bsky.embed.images", "images": [picture] * 4}
    harness.network.write = partial(
        _with, harness.network.write, {"embed": embed, "tags": [huge], "facets": [huge]}
    )
    under_them = written(harness.network, 20, huge)
    harness.network.write = InMemoryNetwork.write.__get__(harness.network)
    reply = {"root": under_them.parent.to_json(), "parent": under_them.parent.to_json()}
    ref = harness.say(ANA, "and you?", reply=reply)
    harness.work()
    kept = [
        len(str(value))
        for table in ("turn", "mention", "passage")
        for row in rows(harness, table)
        for value in row.values()
    ]

    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert sum(kept) < 500_000


def _with(write, fields, did, record):
    return write(did, record | fields)
