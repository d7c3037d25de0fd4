"""The call by which a reply is put, without a server."""

from __future__ import annotations

import json
from unittest.mock import Mock

import pytest
from support.factory import ME

from bot.errors import AccountTrouble
from bot.network.bluesky import Bluesky

RKEY = "3kabcdefghijk"
RECORD = '{"$type": "app.bsky.feed.post",  "text": "hi"}'
CID = "bafyreib2rxk3rybk3aobmv5cjuql3bm2twh4jo5uxgf5kpqcsgz7soitae"


class Session:
    """Records what is posted."""

    did, handle = ME, "jay.test"

    def __init__(self):
        self.calls = []

    async def post(self, nsid, body):
        self.calls.append((nsid, body.decode()))
        return {"uri": f"at://{ME}/app.bsky.feed.post/{RKEY}", "cid": CID}

    async def get(self, _nsid, _params):
        return {"uri": f"at://{ME}/app.bsky.actor.profile/self", "cid": CID, "value": {}}


def robot(**options):
    return Bluesky(Session(), Mock(), pds_url="http://pds.test", plc_url="http://plc.test", **options)


async def test_a_reply_is_put_under_its_key_with_its_bytes_and_only_where_nothing_stands():
    network = robot()
    await network.put(RKEY, RECORD)

    ((nsid, body),) = network._session.calls
    call = json.loads(body)
    assert nsid == "com.atproto.repo.putRecord"
    assert (call["repo"], call["collection"], call["rkey"]) == (ME, "app.bsky.feed.post", RKEY)
    assert call.get("swapRecord", "overwrites") is None
    assert RECORD in body


async def test_an_account_that_is_labelled_no_more_puts_nothing():
    network = robot(require_label=True)
    with pytest.raises(AccountTrouble):
        await network.check_account()
    with pytest.raises(AccountTrouble):
        await network.put(RKEY, RECORD)

    assert network._session.calls == []
