"""Recordings: written from a stream, and played to the bot."""

import asyncio
import io
import random
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.relay import ME, Relay, close, commit, mention

from benchmarks import corpus
from bot import factory
from bot.config.settings import Settings
from bot.domain.events import PostCreated, Progress
from bot.domain.tracked import Tracked
from bot.streams.firehose import Firehose
from bot.streams.jetstream import Jetstream
from bot.streams.recording import Playback, record

BASE = datetime(2026, 11, 22, 12, tzinfo=UTC)


def mentions(count, apart=1.0):
    """Frames with one mention each, so many seconds apart."""
    return [
        commit(
            number,
            ("create", f"3kaaaaaaaaa{number:02d}".replace("0", "a").replace("1", "b"), mention(str(number))),
            time=(BASE + timedelta(seconds=number * apart)).isoformat(),
        )
        for number in range(1, count + 1)
    ]


def messages(kind, frames):
    return frames if kind == "firehose" else [line.decode() for line in corpus.as_lines(frames)]


async def recorded(path, kind, *connections):
    """A recording of these frames, made from a server that plays a list of them a connection."""
    relay = Relay(*([*messages(kind, frames), close(1000)] for frames in connections), [])
    async with relay.serving() as url:
        with path.open("wb") as out:
            stream, recorder = factory.make_recorder(
                Settings(source=kind, firehose_url=[url], jetstream_url=[url]), out
            )
            recording = asyncio.create_task(record(stream, None))
            async with asyncio.timeout(20):
                while len(relay.cursors) <= len(connections):
                    await asyncio.sleep(0.01)
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)
    return stream, recorder, relay


async def played(source):
    """All events to the end."""
    events = []
    async with asyncio.timeout(20), aclosing(source.events(None)) as stream:
        async for event in stream:
            events.append(event)
            if isinstance(event, Progress):
                return events
    return events


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["firehose", "jetstream"])
async def test_what_was_recorded_is_told_again(tmp_path, kind):
    path = tmp_path / "recording"
    _, recorder, _ = await recorded(path, kind, mentions(9))
    events = await played(Playback(path, Tracked(ME)))
    assert [event.record["text"] for event in events[:-1]] == list("123456789")
    assert [type(event) for event in events[:-1]] == [PostCreated] * 9
    assert recorder.count == 9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["firehose", "jetstream"])
async def test_a_recording_goes_on_where_a_lost_connection_ended_and_tells_the_gap(tmp_path, kind):
    path, frames = tmp_path / "recording", mentions(9)
    with capture_logs() as logs:
        stream, recorder, relay = await recorded(path, kind, frames[:5], frames[5:])
    events = await played(Playback(path, Tracked(ME)))
    assert [event.record["text"] for event in events[:-1]] == list("123456789")
    assert [line["why"] for line in logs if line["event"] == "stream.gap"] == ["closed 1000"] * 2
    assert relay.cursors[0] is None
    assert all(relay.cursors[1:])
    assert (recorder.count, stream.counts["hits"]) == (9, 0)


@pytest.mark.slow
async def test_a_recording_ends_when_its_time_is_over():
    out = io.BytesIO()
    async with Relay(mentions(3)).serving() as url:
        stream, recorder = factory.make_recorder(Settings(source="firehose", firehose_url=[url]), out)
        await record(stream, 0.5)
    assert recorder.count == 3
    assert out.getvalue().endswith(mentions(3)[-1])


@pytest.mark.slow
async def test_a_replay_begins_anew_at_every_start(tmp_path):
    path = tmp_path / "recording"
    await recorded(path, "firehose", mentions(2))
    source = Playback(path, Tracked(ME))
    assert len(await played(source)) == len(await played(source)) == 3


@pytest.mark.parametrize(("speed", "waits"), [(0, []), (1, [0, 1, 2]), (10, [0, 0.1, 0.2])])
async def test_a_replay_keeps_its_pace(tmp_path, speed, waits):
    path, waited = tmp_path / "recording", []
    await recorded(path, "firehose", mentions(3))

    async def sleep(seconds):
        waited.append(seconds)

    await played(Playback(path, Tracked(ME), speed=speed, monotonic=lambda: 0.0, sleep=sleep))
    assert waited == waits


@pytest.mark.parametrize("kind", ["firehose", "jetstream"])
async def test_a_recording_that_was_cut_off_is_played_up_to_there(tmp_path, kind):
    path = tmp_path / "recording"
    await recorded(path, kind, mentions(3))
    path.write_bytes(path.read_bytes()[:-40])
    assert len([event for event in await played(Playback(path, Tracked(ME))) if hasattr(event, "ref")]) == 2


async def test_a_replay_of_strangers_decodes_next_to_nothing(tmp_path):
    path = tmp_path / "recording"
    await recorded(path, "firehose", corpus.numbered(list(corpus.made_up(random.Random(1), 200))))
    source = Playback(path, Tracked(ME))
    await played(source)
    assert source.counts["frames"] == 200
    assert source.counts["candidates"] < 15
    assert source.counts["hits"] == 0


def test_the_settings_choose_the_source():
    for settings, kind in (
        (Settings(), Jetstream),
        (Settings(source="firehose"), Firehose),
        (Settings(source="replay:some.frames"), Playback),
    ):
        assert isinstance(factory.make_stream(settings, Tracked(ME), {}), kind)
    assert factory.make_stream(Settings(), Tracked(ME), {}).host == "jetstream"
    assert factory.make_stream(Settings(source="firehose"), Tracked(ME), {}).host == "bsky.network"


def test_notifications_and_recordings_are_no_hosts_to_go_back_to(tmp_path):
    stored = {"notifications": 7, "replay:some.frames": 6}
    quiet = factory.make_stream(Settings(source="firehose"), Tracked(ME), stored)
    heard = factory.make_stream(Settings(source="firehose"), Tracked(ME), stored | {"old.example": 5})
    assert [begins_with_a_gap(source) for source in (quiet, heard)] == [False, True]


def begins_with_a_gap(source):
    async def begin():
        events = source.events(None)
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(begin())
    return source.counts["gaps"] > 0


def test_a_missing_recording_is_told_at_once():
    with pytest.raises(FileNotFoundError):
        asyncio.run(played(Playback(Path("/nowhere"), Tracked(ME))))
