import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relay import ALICE, ME, commit, error, frame, mention

from bot.events import IdentityChanged, PostCreated, PostDeleted
from bot.sources.filter import Judge
from bot.sources.frames import read
from bot.sources.message import BadFrame, Message, Notice, placed
from bot.tracked import Tracked

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "3kabcdefghijk"
KEY2 = "3kabcdefghijm"


def heard(data, *people):
    """What the frame means to a bot that knows these people, by default Alice."""
    return read(data, Judge(Tracked(ME, people or [ALICE])), NOW)


def message(seq, *events, faults=(), at=AT):
    return Message(seq, at, events, faults)


def test_a_mention_is_read_with_its_record():
    message = heard(commit(7, ("create", KEY, mention("hé"))))
    (event,) = message.events
    assert (event.cursor, event.did, event.at) == (7, ALICE, AT)
    assert (event.ref.uri, event.record) == (f"at://{ALICE}/app.bsky.feed.post/{KEY}", mention("hé"))
    assert event.ref.cid.startswith("bafyrei")


def test_an_edit_is_read_like_a_new_post():
    (event,) = heard(commit(7, ("update", KEY, mention()))).events
    assert isinstance(event, PostCreated)


def test_a_post_that_does_not_contain_the_bot_is_no_event():
    assert heard(commit(7, ("create", KEY, {"text": "hi"}))) == Message(7)


def test_a_deleted_post_is_told_whosoever_it_was():
    message = heard(commit(7, ("delete", KEY, None)))
    assert message.events == (PostDeleted(7, f"at://{ALICE}/app.bsky.feed.post/{KEY}", ALICE, AT),)


def test_other_collections_are_no_events():
    ops = [("delete", "app.bsky.feed.like/x", None), ("create", "app.bsky.feed.posts/x", mention())]
    assert heard(commit(7, *ops)) == Message(7)


def test_a_new_handle_is_told():
    body = {"seq": 9, "did": ALICE, "handle": "Alice.Test", "time": "2026-11-22T13:00:00+01:00"}
    assert heard(frame("#identity", body)) == Message(9, (IdentityChanged(9, ALICE, "alice.test", AT),))


@pytest.mark.parametrize(
    ("handle", "faults"),
    [
        (None, ()),
        ("handle.invalid", ()),
        (7, ("handle",)),
        ("x", ("handle",)),
        ("a\x1b[2J.test", ("handle",)),
        ("a." * 200 + "test", ("handle",)),
    ],
)
def test_what_is_no_handle_is_not_told(handle, faults):
    assert heard(frame("#identity", {"seq": 9, "did": ALICE, "handle": handle})) == Message(9, (), faults)


def test_only_the_last_event_of_a_frame_passes_it():
    message = heard(
        commit(7, ("create", KEY, mention()), ("delete", KEY2, None), ("create", KEY2, mention("b")))
    )
    assert [event.cursor for event in placed(message, 0)] == [6, 6, 7]
    assert [event.cursor for event in placed(message, 7)] == [7, 7, 7]
    assert [event.cursor for event in placed(message, 20)] == [20, 20, 20]


@pytest.mark.parametrize(
    "time", ["", "yesterday", None, 7, "2026-11-22T12:00:00", "0001-01-01T00:00:00+23:59"]
)
def test_a_time_that_cannot_be_read_is_now(time):
    (event,) = heard(commit(7, ("delete", KEY, None), time=time)).events
    assert event.at == NOW


def test_links_and_bytes_stand_as_in_json():
    link = libipld.decode_cid("bafkreias7oxbr6swsuggccmtnqpoeami4jza5x4w3urltn6gzhqf4k6k2e")["hash"]["digest"]
    blob = {"ref": b"\x01\x55\x12\x20" + link, "sig": b"abcd"}
    (event,) = heard(commit(7, ("create", KEY, mention(embed=[blob])))).events
    plain = {
        "ref": {"$link": "bafkreias7oxbr6swsuggccmtnqpoeami4jza5x4w3urltn6gzhqf4k6k2e"},
        "sig": {"$bytes": "YWJjZA"},
    }
    assert event.record["embed"] == [plain]
    json.dumps(event.record)


def test_a_record_nested_without_end_is_passed_over():
    nested = []
    for _ in range(900):
        nested = [nested]
    assert heard(commit(7, ("create", KEY, mention(embed=nested)))) == Message(7, (), ("record",))


def test_a_broken_car_costs_its_posts_but_not_the_deletions():
    data = commit(7, ("create", KEY, mention()), ("delete", KEY2, None), blocks=b"\x00garbage " + ME.encode())
    message = heard(data)
    assert [type(event) for event in message.events] == [PostDeleted]
    assert message.faults == ("car", "record")


