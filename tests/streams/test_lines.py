"""A line of Jetstream; and that both dialects yield the same events."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.relay import ALICE, ME, TIME, commit, frame, mention

from benchmarks import corpus
from bot.domain.events import PostCreated
from bot.domain.tracked import Tracked
from bot.streams import filter as filters
from bot.streams import frames, lines
from bot.streams.jetstream import LineDialect
from bot.streams.message import BadFrame, Message, Notice

NOW = datetime(2030, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
CURSOR = 1_795_348_800_000_000
KEY = "3kabcdefghijk"
COMMIT = "network.bsky.jetstream.subscribeEvents#commit"


def decoded(line, *people):
    return lines.read(line, filters.EventFilter(Tracked(ME, people or [ALICE])), NOW)


def line(**changes):
    """A line with a mention of the bot; a change to None leaves the field out."""
    (whole,) = corpus.as_lines([commit(7, ("create", KEY, mention()))])
    payload = json.loads(whole)["payload"] | changes
    payload = {key: value for key, value in payload.items() if value is not None}
    return json.dumps({"$type": "message", "payload": payload}).encode()


def test_a_mention_is_read_with_its_record_and_its_time_for_a_cursor():
    (event,) = decoded(line()).events
    assert isinstance(event, PostCreated)
    assert (event.cursor, event.did, event.at, event.record) == (CURSOR, ALICE, AT, mention())


@pytest.mark.parametrize("time", ["yesterday", 7, "2026-11-22T12:00:00", "9999-01-01T00:00:00Z", None])
def test_a_time_that_cannot_be_is_now_and_moves_no_cursor(time):
    message = decoded(line(time=time))
    assert (message.seq, message.at, message.events[0].at) == (0, NOW, NOW)


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"did": 7}, ("did",)),
        ({"did": None}, ("did",)),
        ({"collection": 7}, ("op",)),
        ({"rkey": "a/b"}, ("op",)),
        ({"operation": "explode"}, ("op",)),
        ({"record": None}, ("record",)),
        ({"record": [1]}, ("record",)),
        ({"cid": 7}, ("record",)),
        ({"$type": "other#thing"}, ("kind",)),
        ({"$type": 7}, ("kind",)),
        ({"$type": "network.bsky.jetstream.subscribeEvents#account", "account": 7}, ("shape",)),
    ],
)
def test_an_odd_line_is_named_by_its_fault_and_moves_the_cursor(changes, faults):
    message = decoded(line(**changes))
    assert (message.seq, message.faults) == (CURSOR, faults)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"\xff", "json"),
        (b"[" * 100_000, "json"),
        (b'{"$type":"message","payload":{"did":"\\ud800"}}', "json"),
        (b"NaN", "json"),
        (b"[]", "shape"),
        (b"{}", "shape"),
        (b'{"$type":"message"}', "shape"),
        (b'{"$type":"message","payload":7}', "shape"),
    ],
)
def test_what_is_no_line_is_named_by_its_trouble(data, kind):
    with pytest.raises(BadFrame, match=f"^{kind}$"):
        decoded(data)


def test_a_record_nested_without_end_is_passed_over():
    nested = []
    for _ in range(200):
        nested = [nested]
    assert decoded(line(record=mention(embed=nested))).faults == ("record",)


def test_an_error_ends_the_stream_and_an_info_does_not():
    assert decoded(b'{"$type":"error","error":"ConsumerTooSlow"}') == Notice("ConsumerTooSlow", fatal=True)
    info = {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "OutdatedCursor"}
    data = json.dumps({"$type": "message", "payload": info}).encode()
    assert decoded(data) == Notice("OutdatedCursor", fatal=False)


# --- both sources, one filter ---


def through_frames(data, tracked):
    """The events of the firehose, by filter and reader, and how many frames passed the filter."""
    may_concern, event_filter = filters.frame_filter(tracked), filters.EventFilter(tracked)
    passed = [frames.read(it, event_filter, NOW) for it in data if may_concern(it)]
    return [event for message in passed for event in message.events], len(passed)


def through_lines(data, tracked):
    may_concern, event_filter = filters.line_filter(tracked), filters.EventFilter(tracked)
    passed = [lines.read(it, event_filter, NOW) for it in corpus.as_lines(data) if may_concern(it)]
    return [event for message in passed for event in message.events], len(passed)


def said(events):
    """The events without their place in the stream."""
    names = ("ref", "uri", "did", "post", "record", "handle", "active", "status", "edited", "why", "at")
    return [(type(event).__name__, *(getattr(event, name, None) for name in names)) for event in events]


def named(events):
    return [
        (type(it).__name__, it.ref.uri if isinstance(it, PostCreated) else getattr(it, "uri", it.did))
        for it in events
    ]


@pytest.fixture(scope="module")
def planted():
    """Frames of strangers, and every kind of event among them."""
    rng = random.Random(5)
    found = corpus.plant(rng, "did:plc:scrubjaybenchmarkbotaaaa", 3, corpus.FIRST_SEQ)
    found.frames = corpus.numbered([*corpus.made_up(rng, 300), *found.frames])
    return found


def tracked_by(planted):
    return Tracked(planted.me, planted.people, planted.posts)


def test_every_planted_event_is_told_and_no_other(planted):
    events, _ = through_frames(planted.frames, tracked_by(planted))
    assert named(events) == planted.wanted


def test_both_sources_tell_the_same_of_planted_events(planted):
    one, _ = through_frames(planted.frames, tracked_by(planted))
    two, _ = through_lines(planted.frames, tracked_by(planted))
    assert said(two) == [it for it in said(one) if "too big" not in it]  # Jetstream has no line for those


def test_the_filter_passes_little_of_a_strangers_network():
    data = corpus.numbered(list(corpus.made_up(random.Random(6), 1000)))
    assert through_frames(data, Tracked(ME))[1] < 40  # identities
    assert through_lines(data, Tracked(ME))[1] == 0


@pytest.mark.parametrize(
    "hidden",
    [
        lambda line: line.replace(ME.encode(), ME.replace("d", "\\u0064").encode()),
        lambda line: line.replace(ALICE.encode(), ALICE.replace(":", "\\u003a").encode()),
        lambda line: line.replace(b'"did"', b'"\\u0064id"'),
        lambda line: json.dumps(json.loads(line), indent=2).encode(),
        lambda line: json.dumps(json.loads(line), sort_keys=True).encode(),
    ],
)
def test_no_spelling_of_json_hides_the_bot_or_a_tracked_person(hidden):
    whole, deleted = corpus.as_lines(
        [commit(7, ("create", KEY, mention())), commit(8, ("delete", KEY, None))]
    )
    may_concern = filters.line_filter(Tracked(ME, [ALICE]))
    for data in (whole, deleted):
        assert json.loads(hidden(data)) == json.loads(data)
        assert may_concern(hidden(data))


def test_no_order_or_length_hides_a_tracked_person_in_a_frame():
    may_concern = filters.frame_filter(Tracked(ME, [ALICE, "did:web:example.org"]))
    many = [("delete", f"3k{number:011d}", None) for number in range(200)]
    assert may_concern(commit(7, ("delete", KEY, None)))
    assert may_concern(commit(2**33, *many))
    assert may_concern(commit(2**33, ("delete", KEY, None), repo="did:web:example.org"))
    whole = commit(2**33, ("delete", KEY, None), repo="did:plc:alicealicealicealicealic")
    assert not may_concern(whole)
    for odd in (whole.replace(b"drepox", b"drepoy"), whole[1:], whole.replace(b"cops", b"copz"), b"", b"x"):
        assert may_concern(odd)


def test_a_path_that_looks_like_a_repo_hides_nobody():
    forged = "app.bsky.feed.post/drepox did:plc:nobodynobodynobodynobody"
    data = commit(
        2**33, ("delete", forged, None), ("delete", KEY, None), repo="did:plc:alicealicealicealicealic"
    )
    assert filters.frame_filter(Tracked(ME, ["did:plc:alicealicealicealicealic"]))(data)


def test_lines_without_a_person_are_never_dismissed_unread():
    kind = filters.LINE.decode()
    for data in (kind + 'info","name":"OutdatedCursor"}}', '{"$type":"error","error":"x"}', "{}", ""):
        assert filters.line_filter(Tracked(ME))(data.encode())


def test_other_kinds_of_frames_are_never_dismissed_undecoded():
    may_concern = filters.frame_filter(Tracked(ME))
    for kind in ("#identity", "#account", "#sync", "#info", "#new"):
        assert may_concern(
            frame(kind, {"seq": 2**33, "did": "did:plc:nobodynobodynobodynobody", "time": TIME})
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ME, ALICE, TIME]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "$type": st.sampled_from([f"x#{kind}" for kind in ("commit", "identity", "account", "sync", "info")]),
        "did": st.just(ALICE) | JSON,
        "time": st.just(TIME) | JSON,
        "operation": st.sampled_from(["create", "update", "delete"]) | JSON,
        "collection": st.sampled_from(sorted(filters.COLLECTIONS)) | JSON,
        "rkey": st.just(KEY) | JSON,
        "cid": st.just("bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i") | JSON,
        "record": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("facets", "reply", "embed", "post", "text"), JSON)
        )
        | JSON,
        "identity": JSON,
        "account": JSON,
        "sync": JSON,
    },
)


@given(st.sampled_from(["message", "error", "x"]), PAYLOADS | JSON)
def test_no_payload_raises_anything_but_bad_frame(kind, payload):
    data = json.dumps({"$type": kind, "payload": payload}).encode()
    filters.line_filter(Tracked(ME))(data)
    try:
        told = decoded(data)
    except BadFrame:
        return
    assert isinstance(told, Message | Notice)


@given(st.binary(max_size=300), st.integers(0, 700))
def test_no_bytes_raise_anything_but_bad_frame(noise, cut):
    whole = line()
    for data in (noise, whole[:cut] + noise, whole[:cut] + noise + whole[cut + len(noise) :]):
        filters.line_filter(Tracked(ME))(data)
        filters.frame_filter(Tracked(ME))(data)
        try:
            decoded(data)
        except BadFrame:
            continue


@given(st.data())
def test_a_damaged_frame_is_never_dismissed_while_it_still_names_the_bot(data):
    whole = commit(2**33, ("create", KEY, mention("hello")))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + data.draw(st.binary(min_size=1, max_size=4)) + whole[at + 1 :]
    if ME.encode() in damaged:
        assert filters.frame_filter(Tracked(ME))(damaged)


def test_a_post_carries_the_revision_of_its_repo_if_it_is_one():
    revs = [decoded(line(rev=rev)).events[0].rev for rev in ("3mptbyplx2i2p", "x", None)]
    assert revs == ["3mptbyplx2i2p", None, None]


def test_a_declaration_is_the_same_event_in_both_dialects():
    path, record = "community.lexicon.preference.ai/self", {"preferences": {"inference": {"allow": False}}}
    for operation in (("create", path, record), ("delete", path, None)):
        data = commit(7, operation)
        (told,) = corpus.as_lines([data])
        (in_line,), (in_frame,) = (
            decoded(told).events,
            frames.read(data, filters.EventFilter(Tracked(ME, [ALICE])), NOW).events,
        )
        assert replace(in_line, cursor=0) == replace(in_frame, cursor=0)


def test_jetstream_is_asked_for_declarations_and_list_blocks():
    asked = {value for _, value in LineDialect.query}
    assert {"community.lexicon.preference.ai", "app.bsky.graph.listblock"} <= asked
