"""Frames of the public network, as a relay sent them on 2026-07-04, against what Jetstream made of them."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import corpus
from bot.domain import addressing
from bot.domain.tracked import Tracked
from bot.streams import filter as filters
from bot.streams import frames, lines
from bot.streams.message import BadFrame, Message

pytestmark = pytest.mark.slow

NOW = datetime(2030, 1, 1, tzinfo=UTC)
POST = "app.bsky.feed.post"


@pytest.fixture(scope="module")
def folder():
    beside = [parent / "shared" / "frames" for parent in Path(__file__).resolve().parents]
    found = next((it for it in beside if it.is_dir()), None)
    if found is None:
        pytest.skip("no captured frames beside the checkout")
    return found


@pytest.fixture(scope="module")
def captured(folder):
    return corpus.load(folder / "frames.bin.zst")


@pytest.fixture(scope="module")
def produced(folder):
    """What production Jetstream (v1) sent for the same frames."""
    return [json.loads(line) for line in (folder / "expected_v1.jsonl").read_text().splitlines()]


def heard(data, tracked):
    """All events, by the way of the source: filter, then reader. The filter may not matter."""
    may_concern, event_filter = filters.frame_filter(tracked), filters.EventFilter(tracked)
    events = []
    for frame in data:
        if may_concern(frame):
            told = frames.read(frame, event_filter, NOW)
            assert told.faults == ()
            events += told.events
        else:
            assert frames.read(frame, event_filter, NOW).events == ()
    return events


def essence(event):
    """What an event says, however it came: its kind, whom or what it names, and its record."""
    kind = type(event).__name__
    if kind == "PostCreated":
        return kind, event.ref.uri, event.ref.cid, event.record, event.edited, event.rev
    named = getattr(event, "uri", event.did)
    return kind, named, getattr(event, "handle", None), getattr(event, "status", None)


def meant(line, watched, person):
    """The event that a production line means to the bot `watched`, or to one that knows `person`."""
    if line["kind"] != "commit":
        handle = line.get("identity", {}).get("handle")
        kind = {"identity": "IdentityChanged", "account": "AccountChanged"}[line["kind"]]
        status = line.get("account", {}).get("status")
        return (kind, line["did"], handle, status) if line["did"] in (watched, person) else None
    commit, did = line["commit"], line["did"]
    uri = f"at://{did}/{commit['collection']}/{commit['rkey']}"
    if commit["operation"] == "delete":
        kind = {POST: "PostDeleted", filters.GATE: "RecordDeleted", filters.BLOCK: "RecordDeleted"}.get(
            commit["collection"]
        )
        return (kind, uri, None, None) if kind and did in (watched, person) else None
    record, edited = commit["record"], commit["operation"] == "update"
    if commit["collection"] == POST:
        speaks = did == watched or addressing.addressing_reason(record, watched) or (edited and did == person)
        return ("PostCreated", uri, commit["cid"], record, edited, commit["rev"]) if speaks else None
    if commit["collection"] == filters.BLOCK:
        return ("Blocked", uri, None, None) if record["subject"] == watched else None
    if commit["collection"] == filters.GATE:
        return ("GateChanged", uri, None, None) if did in (watched, person) else None
    return None


def named(lines):
    """Every DID that stands anywhere in what was produced."""
    return sorted({match.decode() for match in corpus.DIDS.findall(json.dumps(lines).encode())})


def test_every_captured_frame_is_read_without_a_fault(captured):
    event_filter = filters.EventFilter(Tracked("did:plc:nobody"))
    messages = [frames.read(data, event_filter, NOW) for data in captured]
    assert len(messages) == 150
    assert [message.faults for message in messages] == [()] * 150
    assert [message.seq for message in messages] == list(range(messages[0].seq, messages[0].seq + 150))


def test_whoever_is_watched_the_events_are_those_that_production_saw(captured, produced):
    total = 0
    for watched in named(produced):
        expected = [it for it in (meant(line, watched, None) for line in produced) if it]
        assert [essence(event) for event in heard(captured, Tracked(watched))] == expected
        total += len(expected)
    assert total == 27


def test_whoever_is_known_the_events_are_those_that_production_saw(captured, produced):
    total = 0
    for person in {line["did"] for line in produced}:
        expected = [it for it in (meant(line, "did:plc:nobody", person) for line in produced) if it]
        assert [essence(event) for event in heard(captured, Tracked("did:plc:nobody", [person]))] == expected
        total += len(expected)
    assert total == 3


def test_nearly_every_captured_frame_is_dismissed_undecoded(captured):
    may_concern = filters.frame_filter(Tracked("did:plc:nobody"))
    assert [data for data in captured if may_concern(data)] == [
        data for data in captured if b"#commit" not in data[:16]
    ]


def test_jetstream_rendered_from_the_frames_is_what_production_sent(captured, produced):
    rendered = [json.loads(line)["payload"] for line in corpus.as_lines(captured)]
    commits = [line for line in produced if line["kind"] == "commit"]
    keys = ("rev", "operation", "collection", "rkey", "record", "cid")
    assert [{k: it[k] for k in keys if k in it} for it in rendered if "rev" in it] == [
        it["commit"] for it in commits
    ]


def test_both_sources_tell_the_same_of_the_captured_frames(captured, produced):
    everything = corpus.as_lines(captured)
    for watched in named(produced):
        tracked = Tracked(watched)
        may_concern, event_filter = filters.line_filter(tracked), filters.EventFilter(tracked)
        passed = [lines.read(line, event_filter, NOW) for line in everything if may_concern(line)]
        events = [event for message in passed for event in message.events]
        assert list(map(essence, events)) == list(map(essence, heard(captured, Tracked(watched))))


def damaged(message, others, chance):
    """The message after some accidents: bits flipped, bytes lost, put in, or taken from another message."""
    data = bytearray(message)
    for _ in range(chance.choice((0, 1, 1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        if chance.random() < 0.5:
            at = min(at, chance.randrange(120))  # in front, where the structure is
        other = chance.choice(others)
        begin, size = chance.randrange(len(other)), chance.randrange(1, 40)
        match chance.choice(("flip", "cut", "end", "splice")):
            case "flip":
                data[at : at + 1] = bytes([chance.randrange(256)])
            case "cut":
                del data[at : at + size]
            case "end":
                del data[at:]
            case "splice":
                data[at : at + size] = other[begin : begin + size]
    return bytes(data)


@pytest.mark.parametrize("side", ["frames", "lines"])
def test_no_damage_to_a_captured_message_crashes_its_reader_or_hides_what_it_still_says(captured, side):
    chance, messages = random.Random(7), captured if side == "frames" else corpus.as_lines(captured)
    people = named([message.decode(errors="replace") for message in captured])
    reader, heard_of = {"frames": frames, "lines": lines}[side].read, 0
    for _ in range(100):
        tracked = Tracked(chance.choice(people), chance.sample(people, 20))
        may_concern, event_filter = (
            getattr(filters, f"{side[:-1]}_filter")(tracked),
            filters.EventFilter(tracked),
        )
        for message in chance.sample(messages, 60):
            data = damaged(message, messages, chance)
            harmless = not may_concern(data)
            try:
                told = reader(data, event_filter, NOW)
            except BadFrame:
                continue
            assert not harmless or (isinstance(told, Message) and told.events == ())
            heard_of += isinstance(told, Message) and len(told.events)
    assert heard_of > 0
