"""A relay for tests: frames as a server sends them, and a server that plays a script a connection."""

import asyncio
import contextlib
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import libipld
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

ME = "did:plc:scrubjay"
ALICE = "did:plc:alice"
TIME = "2026-11-22T12:00:00.000Z"


def cid_of(data):
    return b"\x01\x71\x12\x20" + sha256(data).digest()


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def car(*records):
    blocks = [libipld.encode_dag_cbor(record) for record in records]
    header = libipld.encode_dag_cbor({"version": 1, "roots": [cid_of(blocks[0] if blocks else b"")]})
    return varint(len(header)) + header + b"".join(varint(36 + len(it)) + cid_of(it) + it for it in blocks)


def frame(kind, body, op=1):
    return libipld.encode_dag_cbor({"op": op, "t": kind}) + libipld.encode_dag_cbor(body)


def error(name):
    return libipld.encode_dag_cbor({"op": -1}) + libipld.encode_dag_cbor(
        {"error": name, "message": "so it is"}
    )


def commit(seq, *ops, repo=ALICE, time=TIME, **more):
    """Each op: (action, rkey, record or None)."""
    records = [record for _, _, record in ops if record is not None]
    listed = [
        {
            "action": action,
            "path": rkey if "/" in rkey else f"app.bsky.feed.post/{rkey}",
            "cid": None if record is None else cid_of(libipld.encode_dag_cbor(record)),
        }
        for action, rkey, record in ops
    ]
    body = {"seq": seq, "repo": repo, "time": time, "ops": listed, "blocks": car(*records), "rev": "x"}
    return frame("#commit", body | more)


def mention(text="hi", **more):
    facet = {
        "index": {"byteStart": 0, "byteEnd": 2},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": ME}],
    }
    return {"$type": "app.bsky.feed.post", "text": text, "createdAt": TIME, "facets": [facet]} | more


def hears(seq, text="hi"):
    """A frame with one mention of the bot."""
    return commit(seq, ("create", f"3k{seq:011d}".replace("0", "a").replace("1", "b"), mention(text)))


class Relay:
    """Plays one script for each connection, the last one for ever after. `cursors` tells what was asked."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)
        self.cursors = []
        self.played = 0

    async def _play(self, socket):
        cursor = parse_qs(urlsplit(socket.request.path).query).get("cursor")
        self.cursors.append(int(cursor[0]) if cursor else None)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        with contextlib.suppress(ConnectionClosed):
            for step in script:
                self.played += 1
                await (step(socket) if callable(step) else socket.send(step))
            await socket.wait_closed()

    @contextlib.asynccontextmanager
    async def serving(self):
        async with serve(self._play, "127.0.0.1", 0, compression=None, close_timeout=0.1) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def close(code):
    return lambda socket: socket.close(code)


async def drop(socket):
    socket.transport.abort()
    await asyncio.sleep(0)
