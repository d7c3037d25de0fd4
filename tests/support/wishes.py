"""What people write into their repos so that the bot leaves them or their words alone."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.postgate import postgate_uri
from bot.domain.uris import BLOCK, LIST, LIST_BLOCK, LIST_ITEM, POSTGATE, PREFERENCE, record_key
from support.factory import ME

OWNER = "did:plc:owner"


def declare(harness, did, rkey="self", *, scope=None, **uses):
    """A declaration in the repo: `inference=False` denies it."""
    preferences = {use: {"allow": allow} for use, allow in uses.items()}
    scope = scope or {"$type": f"{PREFERENCE}#globalScope"}
    record = {"$type": PREFERENCE, "scope": scope, "preferences": preferences}
    return harness.network.write(did, record, rkey=rkey, collection=PREFERENCE)


def block(harness, did):
    """A block that stands in the repo; the stream says nothing of it."""
    return harness.network.write(did, {"$type": BLOCK, "subject": ME}, collection=BLOCK)


def make_list(harness, *dids):
    """A list of somebody else's that holds these accounts."""
    uri = harness.network.write(OWNER, {"$type": LIST}, collection=LIST).uri
    for did in dids:
        item = {"$type": LIST_ITEM, "list": uri, "subject": did}
        harness.network.write(OWNER, item, collection=LIST_ITEM)
    return uri


def block_by_list(harness, did):
    record = {"$type": LIST_BLOCK, "subject": make_list(harness, ME)}
    return harness.network.write(did, record, collection=LIST_BLOCK)


def detach(harness, quoted, quoting):
    """The author of `quoted` detaches it from the quote (strong refs)."""
    did, rkey = quoted.uri.split("/")[2], record_key(quoted.uri)
    assert postgate_uri(quoted.uri).endswith(f"/{POSTGATE}/{rkey}")
    record = {"$type": POSTGATE, "post": quoted.uri, "detachedEmbeddingUris": [quoting]}
    return harness.network.write(did, record, rkey=rkey, collection=POSTGATE)


def with_options(harness, **options):
    harness.services = replace(harness.services, options=replace(harness.services.options, **options))
    return harness.with_brain(harness.services.brain)
