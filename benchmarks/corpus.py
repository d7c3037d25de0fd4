"""Makes frames of a firehose with valid CIDs, frames that concern a bot, and the same as Jetstream lines.

New frames are made of recorded ones by substitution of equal length; without those, all are made up.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import libipld

from bot.domain.uris import BLOCK, GATE, POST

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

DIDS = re.compile(rb"did:plc:[a-z2-7]{24}")
TIDS = re.compile(rb"(?<=/)3m[a-z2-7]{11}(?![a-z2-7])|(?<=revm)3m[a-z2-7]{11}")
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
SEQ = b"cseq\x1b"
DAG_CBOR = b"\x01\x71\x12\x20"
FIRST_LINE = 24_000_000_000
FIRST_SEQ = 31_600_000_000
TIME = "2026-07-04T14:38:{:02d}.{:03d}Z"
FILLER = 10  # blocks of a commit besides its records, as on the network of 2026
FILLER_BYTES = 420


def load(path: Path) -> list[bytes]:
    """Recorded frames: each behind its length (u32, little endian); the file may be packed with zstd."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        import zstandard

        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    frames, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        frames.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return frames


# --- made up ---


def cid_of(data: bytes) -> bytes:
    return DAG_CBOR + sha256(data).digest()


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def frame(kind: str, body: dict[str, Any]) -> bytes:
    return libipld.encode_dag_cbor({"op": 1, "t": kind}) + libipld.encode_dag_cbor(body)


def did(rng: random.Random) -> str:
    return "did:plc:" + "".join(rng.choices(BASE32, k=24))


def tid(rng: random.Random) -> str:
    return "3m" + "".join(rng.choices(BASE32, k=11))


def commit(
    rng: random.Random, seq: int, repo: str, *ops: tuple[str, str, dict[str, Any] | None], **more: Any
) -> bytes:
    """A commit of these operations (action, path, record) among blocks of the usual number and size."""
    records = [libipld.encode_dag_cbor(record) for _, _, record in ops if record is not None]
    filler = [libipld.encode_dag_cbor({"e": rng.randbytes(FILLER_BYTES)}) for _ in range(FILLER)]
    blocks = [*filler[:-1], *records, filler[-1]]
    header = libipld.encode_dag_cbor({"version": 1, "roots": [cid_of(blocks[0])]})
    car = varint(len(header)) + header
    car += b"".join(varint(36 + len(block)) + cid_of(block) + block for block in blocks)
    listed = [
        {"action": act, "path": path, "cid": None if it is None else cid_of(libipld.encode_dag_cbor(it))}
        for act, path, it in ops
    ]
    body = {
        "seq": seq,
        "repo": repo,
        "rev": tid(rng),
        "since": tid(rng),
        "time": _time(seq),
        "ops": listed,
        "blobs": [],
        "blocks": car,
        "commit": cid_of(blocks[0]),
        "rebase": False,
        "tooBig": False,
    }
    return frame("#commit", body | more)


