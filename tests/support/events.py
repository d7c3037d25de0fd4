"""Events for tests, and what they leave in the tables."""

from __future__ import annotations

from sqlalchemy import text

from bot.domain.events import AccountChanged, Blocked, GateChanged
from bot.domain.threadgate import GATE, gate_uri
from support.factory import ANA, BEN, ME

BLOCK = f"at://{ANA}/app.bsky.graph.block/3kabcdefghijk"
NOBODY = {"$type": GATE, "allow": []}
FOLLOWED = {"$type": GATE, "allow": [{"$type": f"{GATE}#followingRule"}]}
MENTIONED = {"$type": GATE, "allow": [{"$type": f"{GATE}#mentionRule"}]}


def rows(harness, table):
    with harness.services.db.read() as tx:
        return [dict(row._mapping) for row in tx.execute(text(f"SELECT * FROM {table}"))]


def jobs(harness):
    return sorted((row["kind"], row["subject"]) for row in rows(harness, "errand"))


def block(harness, uri=BLOCK):
    harness.send(Blocked, uri, uri.split("/")[2], harness.clock())


def account(harness, status=None, did=ANA):
    harness.send(AccountChanged, did, status is None, status, harness.clock())


def gate(harness, post, record):
    """A gate that stands on the network, and is heard of."""
    did, rkey = post.uri.split("/")[2], post.uri.rpartition("/")[2]
    harness.network.write(did, record | {"post": post.uri}, rkey=rkey, collection=GATE)
    harness.send(GateChanged, gate_uri(post.uri), did, post.uri, record, harness.clock())


def status_of(harness, did=ANA):
    with harness.services.db.read() as tx:
        return harness.services.memory.people.status(tx, did)


def plain(words):
    return {"$type": "app.bsky.feed.post", "text": words, "createdAt": "2026-11-22T12:00:00Z"}


def addressed(words):
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": ME}
    return plain(f"@jay.test {words}") | {
        "facets": [{"index": {"byteStart": 0, "byteEnd": 9}, "features": [feature]}]
    }


def thread(harness, words="a thread"):
    """A thread of Ben's, and the fields of a reply in it."""
    root = harness.network.write(BEN, plain(words))
    return root, {"reply": {"root": root.to_json(), "parent": root.to_json()}}
