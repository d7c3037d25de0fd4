"""What holds on every network: the real PDS on loopback, and its double in memory."""

import base64
import itertools
import json
from dataclasses import dataclass

import pytest

from bot.domain.embeds import blob_cid
from bot.domain.mention import Profile
from bot.domain.uris import LIST_BLOCK, LIST_ITEM, PREFERENCE, profile_uri
from bot.errors import AccountTrouble, KeyTaken, PermanentNetworkError, ReadRefused, TransientNetworkError
from bot.network.bluesky import Bluesky
from bot.network.in_memory import InMemoryNetwork
from bot.network.pds_rules import tid

NUMBERS = itertools.count(1)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
POST = {"$type": "app.bsky.feed.post", "text": "look", "createdAt": "2026-11-22T12:00:00Z"}
GATE, BLOCK = "app.bsky.feed.threadgate", "app.bsky.graph.block"
LIST, NOON = "app.bsky.graph.list", "2026-11-22T12:00:00.000Z"
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # one grapheme of 25 bytes


@dataclass
class MemoryPerson:
    network: InMemoryNetwork
    did: str
    handle: str

    def write(self, record, rkey=None, collection="app.bsky.feed.post"):
        return self.network.write(self.did, record, rkey, collection)

    def rename(self, name):
        self.network.set_handle(self.did, f"{name}.test")

    def deactivate(self):
        self.network.set_status(self.did, "deactivated")

    def activate(self):
        self.network.set_status(self.did, "active")

    def upload(self, data, mime):
        return self.network.upload(self.did, data, mime)

    def delete(self, ref):
        self.network.remove(ref.uri)

    def posts(self):
        return self.network.posts(self.did)

    def label(self, *labels):
        self.network.set_labels(self.did, *labels)

    def describe(self, description):
        self.network.set_bio(self.did, description)


class Memory:
    def __init__(self):
        self.network = InMemoryNetwork()
        self.network.has_appview = False  # as the PDS on loopback
        self.bot = MemoryPerson(self.network, self.network.did, self.network.handle)

    def person(self):
        number = next(NUMBERS)
        person = MemoryPerson(self.network, f"did:plc:person{number}", f"person{number}.test")
        self.network.set_handle(person.did, person.handle)
        return person


class Real:
    def __init__(self, net, network, bot):
        self.net, self.network, self.bot = net, network, bot

    def person(self):
        return self.net.actor(f"person{next(NUMBERS)}")


@pytest.fixture(scope="module")
def account(localnet):
    """The bot's account on the real PDS, and its stored session."""
    actor = localnet.actor("jay")
    actor.label("bot")
    return actor, {}


@pytest.fixture(params=["memory", pytest.param("pds", marks=pytest.mark.network)])
async def world(request):
    if request.param == "memory":
        yield Memory()
        return
    net = request.getfixturevalue("localnet")
    actor, stored = request.getfixturevalue("account")
    network = await Bluesky.connect(
        handle=actor.handle,
        password=actor.account.password,
        pds_url=net.pds_url,
        plc_url=net.plc_url,
        load=lambda: stored.get("session"),
        save=lambda session: stored.update(session=session),
    )
    yield Real(net, network, actor)
    await network.close()


@pytest.fixture
def network(world):
    return world.network


def key():
    return tid(next(NUMBERS))


def record(text="hello", **more):
    body = {"$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-22T12:00:00.000Z"}
    return {name: value for name, value in (body | more).items() if value is not None}


def as_json(text="hello", **more):
    return json.dumps(record(text, **more), ensure_ascii=False)


async def test_what_was_put_is_read_back_identical(network):
    reply = {
        "uri": "at://did:plc:nobody/app.bsky.feed.post/3kabcdefghijk",
        "cid": (await network.put(key(), as_json())).cid,
    }
    said = record(
        f"¡hé {FAMILY} \N{RIGHT-TO-LEFT OVERRIDE}\x00 سلام‌ها!",
        reply={"root": reply, "parent": reply},
        langs=["en"],
    )
    rkey = key()
    ref = await network.put(rkey, json.dumps(said))
    found = await network.own(rkey)
    assert (found.ref, found.did, found.record) == (ref, network.did, said)
    assert ref.uri == f"at://{network.did}/app.bsky.feed.post/{rkey}"


