"""What a real AppView shows the bot, and that it agrees with what the bot makes of the same events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from support.harness import Harness

from bot.domain.mention import Relation, State
from bot.domain.policy import PolicyReason
from bot.domain.threadgate import GATE, gate_uri, read
from bot.domain.uris import LIST_BLOCK, LIST_ITEM
from bot.network.bluesky import Bluesky
from bot.network.in_memory import InMemoryNetwork

pytestmark = pytest.mark.network

POST = "app.bsky.feed.post"
BLOCK, LIST = "app.bsky.graph.block", "app.bsky.graph.list"
LATER = "2026-11-22T12:00:00.000Z"


@pytest.fixture(scope="session")
def bot(appview_net):
    actor = appview_net.actor("jay")
    actor.label("bot")
    return actor


@pytest.fixture(scope="session")
def people(appview_net):
    """Ana and Ben, with a profile as every AppView wants it."""
    both = [appview_net.actor(name) for name in ("ana", "ben")]
    for person in both:
        person.label()
    return both


@pytest.fixture
async def network(appview_net, bot):
    net = await Bluesky.connect(
        handle=bot.handle,
        password=bot.account.password,
        pds_url=appview_net.pds_url,
        plc_url=appview_net.plc_url,
        load=lambda: None,
        save=lambda _: None,
    )
    yield net
    await net.close()


class MemoryPerson:
    def __init__(self, network, did, handle):
        self.network, self.did, self.handle = network, did, handle

    def write(self, record, rkey=None, collection=POST):
        return self.network.write(self.did, record, rkey, collection)

    def delete(self, ref):
        self.network.remove(ref.uri)


@pytest.fixture(params=["memory", "appview"])
def world(request):
    """A network, the bot, Ana and Ben, and a function that waits until all is indexed."""
    if request.param == "memory":
        network = InMemoryNetwork()
        names = [("did:plc:ana", "ana.test"), ("did:plc:ben", "ben.test")]
        bot = MemoryPerson(network, network.did, network.handle)
        return network, bot, [MemoryPerson(network, *name) for name in names], lambda: None
    found = [request.getfixturevalue(name) for name in ("network", "bot", "people", "appview_net")]
    return *found[:3], found[3].index


async def heard(network):
    """Every page of what the AppView tells the bot."""
    uris, cursor = [], None
    while True:
        page = await network.notifications(cursor)
        uris += [one.ref.uri for one in page.notifications]
        cursor = page.cursor
        if cursor is None:
            return uris


def post(text, **more):
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"$type": POST, "text": text, "createdAt": now} | more


def mentions(bot):
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": bot.did}
    return {"facets": [{"index": {"byteStart": 0, "byteEnd": 2}, "features": [feature]}]}


def shut(actor, ref, allow):
    record = {"$type": GATE, "post": ref.uri, "createdAt": LATER, "allow": allow}
    return actor.write(record, collection=GATE, rkey=ref.uri.rpartition("/")[2])


async def test_mentions_replies_and_quotes_are_told_the_newest_first(world):
    network, bot, (ana, _), index = world
    own = bot.write(post("hello")).to_json()
    index()  # it reads each account by itself: a reply that comes before its parent is no reply to it
    said = [
        ana.write(post("hi", **mentions(bot))),
        ana.write(post("a reply", reply={"root": own, "parent": own})),
        ana.write(post("a quote", embed={"$type": "app.bsky.embed.record", "record": own})),
    ]
    ana.write(post("nothing to do with anybody"))
    index()

    assert await heard(network) == [ref.uri for ref in reversed(said)]
    (quote, *_) = (await network.notifications()).notifications
    assert (quote.did, quote.ref, quote.record["text"]) == (ana.did, said[-1], "a quote")


async def test_a_deleted_mention_is_told_no_more(world):
    network, bot, (ana, _), index = world
    ref = ana.write(post("oops", **mentions(bot)))
    index()
    before = ref.uri in await heard(network)
    ana.delete(ref)
    index()

    assert (before, ref.uri in await heard(network)) == (True, False)


async def test_who_blocks_the_bot_is_not_heard_and_their_block_is_found(world):
    network, bot, (_, ben), index = world
    ref = ben.write(post("hello", **mentions(bot)))

    async def look():
        index()
        return ref.uri in await heard(network), await network.blocked_by(ben.did)

    before = await look()
    block = ben.write({"$type": BLOCK, "subject": bot.did, "createdAt": LATER}, collection=BLOCK)
    during = await look()
    ben.delete(block)

    assert (before, during, await look()) == ((True, None), (False, block.uri), (True, None))


async def test_a_mention_that_the_stream_missed_is_answered_by_the_notifications(
    appview_net, network, bot, people, db, tmp_path
):
    _, ben = people
    harness = Harness(db, tmp_path, network=network)
    harness.clock.now = datetime.now(UTC)
    missed = ben.write(post("did you hear me?", **mentions(bot)))
    taken_back = ben.write(post("never mind", **mentions(bot)))
    appview_net.index()
    first = await harness.reconciler.reconcile()
    ben.delete(taken_back)
    for _ in range(2):  # think, post
        while await harness.worker.work():
            pass
    again = await harness.reconciler.reconcile()

    assert (first >= 2, again) == (True, 0)
    assert harness.outcome(missed) == (State.ANSWERED, None)
    assert harness.outcome(taken_back) == (State.DECLINED, PolicyReason.GONE)
    appview_net.index()
    (reply,) = [it for it in bot.posts() if it.record.get("reply", {}).get("parent") == missed.to_json()]
    assert reply.text


async def test_a_block_is_told_direct_or_by_a_list_and_nothing_else_is_one(world):
    network, bot, (ana, ben), index = world
    listed = {"$type": LIST, "purpose": "app.bsky.graph.defs#modlist", "name": "bots", "createdAt": LATER}

    async def told():
        index()
        return [(await network.relation(person.did)).blocks for person in (ana, ben)]

    uri = ana.write(listed, collection=LIST).uri
    ana.write({"$type": LIST_ITEM, "list": uri, "subject": bot.did, "createdAt": LATER}, collection=LIST_ITEM)
    before = await told()
    by_list = ana.write({"$type": LIST_BLOCK, "subject": uri, "createdAt": LATER}, collection=LIST_BLOCK)
    direct = ben.write({"$type": BLOCK, "subject": bot.did, "createdAt": LATER}, collection=BLOCK)
    during = await told()
    ana.delete(by_list)
    ben.delete(direct)

    assert (before, during, await told()) == ([False, False], [True, True], [False, False])


async def test_whom_the_bots_account_mutes_is_told(world):
    network, _, (ana, ben), index = world
    index()
    if isinstance(network, InMemoryNetwork):
        network.muted.add(ana.did)
    else:
        await network._session.post("app.bsky.graph.muteActor", json.dumps({"actor": ana.did}).encode())
    muted = [(await network.relation(person.did)).muted for person in (ana, ben)]
    if not isinstance(network, InMemoryNetwork):
        await network._session.post("app.bsky.graph.unmuteActor", json.dumps({"actor": ana.did}).encode())

    assert muted == [True, False]
    assert await network.relation("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa") == Relation()


@pytest.mark.parametrize(
    ("allow", "text", "opens"),
    [
        ([], "nobody", False),
        ([{"$type": f"{GATE}#mentionRule"}], "you, @jay.test", True),
        ([{"$type": f"{GATE}#mentionRule"}], "somebody else", False),
        ([{"$type": f"{GATE}#followingRule"}], "whom I follow", None),
    ],
)
async def test_a_gate_is_read_as_the_appview_reads_it(appview_net, network, bot, people, allow, text, opens):
    ana, _ = people
    mentioned = "@jay" in text
    root = ana.post(text, mentions=[bot] if mentioned else [])
    shut(ana, root, allow)
    appview_net.index()

    gate = read(await network.record(gate_uri(root.uri)))
    assert gate.allows_reply(mentioned=mentioned, posts=()) is opens
    assert await network.may_reply(root.uri) is bool(opens)


async def test_who_is_followed_may_reply_behind_a_gate_for_the_followed(appview_net, network, bot, people):
    ana, _ = people
    follow = {"$type": "app.bsky.graph.follow", "subject": bot.did, "createdAt": LATER}
    followed = ana.write(follow, collection="app.bsky.graph.follow")
    root = ana.post("friends only")
    shut(ana, root, [{"$type": f"{GATE}#followingRule"}])
    appview_net.index()
    before = await network.may_reply(root.uri)
    ana.delete(followed)
    appview_net.index()

    assert (before, await network.may_reply(root.uri)) == (True, False)
