import json
from datetime import UTC, datetime

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.relay import ALICE, ME, TIME, car, commit, error, frame, mention

from bot.domain.events import (
    AccountChanged,
    Blocked,
    DeclarationChanged,
    GateChanged,
    IdentityChanged,
    PostCreated,
    PostDeleted,
    RecordDeleted,
    RepoSync,
)
from bot.domain.tracked import Tracked
from bot.streams.filter import EventFilter
from bot.streams.frames import read
from bot.streams.message import BadFrame, Message, Notice, with_cursors

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "3kabcdefghijk"
KEY2 = "3kabcdefghijm"


def decoded(data, *people):
    """The frame, decoded by a bot that tracks these people, by default Alice."""
    return read(data, EventFilter(Tracked(ME, people or [ALICE])), NOW)


def message(seq, *events, faults=(), at=AT):
    return Message(seq, at, events, faults)


def test_a_mention_is_read_with_its_record():
    (event,) = decoded(commit(7, ("create", KEY, mention("hé")))).events
    assert (event.cursor, event.did, event.at, event.edited) == (7, ALICE, AT, False)
    assert (event.ref.uri, event.record) == (f"at://{ALICE}/app.bsky.feed.post/{KEY}", mention("hé"))
    assert event.ref.cid.startswith("bafyrei")


def test_an_edit_is_read_like_a_new_post_and_says_so():
    (event,) = decoded(commit(7, ("update", KEY, mention())), "did:plc:nobody").events
    assert isinstance(event, PostCreated)
    assert event.edited


def test_an_edit_of_a_tracked_persons_post_is_told_though_it_speaks_to_nobody():
    data = commit(7, ("update", KEY, {"text": "hm"}), ("create", KEY2, {"text": "hm"}))
    (event,) = decoded(data).events
    assert (event.ref.uri, event.edited) == (f"at://{ALICE}/app.bsky.feed.post/{KEY}", True)
    assert decoded(data, "did:plc:nobody").events == ()


def test_a_post_that_does_not_speak_to_the_bot_is_no_event():
    assert decoded(commit(7, ("create", KEY, {"text": "hi"}))) == message(7)
    assert decoded(commit(7, ("create", KEY, {"text": ME}))) == message(7)


def test_the_bots_own_posts_are_told():
    (event,) = decoded(commit(7, ("create", KEY, {"text": "mine"}), repo=ME)).events
    assert event.did == ME


def test_deletions_are_told_of_tracked_people_and_of_tracked_posts():
    data = commit(7, ("delete", KEY, None))
    deleted = PostDeleted(7, f"at://{ALICE}/app.bsky.feed.post/{KEY}", ALICE, AT)
    assert decoded(data) == message(7, deleted)
    assert decoded(data, "did:plc:nobody") == message(7)
    assert read(data, EventFilter(Tracked(ME, posts=[deleted.uri])), NOW) == message(7, deleted)


def test_whoever_spoke_to_the_bot_is_tracked_before_anything_is_stored():
    event_filter = EventFilter(Tracked(ME))
    read(commit(7, ("create", KEY, mention())), event_filter, NOW)
    (event,) = read(commit(8, ("delete", KEY, None)), event_filter, NOW).events
    assert isinstance(event, PostDeleted)


def test_a_block_of_the_bot_is_told_and_its_removal_too():
    event_filter = EventFilter(Tracked(ME))
    uri = f"at://{ALICE}/app.bsky.graph.block/{KEY}"
    block = {"$type": "app.bsky.graph.block", "subject": ME, "createdAt": TIME}
    path = f"app.bsky.graph.block/{KEY}"
    assert read(commit(7, ("create", path, block)), event_filter, NOW).events == (Blocked(7, uri, ALICE, AT),)
    assert read(commit(8, ("delete", path, None)), event_filter, NOW).events == (
        RecordDeleted(8, uri, ALICE, AT),
    )


def test_a_block_turned_against_another_is_the_end_of_ours():
    path, uri = f"app.bsky.graph.block/{KEY}", f"at://{ALICE}/app.bsky.graph.block/{KEY}"
    event_filter = EventFilter(Tracked(ME, posts=[uri]))
    data = commit(7, ("update", path, {"subject": "did:plc:other"}))
    assert read(data, event_filter, NOW).events == (RecordDeleted(7, uri, ALICE, AT),)


def test_a_block_of_somebody_else_is_no_event():
    data = commit(7, ("create", f"app.bsky.graph.block/{KEY}", {"subject": "did:plc:other"}))
    assert decoded(data) == message(7)