async def test_the_same_bytes_twice_are_one_post(network, world):
    rkey = key()
    refs = {await network.put(rkey, as_json("once")) for _ in range(3)}
    assert len(refs) == 1
    assert [post.record["text"] for post in world.bot.posts() if post.ref in refs] == ["once"]


async def test_another_record_under_the_key_stays_as_it_is(network):
    rkey = key()
    ref = await network.put(rkey, as_json("first"))
    with pytest.raises(KeyTaken):
        await network.put(rkey, as_json("second"))
    assert (await network.own(rkey)).ref == ref
    assert (await network.own(rkey)).text == "first"


async def test_a_key_is_free_again_after_its_post_was_deleted(network, world):
    rkey = key()
    world.bot.delete(await network.put(rkey, as_json("first")))
    assert await network.own(rkey) is None
    await network.put(rkey, as_json("second"))
    assert (await network.own(rkey)).text == "second"


async def test_under_an_unused_key_stands_nothing(network):
    assert await network.own(key()) is None


@pytest.mark.parametrize("text", ["", "a" * 300, FAMILY * 120, "é" * 300])
async def test_a_post_may_have_300_graphemes_and_3000_bytes(network, text):
    rkey = key()
    await network.put(rkey, as_json(text))
    assert (await network.own(rkey)).text == text


@pytest.mark.parametrize(
    "bad",
    [
        as_json("a" * 301),
        as_json(FAMILY * 121),
        as_json(None),
        as_json(7),
        as_json(createdAt=None),
        as_json(createdAt="yesterday"),
        as_json(**{"$type": "app.bsky.feed.like"}),
        as_json(
            reply={"parent": {"uri": "at://did:plc:nobody/app.bsky.feed.post/3kabcdefghijk", "cid": "x"}}
        ),
        "[]",
        "null",
        "{",
        '{}}, "rkey": "2222222222222", "record": {}',
    ],
)
async def test_a_bad_record_is_refused_and_nothing_is_stored(network, bad):
    rkey = key()
    with pytest.raises(PermanentNetworkError):
        await network.put(rkey, bad)
    assert await network.own(rkey) is None


@pytest.mark.parametrize("rkey", ["", "hello", "zzzzzzzzzzzzz", "3kabcdefghij1", "a/b"])
async def test_a_bad_record_key_is_refused(network, rkey):
    with pytest.raises(PermanentNetworkError):
        await network.put(rkey, as_json())


async def test_the_post_of_another_is_read_as_written(network, world):
    person = world.person()
    said = record("hi 👋", facets=[{"index": {"byteStart": 0, "byteEnd": 2}, "features": []}], tags=["a"])
    ref = person.write(said)
    found = await network.post(ref.uri)
    assert (found.ref, found.did, found.record, found.text) == (ref, person.did, said, "hi 👋")


async def test_a_deleted_post_is_gone(network, world):
    person = world.person()
    ref = person.write(record())
    assert await network.post(ref.uri) is not None
    person.delete(ref)
    assert await network.post(ref.uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "at://",
        "https://example.com",
        "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3kabcdefghijk",
        "at://did:plc:../../x/app.bsky.feed.post/3kabcdefghijk",
        "at://alice.test/app.bsky.feed.post/3kabcdefghijk",
    ],
)
async def test_a_post_that_never_was_is_gone(network, uri):
    assert await network.post(uri) is None


async def test_a_picture_is_given_to_whoever_asks_within_bounds(network, world):
    person = world.person()
    blob = person.upload(PIXEL, "image/png")
    images = [{"alt": "a dot", "image": blob}]
    person.write({**POST, "embed": {"$type": "app.bsky.embed.images", "images": images}})
    cid = blob["ref"]["$link"]
    assert (blob["mimeType"], blob["size"], cid) == ("image/png", len(PIXEL), blob_cid(PIXEL))
    assert await network.blob(person.did, cid, 1000) == PIXEL
    with pytest.raises(ReadRefused):
        await network.blob(person.did, cid, len(PIXEL) - 1)
    assert await network.blob(person.did, blob_cid(b"other"), 1000) is None
    assert await network.blob("did:plc:nobodynobodynobodynobody", cid, 1000) is None