def _time(seq: int) -> str:
    return TIME.format(seq // 1000 % 60, seq % 1000)


def made_up(rng: random.Random, count: int) -> Iterator[bytes]:
    """Frames of strangers: mostly likes, some posts, as on the network."""
    for number in range(count):
        seq, repo, there = FIRST_SEQ + number, did(rng), f"at://{did(rng)}/{POST}/{tid(rng)}"
        subject = {"uri": there, "cid": "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"}
        kind = rng.random()
        if kind < 0.8:
            record = {"$type": "app.bsky.feed.like", "subject": subject, "createdAt": _time(seq)}
            yield commit(rng, seq, repo, ("create", f"app.bsky.feed.like/{tid(rng)}", record))
        elif kind < 0.95:
            text = "made up " + "".join(rng.choices(BASE32 + "     ", k=120))
            reply = {"reply": {"root": subject, "parent": subject}} if rng.random() < 0.5 else {}
            record = {"$type": POST, "text": text, "createdAt": _time(seq)} | reply
            yield commit(rng, seq, repo, ("create", f"{POST}/{tid(rng)}", record))
        elif kind < 0.985:
            yield commit(rng, seq, repo, ("delete", f"app.bsky.graph.follow/{tid(rng)}", None))
        else:
            yield frame("#identity", {"seq": seq, "did": repo, "time": _time(seq)})


# --- grown from real ones ---


def grow(frames: list[bytes], rng: random.Random, count: int) -> Iterator[bytes]:
    """Distinct frames: every DID and TID is another of equal length, and every CID right again."""
    shapes = [(data, *_names(data), _blocks(data)) for data in frames]
    for number in range(count):
        data, dids, tids, blocks = shapes[number % len(shapes)]
        for one in dids:
            data = data.replace(one, did(rng).encode())
        for one in tids:
            data = data.replace(one, tid(rng).encode())
        yield _sound(data, blocks)


def numbered(frames: list[bytes]) -> list[bytes]:
    """The frames with rising numbers."""
    out = []
    for number, data in enumerate(frames):
        at = data.index(SEQ) + len(SEQ)
        out.append(data[:at] + struct.pack(">Q", FIRST_SEQ + number) + data[at + 8 :])
    return out


def _names(data: bytes) -> tuple[list[bytes], list[bytes]]:
    return sorted(set(DIDS.findall(data))), sorted(set(TIDS.findall(data)))


def _blocks(data: bytes) -> list[tuple[int, int]]:
    """Where the frame's blocks stand; each behind its CID."""
    car = libipld.decode_dag_cbor_multi(data)[1].get("blocks")
    if not car:
        return []
    start, spots = data.index(car), []
    size, at = _read_varint(car, 0)
    at += size
    while at < len(car):
        size, at = _read_varint(car, at)
        spots.append((start + at + 36, start + at + size))
        at += size
    return spots


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while data[at] & 128:
        number |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return number | data[at] << shift, at + 1


def _sound(data: bytes, blocks: list[tuple[int, int]]) -> bytes:
    """The frame with every block's hash where the old one stood; links change hashes, so until all agree."""
    changed = True
    while changed:
        changed = False
        for start, end in blocks:
            old, new = data[start - 32 : start], sha256(data[start:end]).digest()
            if old != new:
                data, changed = data.replace(old, new), True
    return data


# --- what concerns the bot ---


@dataclass
class Planted:
    """Frames for a bot `me` that knows `people` and `posts`: those of `wanted` mean an event of that name."""

    me: str
    people: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    wanted: list[tuple[str, str]] = field(default_factory=list)


def plant(rng: random.Random, me: str, rounds: int, seq: int) -> Planted:
    """Every kind of event `rounds` times, and as many frames that only look like one."""
    planted = Planted(me)
    for _ in range(rounds):
        for kind, repo, what, event in _kinds(rng, planted):
            data = (
                frame(kind, what | {"seq": seq, "time": _time(seq)})
                if kind != "#commit"
                else commit(rng, seq, repo, *what.pop("ops"), **what)
            )
            planted.frames.append(data)
            seq += 1
            if event is not None:
                planted.wanted.append(event)
    return planted


def mention(rng: random.Random, me: str, seq: int) -> tuple[bytes, str]:
    """A frame that mentions the bot, and the post's URI."""
    kind, repo, what, event = next(_spoken(rng, me))
    assert kind == "#commit"
    return commit(rng, seq, repo, *what["ops"]), event[1]


def _kinds(rng: random.Random, planted: Planted) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Kind of frame, repo, what of it, and the event it means (its type's name and URI or DID)."""
    yield from _spoken(rng, planted.me)
    yield from _records(rng, planted)
    yield from _accounts(rng, planted)
    yield from _decoys(rng, planted)


def _post(rng: random.Random, **more: Any) -> dict[str, Any]:
    return {"$type": POST, "text": "planted " + tid(rng), "createdAt": "2026-07-04T14:38:00.000Z"} | more


def _spoken(rng: random.Random, me: str) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    ref = {
        "uri": f"at://{me}/{POST}/{tid(rng)}",
        "cid": "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",
    }
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": me}
    quote = {"$type": "app.bsky.embed.record", "record": ref}
    media = {"$type": "app.bsky.embed.images", "images": []}
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": {"record": ref}, "media": media}
    for more in (
        {"facets": [{"index": {"byteStart": 0, "byteEnd": 4}, "features": [feature]}]},
        {"reply": {"root": ref, "parent": ref}},
        {"embed": quote},
        {"embed": both},
    ):
        repo, path = did(rng), f"{POST}/{tid(rng)}"
        ops = [("create", path, _post(rng, **more))]
        yield "#commit", repo, {"ops": ops}, ("PostCreated", f"at://{repo}/{path}")
    path = f"{POST}/{tid(rng)}"
    yield "#commit", me, {"ops": [("create", path, _post(rng))]}, ("PostCreated", f"at://{me}/{path}")


def _records(rng: random.Random, planted: Planted) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    person, stranger = did(rng), did(rng)
    planted.people.append(person)
    for repo in (person, stranger):  # what one tracks of a stranger is the record itself
        path, gone, key = f"{POST}/{tid(rng)}", f"{POST}/{tid(rng)}", tid(rng)
        if repo == stranger:
            planted.posts += [f"at://{repo}/{it}" for it in (path, gone, f"{POST}/{key}")]
        edit, gate = [("update", path, _post(rng))], f"{GATE}/{key}"
        yield "#commit", repo, {"ops": edit}, ("PostCreated", f"at://{repo}/{path}")
        yield "#commit", repo, {"ops": [("delete", gone, None)]}, ("PostDeleted", f"at://{repo}/{gone}")
        record = {"$type": GATE, "post": f"at://{repo}/{POST}/{key}", "allow": [], "createdAt": _time(0)}
        yield "#commit", repo, {"ops": [("create", gate, record)]}, ("GateChanged", f"at://{repo}/{gate}")
        yield "#commit", repo, {"ops": [("delete", gate, None)]}, ("RecordDeleted", f"at://{repo}/{gate}")
        block, other = f"{BLOCK}/{tid(rng)}", did(rng)
        record = {"$type": BLOCK, "subject": planted.me, "createdAt": _time(0)}
        yield "#commit", other, {"ops": [("create", block, record)]}, ("Blocked", f"at://{other}/{block}")
        yield "#commit", other, {"ops": [("delete", block, None)]}, ("RecordDeleted", f"at://{other}/{block}")


def _accounts(rng: random.Random, planted: Planted) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    for status in ("deleted", "takendown", "suspended", "deactivated", None):
        who = did(rng)
        planted.people.append(who)
        body = {"did": who, "active": status is None} | ({"status": status} if status else {})
        yield "#account", who, body, ("AccountChanged", who)
    yield "#identity", who, {"did": who, "handle": "planted.example.org"}, ("IdentityChanged", who)
    yield "#sync", who, {"did": who, "rev": tid(rng), "blocks": b""}, ("RepoSync", who)
    yield "#commit", who, {"ops": [], "tooBig": True}, ("RepoSync", who)


def _decoys(rng: random.Random, planted: Planted) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """What has the bot's DID in it, or a tracked person's, and means nothing to it."""
    me, person = planted.me, planted.people[-1]
    ref = {
        "uri": f"at://{me}/{POST}/{tid(rng)}",
        "cid": "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i",
    }
    elsewhere = ref | {"uri": f"at://{did(rng)}/{POST}/{tid(rng)}"}
    like = {"$type": "app.bsky.feed.like", "subject": ref, "createdAt": _time(0)}
    follow = {"$type": "app.bsky.graph.follow", "subject": me, "createdAt": _time(0)}
    block = {"$type": BLOCK, "subject": person, "createdAt": _time(0)}
    for op in (
        ("create", f"app.bsky.feed.like/{tid(rng)}", like),
        ("create", f"app.bsky.graph.follow/{tid(rng)}", follow),
        ("create", f"{POST}/{tid(rng)}", _post(rng, text=f"who is {me}?")),
        ("create", f"{POST}/{tid(rng)}", _post(rng, reply={"root": ref, "parent": elsewhere})),
        ("create", f"{BLOCK}/{tid(rng)}", block),
        ("delete", f"{POST}/{tid(rng)}", None),
        ("delete", f"{BLOCK}/{tid(rng)}", None),
    ):
        yield "#commit", did(rng), {"ops": [op]}, None
    for op in (
        ("create", f"{POST}/{tid(rng)}", _post(rng)),
        ("create", f"app.bsky.feed.like/{tid(rng)}", like),
        ("delete", f"app.bsky.feed.like/{tid(rng)}", None),
    ):
        yield "#commit", person, {"ops": [op]}, None
    yield "#account", "", {"did": did(rng), "active": False, "status": "deleted"}, None
    yield "#identity", "", {"did": did(rng), "handle": "decoy.example.org"}, None


# --- as Jetstream ---


def as_lines(frames: list[bytes]) -> list[bytes]:
    """The lines that Jetstream v2 makes of the frames, numbered as it does."""
    bodies = [body for data in frames for body in _lines(data)]
    for seq, body in enumerate(bodies, FIRST_LINE):
        body["payload"]["seq"] = seq
    return [json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() for body in bodies]


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    header, body = libipld.decode_dag_cbor_multi(data)
    kind = header["t"].removeprefix("#")
    head = {"seq": body["seq"], "did": body.get("did") or body.get("repo"), "time": body["time"]}
    if kind != "commit":
        inner = {key: value for key, value in body.items() if key != "blocks"}
        yield _line(kind, head | {kind: inner})
        return
    blocks = libipld.decode_car(body["blocks"])[1] if body["ops"] else {}
    for op in body["ops"]:
        collection, _, rkey = op["path"].partition("/")
        line = head | {"rev": body["rev"], "operation": op["action"], "collection": collection, "rkey": rkey}
        if op["action"] != "delete":
            line |= {"record": plain(blocks[op["cid"]]), "cid": libipld.encode_cid(op["cid"])}
        yield _line(kind, line)


def _line(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    payload = {"$type": f"network.bsky.jetstream.subscribeEvents#{kind}"} | body
    return {"$type": "message", "payload": payload}


def plain(value: Any) -> Any:
    """As a record stands in JSON, made independently of what is measured."""
    if isinstance(value, dict):
        return {key: plain(it) for key, it in value.items()}
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, bytes):
        if len(value) == 36 and value[:4] in (DAG_CBOR, b"\x01\x55\x12\x20"):
            return {"$link": str(libipld.encode_cid(value))}
        return {"$bytes": base64.b64encode(value).decode().rstrip("=")}
    return value