def test_a_threadgate_of_a_tracked_thread_is_told_and_its_removal_too():
    post = f"at://{ALICE}/app.bsky.feed.post/{KEY}"
    path = f"app.bsky.feed.threadgate/{KEY}"
    event_filter = EventFilter(Tracked(ME, posts=[post]))
    gate = {"$type": "app.bsky.feed.threadgate", "post": post, "allow": [], "createdAt": TIME}
    (changed,) = read(commit(7, ("create", path, gate)), event_filter, NOW).events
    assert changed == GateChanged(7, f"at://{ALICE}/{path}", ALICE, post, gate, AT)
    (gone,) = read(commit(8, ("delete", path, None)), event_filter, NOW).events
    assert gone == RecordDeleted(8, changed.uri, ALICE, AT)
    assert decoded(commit(7, ("create", path, gate)), "did:plc:nobody") == message(7)


def test_a_threadgate_that_names_another_post_gates_nothing():
    post = f"at://{ALICE}/app.bsky.feed.post/{KEY}"
    event_filter = EventFilter(Tracked(ME, posts=[post]))
    data = commit(7, ("update", f"app.bsky.feed.threadgate/{KEY}", {"post": post + "x"}))
    assert [type(event) for event in read(data, event_filter, NOW).events] == [RecordDeleted]


def test_other_collections_are_no_events():
    ops = [("delete", "app.bsky.feed.like/x", None), ("create", "app.bsky.feed.posts/x", mention())]
    assert decoded(commit(7, *ops)) == message(7)


@pytest.mark.parametrize(
    ("handle", "told"),
    [
        ("Alice.Test", "alice.test"),
        (None, None),
        ("handle.invalid", None),
        (7, None),
        ("x", None),
        ("a\x1b[2J.test", None),
        ("a." * 200 + "test", None),
    ],
)
def test_a_changed_identity_is_told_with_its_handle_if_that_is_one(handle, told):
    data = frame("#identity", {"seq": 9, "did": ALICE, "handle": handle, "time": "2026-11-22T13:00:00+01:00"})
    assert decoded(data) == message(9, IdentityChanged(9, ALICE, told, AT))
    assert decoded(data, "did:plc:nobody") == message(9)


@pytest.mark.parametrize(
    ("body", "active", "status"),
    [
        ({"active": True}, True, None),
        ({"active": False, "status": "deleted"}, False, "deleted"),
        ({"active": False, "status": "takendown"}, False, "takendown"),
        ({"active": "yes", "status": 7}, False, None),
    ],
)
def test_the_account_of_a_tracked_person_is_told(body, active, status):
    data = frame("#account", {"seq": 9, "did": ALICE, "time": TIME} | body)
    assert decoded(data) == message(9, AccountChanged(9, ALICE, active, status, AT))
    assert decoded(data, "did:plc:nobody") == message(9)


def test_what_changed_unseen_in_a_tracked_repo_is_to_be_fetched():
    sync = frame("#sync", {"seq": 9, "did": ALICE, "rev": "x", "blocks": b"", "time": TIME})
    assert decoded(sync) == message(9, RepoSync(9, ALICE, "sync", AT))
    assert decoded(sync, "did:plc:nobody") == message(9)
    assert decoded(commit(9, tooBig=True)) == message(9, RepoSync(9, ALICE, "too big", AT))


def test_only_the_last_event_of_a_frame_passes_it():
    heard_of = decoded(
        commit(7, ("create", KEY, mention()), ("delete", KEY2, None), ("create", KEY2, mention("b")))
    )
    assert [event.cursor for event in with_cursors(heard_of, 0)] == [6, 6, 7]
    assert [event.cursor for event in with_cursors(heard_of, 7)] == [7, 7, 7]
    assert [event.cursor for event in with_cursors(heard_of, 20)] == [20, 20, 20]


@pytest.mark.parametrize(
    "time", ["", "yesterday", None, 7, "2026-11-22T12:00:00", "0001-01-01T00:00:00+23:59"]
)
def test_a_time_that_cannot_be_read_is_now(time):
    (event,) = decoded(commit(7, ("delete", KEY, None), time=time)).events
    assert event.at == NOW


def test_links_and_bytes_stand_as_in_json():
    link = libipld.decode_cid("bafkreias7oxbr6swsuggccmtnqpoeami4jza5x4w3urltn6gzhqf4k6k2e")["hash"]["digest"]
    blob = {"ref": b"\x01\x55\x12\x20" + link, "sig": b"abcd"}
    (event,) = decoded(commit(7, ("create", KEY, mention(embed=[blob])))).events
    plain = {
        "ref": {"$link": "bafkreias7oxbr6swsuggccmtnqpoeami4jza5x4w3urltn6gzhqf4k6k2e"},
        "sig": {"$bytes": "YWJjZA"},
    }
    assert event.record["embed"] == [plain]
    json.dumps(event.record)


def unread(fault):
    """A post of a tracked person that could not be read is to be fetched."""
    return message(7, RepoSync(7, ALICE, "record", AT), faults=(fault,))


def test_a_record_nested_without_end_is_passed_over():
    nested = []
    for _ in range(900):
        nested = [nested]
    assert decoded(commit(7, ("create", KEY, mention(embed=nested)))) == unread("record")


def test_a_record_that_is_not_what_its_cid_says_is_passed_over():
    data = commit(7, ("create", KEY, mention("hello")))
    assert decoded(data.replace(b"hello", b"hallo")) == unread("cid")