async def test_a_profile_tells_handle_and_self_labels(network, world):
    person, robot = world.person(), world.person()
    robot.label("bot", "spam")
    assert await network.profile(person.did) == Profile(person.did, person.handle)
    assert (await network.profile(robot.did)).labels == {"bot", "spam"}
    assert (await network.profile(network.did)).labels == {"bot"}
    assert (await network.profile(network.did)).handle == network.handle


async def test_without_the_bot_label_nothing_is_put_until_it_is_back(network, world):
    world.bot.label("spam")
    for call in (network.check_account(), network.own(key()), network.put(key(), as_json())):
        with pytest.raises(AccountTrouble, match="self-label"):
            await call
    assert not network.is_let_in
    world.bot.label("bot")
    await network.check_account()

    assert network.is_let_in
    assert (await network.put(key(), as_json())).uri.startswith(f"at://{network.did}/")


async def test_nobody_has_neither_handle_nor_labels(network):
    profile = await network.profile("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
    assert (profile.handle, profile.labels) == (None, frozenset())


async def test_a_fresh_profile_has_the_new_handle_at_once(network, world):
    person = world.person()
    await network.profile(person.did)
    name = f"renamed{next(NUMBERS)}"
    person.rename(name)
    assert (await network.profile(person.did, fresh=True)).handle == f"{name}.test"


async def test_a_post_is_taken_back_and_twice_is_no_error(network, world):
    rkey = key()
    await network.put(rkey, as_json("oh no"))
    for _ in range(2):
        await network.delete(rkey)
    assert await network.own(rkey) is None


async def test_any_record_is_read_until_it_is_gone(network, world):
    person = world.person()
    gate = {"$type": GATE, "post": "at://x", "allow": [], "createdAt": "2026-11-22T12:00:00.000Z"}
    post = person.write(record())
    rkey = post.uri.rpartition("/")[2]
    gate["post"] = post.uri
    ref = person.write(gate, rkey=rkey, collection=GATE)
    found = await network.record(ref.uri)
    person.delete(ref)
    assert (found, await network.record(ref.uri), await network.post(ref.uri)) == (gate, None, None)
    assert await network.record("at://nonsense") is None


async def test_the_status_of_an_account_is_told_and_its_posts_come_back_with_it(network, world):
    person = world.person()
    ref = person.write(record())
    told = [await network.status(person.did)]
    person.deactivate()
    told += [await network.status(person.did), await network.post(ref.uri)]
    person.activate()
    told += [await network.status(person.did), (await network.post(ref.uri)).ref]
    assert told == ["active", "deactivated", None, "active", ref]
    assert await network.status("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa") == "deleted"


async def test_a_block_of_the_bot_is_found_among_others_until_it_is_removed(network, world):
    person, other = world.person(), world.person()
    before = await network.blocked_by(person.did)
    blocks = [
        person.write(
            {"$type": BLOCK, "subject": did, "createdAt": "2026-11-22T12:00:00.000Z"}, collection=BLOCK
        )
        for did in (other.did, network.did, other.did)
    ]
    during = await network.blocked_by(person.did)
    person.delete(blocks[1])
    assert (before, during, await network.blocked_by(person.did)) == (None, blocks[1].uri, None)


def listed(owner, *dids):
    """A list of moderation that holds these accounts: its AT URI."""
    made = {"$type": LIST, "purpose": "app.bsky.graph.defs#modlist", "name": "bots", "createdAt": NOON}
    uri = owner.write(made, collection=LIST).uri
    for did in dids:
        item = {"$type": LIST_ITEM, "list": uri, "subject": did, "createdAt": NOON}
        owner.write(item, collection=LIST_ITEM)
    return uri


async def test_a_list_has_the_members_that_its_owner_gave_it(network, world):
    owner, one, other = world.person(), world.person(), world.person()
    first, second = listed(owner, one.did, network.did), listed(owner, other.did)
    assert await network.members(first) == {one.did, network.did}
    assert await network.members(second) == {other.did}
    for uri in ("at://nonsense", f"{first}x", f"at://did:plc:{'a' * 24}/{LIST}/3kabcdefghijk"):
        assert await network.members(uri) == frozenset()


async def test_a_block_by_a_list_that_holds_the_bot_is_found_until_it_is_removed(network, world):
    owner, person = world.person(), world.person()
    with_bot, without = listed(owner, network.did), listed(owner, person.did)
    before = await network.list_blocked_by(person.did)
    blocks = [
        person.write({"$type": LIST_BLOCK, "subject": uri, "createdAt": NOON}, collection=LIST_BLOCK)
        for uri in (without, with_bot)
    ]
    during = await network.list_blocked_by(person.did)
    person.delete(blocks[1])
    assert (before, during, await network.list_blocked_by(person.did)) == (None, blocks[1].uri, None)
    assert await network.blocked_by(person.did) is None


async def test_declarations_are_read_as_they_stand_until_they_are_removed(network, world):
    person = world.person()
    said = {"$type": PREFERENCE, "scope": {"$type": f"{PREFERENCE}#globalScope"}, "updatedAt": NOON}
    refs = [
        person.write(
            said | {"preferences": {"inference": {"allow": allow}}}, rkey=rkey, collection=PREFERENCE
        )
        for rkey, allow in (("self", False), ("other", True))
    ]
    found = await network.declarations(person.did)
    assert {uri: record["preferences"]["inference"]["allow"] for uri, record in found.items()} == {
        refs[0].uri: False,
        refs[1].uri: True,
    }
    for ref in refs:
        person.delete(ref)
    assert await network.declarations(person.did) == {}
    assert await network.declarations("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa") == {}


async def test_the_bio_is_told_with_the_profile_and_stands_in_its_record(network, world):
    person = world.person()
    person.describe("birds, #nobot")
    assert (await network.profile(person.did)).description == "birds, #nobot"
    assert (await network.record(profile_uri(person.did)))["description"] == "birds, #nobot"


async def test_without_an_appview_nothing_is_said_of_replies_and_notifications(network):
    assert await network.relation("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa") is None
    assert await network.may_reply("at://did:plc:nobody/app.bsky.feed.post/3kabcdefghijk") is None
    with pytest.raises((TransientNetworkError, PermanentNetworkError)):
        await network.notifications()


@pytest.mark.network
async def test_the_double_gives_the_cid_of_the_real_pds(account):
    actor, _ = account
    said = record("hi 👋", langs=["en"], facets=[{"index": {"byteStart": 0, "byteEnd": 2}, "features": []}])
    assert InMemoryNetwork().write("did:plc:someone", said).cid == actor.write(said).cid


async def test_a_block_is_looked_for_on_every_page_up_to_the_thousandth(network, world, monkeypatch):
    monkeypatch.setattr("bot.network.repos.PER_PAGE", 2)
    person, others = world.person(), [f"did:plc:{letter * 24}" for letter in "abcd"]
    ours, *_ = (
        person.write(
            {"$type": BLOCK, "subject": did, "createdAt": "2026-11-22T12:00:00.000Z"}, collection=BLOCK
        )
        for did in (network.did, *others)
    )
    found = await network.blocked_by(person.did)
    monkeypatch.setattr("bot.network.repos.MAX_PAGES", 2)
    beyond = await network.blocked_by(person.did)
    assert (found, beyond) == (ours.uri, None if isinstance(world, Real) else ours.uri)


async def test_a_planned_fault_fires_as_often_as_planned():
    network = InMemoryNetwork()
    network.fail("own", TransientNetworkError("down"), times=2)
    for _ in range(2):
        with pytest.raises(TransientNetworkError):
            await network.own("3kabcdefghijk")
    assert await network.own("3kabcdefghijk") is None
    assert network.fired == {"own": 2}
    assert network.calls == [("own", ("3kabcdefghijk",))] * 3


async def test_a_fault_afterwards_leaves_the_post_stored():
    network = InMemoryNetwork()
    network.fail("put", TransientNetworkError("timed out"), after=True)
    with pytest.raises(TransientNetworkError):
        await network.put("3kabcdefghijk", as_json("stored"))
    assert (await network.own("3kabcdefghijk")).text == "stored"
    assert network.fired == {"put": 1}
