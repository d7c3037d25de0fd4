"""What a real AppView shows the bot, and that it agrees with what the bot makes of the same events."""

from __future__ import annotations

import pytest

from bot.bluesky import Bluesky
from bot.gates import GATE, gate_uri, read

pytestmark = pytest.mark.network

BLOCK = "app.bsky.graph.block"
LATER = "2026-11-22T12:00:00.000Z"


@pytest.fixture(scope="module")
def bot(appview_net):
    actor = appview_net.actor("jay")
    actor.label("bot")
    return actor


@pytest.fixture(scope="module")
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


async def heard(network):
    """Every page of what the AppView tells the bot."""
    uris, cursor = [], None
    while True:
        page = await network.notifications(cursor)
        uris += [one.ref.uri for one in page.notifications]
        cursor = page.cursor
        if cursor is None:
            return uris


def block(actor, did):
    return actor.write({"$type": BLOCK, "subject": did, "createdAt": LATER}, collection=BLOCK)


def shut(actor, post, allow, **more):
    record = {"$type": GATE, "post": post.uri, "createdAt": LATER, "allow": allow} | more
    return actor.write(record, collection=GATE, rkey=post.uri.rpartition("/")[2])


async def test_mentions_replies_and_quotes_are_told_the_newest_first(appview_net, network, bot, people):
    ana, _ = people
    own = bot.post("hello")
    said = [
        ana.post(f"hi @{bot.handle}", mentions=[bot]),
        ana.post("a reply", reply_to=own),
        ana.post("a quote", quote=own),
    ]
    ana.post("nothing to do with anybody")
    appview_net.index()

    assert await heard(network) == [ref.uri for ref in reversed(said)]
    (quote, *_) = (await network.notifications()).notifications
    assert (quote.did, quote.ref, quote.record["text"]) == (ana.did, said[-1], "a quote")


async def test_a_deleted_mention_is_told_no_more(appview_net, network, bot, people):
    ana, _ = people
    ref = ana.post(f"oops @{bot.handle}", mentions=[bot])
    appview_net.index()
    before = ref.uri in await heard(network)
    ana.delete(ref)
    appview_net.index()

    assert (before, ref.uri in await heard(network)) == (True, False)


async def test_who_blocks_the_bot_is_not_heard_and_their_block_is_found(appview_net, network, bot, people):
    _, ben = people
    ref = ben.post(f"hello @{bot.handle}", mentions=[bot])
    appview_net.index()
    before = (ref.uri in await heard(network), await network.blocked_by(ben.did))
    blocked = block(ben, bot.did)
    appview_net.index()
    during = (ref.uri in await heard(network), await network.blocked_by(ben.did))
    ben.delete(blocked)
    appview_net.index()
    after = (ref.uri in await heard(network), await network.blocked_by(ben.did))

    assert (before, during, after) == ((True, None), (False, blocked.uri), (True, None))


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
    assert gate.opens(mentioned=mentioned, ours=()) is opens
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