@pytest.mark.parametrize(
    ("ops", "faults"),
    [
        ([7, None, {}, {"path": 7}], ("op",) * 4),
        ([{"path": "app.bsky.feed.post/", "action": "create"}], ("op",)),
        ([{"path": "app.bsky.feed.post/a/b", "action": "create"}], ("op",)),
        ([{"path": f"app.bsky.feed.post/{KEY}", "action": "explode"}], ("op",)),
        ([{"path": f"app.bsky.feed.post/{KEY}", "action": ["create"]}], ("op",)),
        ([{"path": f"app.bsky.feed.post/{KEY}", "action": "create", "cid": {"a": 1}}], ("record",)),
        ([{"path": f"app.bsky.feed.post/{KEY}", "action": "create"}], ("record",)),
    ],
)
def test_odd_operations_are_counted_and_passed_over(ops, faults):
    body = {"seq": 7, "repo": ALICE, "time": ME, "ops": ops, "blocks": commit(1)[:0]}
    assert [fault for fault in heard(frame("#commit", body)).faults if fault != "car"] == list(faults)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "shape"),
        (b"\xff\xff", "cbor"),
        (commit(7, ("create", KEY, mention()))[:-20], "cbor"),
        (b"\x81" * 100_000, "cbor"),
        (libipld.encode_dag_cbor({"op": 1, "t": "#commit"}), "shape"),
        (libipld.encode_dag_cbor([1]) * 2, "shape"),
        (frame("#commit", {}) + b"\xa0", "shape"),
        (frame(7, {}), "header"),
        (frame("#commit", {}, op=2), "header"),
        (frame("#commit", {}, op="1"), "header"),
        (frame("#commit", {}), "seq"),
        (frame("#commit", {"seq": "7"}), "seq"),
        (frame("#commit", {"seq": -7}), "seq"),
        (frame("#commit", {"seq": True}), "seq"),
        (frame("#commit", {"seq": 2**63}), "seq"),
        (frame("#commit", {"seq": 7}), "commit"),
        (frame("#commit", {"seq": 7, "repo": "alice", "ops": []}), "commit"),
        (frame("#commit", {"seq": 7, "repo": ALICE, "ops": {}}), "commit"),
        (frame("#identity", {"seq": 7, "did": 7}), "identity"),
    ],
)
def test_what_is_no_frame_is_named_by_its_trouble(data, kind):
    with pytest.raises(BadFrame, match=f"^{kind}$"):
        heard(data)


def test_a_kind_of_the_future_moves_the_cursor():
    assert heard(frame("#labels", {"seq": 8})) == Message(8, faults=("kind",))
    assert heard(frame("#account", {"seq": 8})) == heard(frame("#sync", {"seq": 8})) == Message(8)


def test_an_error_ends_the_stream_and_an_info_does_not():
    assert heard(error("ConsumerTooSlow")) == Notice("ConsumerTooSlow", fatal=True)
    assert heard(frame("#info", {"name": "OutdatedCursor"})) == Notice("OutdatedCursor", fatal=False)
    assert heard(frame(None, {"error": 7}, op=-1)) == Notice("unnamed", fatal=True)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary() | st.just(ME),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OPS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["create", "update", "delete"]) | ANYTHING,
        "path": st.just(f"app.bsky.feed.post/{KEY}") | ANYTHING,
        "cid": ANYTHING,
    }
)
BODIES = st.fixed_dictionaries(
    {"seq": st.integers(0, 9)},
    optional={
        "repo": st.just(ALICE) | ANYTHING,
        "did": st.just(ALICE) | ANYTHING,
        "ops": st.lists(OPS | ANYTHING) | ANYTHING,
        "blocks": st.binary() | ANYTHING,
        "time": ANYTHING,
        "handle": ANYTHING,
        "me": st.just(ME),
    },
)


@given(st.sampled_from(["#commit", "#identity", "#account", "#info"]), BODIES | ANYTHING)
def test_no_body_raises_anything_but_bad_frame(kind, body):
    try:
        message = heard(frame(kind, body))
    except BadFrame:
        return
    assert isinstance(message, Message | Notice)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_raise_anything_but_bad_frame(noise, cut):
    whole = commit(7, ("create", KEY, mention()))
    for data in (noise, whole[:cut] + noise, whole[:cut] + noise + whole[cut + len(noise) :]):
        try:
            heard(data)
        except BadFrame:
            continue


# --- frames of the public network, as a relay sent them on 2026-07-04 ---


@pytest.fixture(scope="module")
def captured():
    zstandard = pytest.importorskip("zstandard")
    beside = [parent / "shared" / "frames" for parent in Path(__file__).resolve().parents]
    folder = next((it for it in beside if it.is_dir()), None)
    if folder is None:
        pytest.skip("no captured frames beside the checkout")
    packed = (folder / "frames.bin.zst").read_bytes()
    data = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    frames = []
    while data:
        (size,) = struct.unpack_from("<I", data)
        frames.append(data[4 : 4 + size])
        data = data[4 + size :]
    lines = [json.loads(line) for line in (folder / "expected_v1.jsonl").read_text().splitlines()]
    return frames, lines


def test_every_captured_frame_is_read_without_a_fault(captured):
    frames, _ = captured
    messages = [read(data, b"did:", NOW) for data in frames]
    assert len(messages) == 150
    assert [message.faults for message in messages] == [()] * 150
    assert [message.seq for message in messages] == list(range(messages[0].seq, messages[0].seq + 150))


def test_captured_posts_are_what_another_reader_made_of_them(captured):
    frames, lines = captured
    wanted = {
        f"at://{line['did']}/app.bsky.feed.post/{line['commit']['rkey']}": line["commit"]
        for line in lines
        if line["kind"] == "commit" and line["commit"]["collection"] == "app.bsky.feed.post"
    }
    wanted = {uri: (it["cid"], it["record"]) if "cid" in it else None for uri, it in wanted.items()}
    found = {}
    for event in (event for data in frames for event in read(data, b"did:", NOW).events):
        if isinstance(event, PostCreated):
            found[event.ref.uri] = (event.ref.cid, event.record)
        elif isinstance(event, PostDeleted):
            found[event.uri] = None
    assert found == wanted
    assert len(found) == 18


def test_only_frames_with_the_watched_did_are_decoded(captured):
    frames, lines = captured
    posts = (line["commit"] | line for line in lines if line["kind"] == "commit")
    author = next(it["did"] for it in posts if it["collection"] == "app.bsky.feed.post" and "record" in it)
    events = [event for data in frames for event in read(data, author.encode(), NOW).events]
    assert {event.did for event in events if isinstance(event, PostCreated)} == {author}