def test_a_broken_car_costs_its_posts_but_not_the_deletions():
    data = commit(7, ("create", KEY, mention()), ("delete", KEY2, None), blocks=b"\x00garbage " + ME.encode())
    broken = decoded(data)
    assert [type(event) for event in broken.events] == [RepoSync, PostDeleted]
    assert broken.faults == ("car", "record")


def test_a_length_that_takes_more_bytes_than_a_number_can_is_a_broken_car():
    sound = car(mention())
    assert sound[0] < 128
    padded = bytes([sound[0] | 128]) + b"\x80" * 8 + b"\x00" + sound[1:]
    assert decoded(commit(7, ("create", KEY, mention()), blocks=padded)).faults == ("car", "record")


@pytest.mark.parametrize("blocks", [b"\xff" * 100_000, b"\x00" * 100_000, b"", None, 7, "x", [b"x"]])
def test_no_car_is_walked_for_ever(blocks):
    assert decoded(commit(7, ("create", KEY, mention()), blocks=blocks)).faults[-1] == "record"


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
    assert [fault for fault in decoded(frame("#commit", body)).faults if fault != "car"] == list(faults)


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
    ],
)
def test_what_is_no_frame_is_named_by_its_trouble(data, kind):
    with pytest.raises(BadFrame, match=f"^{kind}$"):
        decoded(data)


def test_what_is_not_understood_moves_the_cursor():
    assert decoded(frame("#labels", {"seq": 8})) == message(8, faults=("kind",), at=NOW)
    for kind in ("#account", "#identity", "#sync"):
        assert decoded(frame(kind, {"seq": 8, "did": 7})) == message(8, faults=("did",), at=NOW)


def test_an_error_ends_the_stream_and_an_info_does_not():
    assert decoded(error("ConsumerTooSlow")) == Notice("ConsumerTooSlow", fatal=True)
    assert decoded(frame("#info", {"name": "OutdatedCursor"})) == Notice("OutdatedCursor", fatal=False)
    assert decoded(frame(None, {"error": 7}, op=-1)) == Notice("unnamed", fatal=True)


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


@given(st.sampled_from(["#commit", "#identity", "#account", "#sync", "#info"]), BODIES | ANYTHING)
def test_no_body_raises_anything_but_bad_frame(kind, body):
    try:
        told = decoded(frame(kind, body))
    except BadFrame:
        return
    assert isinstance(told, Message | Notice)


@pytest.mark.parametrize("blocks", [None, 7, "", [], [0], {}, {"a": 1}, b""])
def test_a_car_that_is_none_is_a_broken_one(blocks):
    assert decoded(commit(7, ("create", KEY, mention()), blocks=blocks)).faults == ("car", "record")


@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_raise_anything_but_bad_frame(noise, cut):
    whole = commit(7, ("create", KEY, mention()))
    for data in (noise, whole[:cut] + noise, whole[:cut] + noise + whole[cut + len(noise) :]):
        try:
            decoded(data)
        except BadFrame:
            continue


@pytest.mark.parametrize(
    ("rev", "known"), [("3mptbyplx2i2p", True), ("x", False), (7, False), ("3MPTBYPLX2I2P", False)]
)
def test_a_post_carries_the_revision_of_its_repo_if_it_is_one(rev, known):
    (event,) = decoded(commit(7, ("create", KEY, mention()), rev=rev)).events
    assert event.rev == (rev if known else None)


DECLARED = {"$type": "community.lexicon.preference.ai", "preferences": {"inference": {"allow": False}}}


def test_a_declaration_of_a_tracked_repo_is_told_and_its_removal_too():
    path = "community.lexicon.preference.ai/self"
    uri = f"at://{ALICE}/{path}"
    by_post = EventFilter(Tracked(ME, posts=[f"at://{ALICE}/app.bsky.feed.post/{KEY}"]))
    for event_filter in (by_post, EventFilter(Tracked(ME, [ALICE]))):
        for action in ("create", "update"):
            (written,) = read(commit(7, (action, path, DECLARED)), event_filter, NOW).events
            assert written == DeclarationChanged(7, uri, ALICE, DECLARED, AT)
        (gone,) = read(commit(8, ("delete", path, None)), event_filter, NOW).events
        assert gone == RecordDeleted(8, uri, ALICE, AT)
    for data in (commit(7, ("create", path, DECLARED)), commit(8, ("delete", path, None))):
        assert decoded(data, "did:plc:nobody").events == ()


def test_a_block_of_a_list_by_a_tracked_repo_asks_to_read_it_again():
    record = {"$type": "app.bsky.graph.listblock", "subject": "at://did:plc:x/app.bsky.graph.list/1"}
    data = commit(7, ("create", f"app.bsky.graph.listblock/{KEY}", record))
    assert decoded(data).events == (RepoSync(7, ALICE, "list block", AT),)
    assert decoded(data, "did:plc:nobody").events == ()
