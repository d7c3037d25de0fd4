"""Every turn is kept, and goes with whom it was about."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from support.factory import ANA, BEN, NOW
from support.harness import Harness, ScriptedBrain

from bot import app
from bot.domain.embeds import Card
from bot.domain.events import PostDeleted
from bot.domain.mention import Reason, State
from bot.domain.prompt import Usage
from bot.domain.turn import Call, TurnOutcome
from bot.errors import NotFound, PermanentBrainError, TransientBrainError, TransientNetworkError
from bot.privacy.erasure import propagate_erasure
from bot.storage import turns, views
from bot.storage.tables import SourceRow, TurnRow
from memory.db import Database
from memory.model import Limits, Remember

CANARY = "canary-7Yq"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)


def kept(harness, ref):
    with harness.services.db.read() as tx:
        return turns.of_mention(tx, ref.uri)


def dump(db):
    """All that the two tables hold, as text."""
    with db.read() as tx:
        tables = [tx.execute(select(table.__table__)) for table in (TurnRow, SourceRow)]
        return repr([[tuple(row) for row in rows] for rows in tables])  # a Row's own repr is cut short


def ask(harness, did, text, *script, rkey=None):
    harness.brain.script = list(script) or [("reply", {"text": "hello"})]
    ref = harness.say(did, text, rkey=rkey)
    harness.work()
    return ref


# --- what is kept --------------------------------------------------------------------------------


def test_a_turn_is_kept_with_all_that_was_told_done_said_and_spent(harness):
    harness.network.set_handle(ANA, "ana.test")
    script = [
        ("remember", {"text": "lives in Lisbon"}),
        ("recall", '{"query": "x"}'),
        ("reply", {"text": "Ah!"}),
    ]
    ref = ask(harness, ANA, "I live in Lisbon", *script)
    (turn,) = kept(harness, ref)
    prompt = harness.brain.prompts[0]
    assert turn.told.sections == prompt.sections
    assert (turn.told.mention, turn.told.person, turn.told.now) == (prompt.mention, prompt.person, prompt.now)
    assert turn.told.post == prompt.post
    assert [(call.name, call.arguments, call.ok) for call in turn.calls] == [
        ("remember", {"text": "lives in Lisbon"}, True),
        ("recall", {"query": "x"}, True),
        ("reply", {"text": "Ah!"}, True),
    ]
    assert turn.calls[0].answer == "Kept as new1."
    assert (turn.outcome, turn.reply, turn.edits) == (
        TurnOutcome.REPLY,
        "Ah!",
        (Remember("lives in Lisbon"),),
    )
    assert (turn.brain, turn.model, turn.tokens_in, turn.tokens_out) == ("scripted", "scripted-1", 100, 20)
    assert (harness.entry(ref).tokens_in, harness.entry(ref).tokens_out) == (100, 20)
    assert (turn.uri, turn.did, turn.at, turn.error) == (ref.uri, ANA, NOW, None)


def test_a_turn_tells_which_notes_stood_in_its_prompt(harness):
    ask(harness, ANA, "hi", ("remember", {"text": "likes tea"}), ("reply", {"text": "ok"}))
    (turn,) = kept(harness, ask(harness, ANA, "again"))
    with harness.services.db.read() as tx:
        (note,) = harness.services.memory.recall(tx, ANA).notes
    assert (turn.told.notes, turn.told.shown, turn.told.hidden) == ((note.id,), (note.id,), 0)
    assert isinstance(turn.told.limits, Limits)


def test_silence_is_kept_with_its_reason(harness):
    (turn,) = kept(harness, ask(harness, ANA, "lol", ("stay_silent", {"reason": "a laugh"})))
    assert (turn.outcome, turn.reply, turn.why) == (TurnOutcome.SILENCE, None, "a laugh")


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (TransientBrainError("503"), TurnOutcome.TRANSIENT, "503"),
        (PermanentBrainError("no such model"), TurnOutcome.PERMANENT, "no such model"),
        (RuntimeError(CANARY), TurnOutcome.BUG, "RuntimeError"),
    ],
)
def test_a_turn_that_failed_is_kept_with_what_went_wrong_and_what_was_done_till_then(
    harness, error, outcome, told
):
    (turn, *_) = kept(harness, ask(harness, ANA, "hi", ("remember", {"text": "likes tea"}), error))
    assert (turn.outcome, turn.reply) == (outcome, None)
    assert turn.error.endswith(told)
    assert CANARY not in turn.error
    assert [call.name for call in turn.calls] == ["remember"]


def test_each_attempt_is_a_turn_of_its_own(harness):
    ref = ask(harness, ANA, "hi", TransientBrainError("503"))
    harness.brain.script = [("reply", {"text": "hello"})]
    harness.clock.forward(hours=1)
    harness.work()
    assert [turn.outcome for turn in kept(harness, ref)] == [TurnOutcome.TRANSIENT, TurnOutcome.REPLY]


@pytest.mark.parametrize(
    "error", [TransientBrainError("cut"), KeyError("x"), asyncio.CancelledError()], ids=repr
)
@pytest.mark.parametrize("retain", [timedelta(days=30), timedelta(0)], ids=["kept", "not kept"])
def test_what_a_turn_has_cost_counts_however_it_ends(harness, error, retain):
    harness.brain.costs = Usage("dear-1", 7, 3, 120)
    harness.worker._services = replace(
        harness.services, options=replace(harness.services.options, retain_turns=retain)
    )
    with suppress(asyncio.CancelledError):
        ask(harness, ANA, "hi", error)
    with harness.services.db.read() as tx:
        (entry,), found = views.entries(tx), turns.latest(tx)
    assert all((one.model, one.tokens_in, one.cost) == ("dear-1", 7, 120) for one in found)
    assert len(found) == bool(retain)
    assert (entry.model, entry.tokens_in, entry.tokens_out, entry.cost) == ("dear-1", 7, 3, 120)


def test_a_turn_that_is_stopped_with_the_bot_is_kept_as_one(harness):
    with suppress(asyncio.CancelledError):
        ask(harness, ANA, "hi", asyncio.CancelledError())
    with harness.services.db.read() as tx:
        (turn,) = turns.latest(tx)
    assert (turn.outcome, turn.reply) == (TurnOutcome.TRANSIENT, None)
    assert turn.error == "The bot was stopped while the brain was thinking."


def test_whatever_a_brain_calls_is_kept_and_read_back(harness):
    script = [
        ("x" * 500, {"a": [1, None, 2.5], "\0": "\ud800"}),
        ("remember", "{" * 50_000),
        ("remember", {"text": {1, 2}}),
        ("remember", None),
    ]
    (turn,) = kept(harness, ask(harness, ANA, "hi \0 there", *script))
    assert [call.ok for call in turn.calls] == [False] * 4
    assert len(turn.calls[0].name) == 100
    assert len(turn.calls[1].arguments) == 20_000


def test_a_turn_that_cannot_be_kept_costs_no_reply(harness, monkeypatch):
    def broken(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(turns, "add", broken)
    ref = ask(harness, ANA, "hi")
    assert harness.outcome(ref) == (State.ANSWERED, None)
    with pytest.raises(NotFound):
        kept(harness, ref)


def test_with_no_days_to_keep_them_no_turn_is_kept(harness):
    services = replace(harness.services, options=replace(harness.services.options, retain_turns=timedelta(0)))
    harness.worker._services = services
    ref = ask(harness, ANA, "hi")
    assert harness.outcome(ref)[0] is State.ANSWERED
    with harness.services.db.read() as tx:
        assert turns.latest(tx) == ()


def test_what_posts_show_reaches_the_prompt_and_is_kept(harness):
    blob = {"$type": "blob", "ref": {"$link": "bafycat"}, "mimeType": "image/png", "size": 9}
    quoted = harness.network.write(BEN, {"text": "cats are liquid", "createdAt": "2026-11-22T09:00:00Z"})
    media = {"$type": "app.bsky.embed.images", "images": [{"alt": "a cat in a jar", "image": blob}]}
    embed = {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"$type": "app.bsky.embed.record", "record": quoted.to_json()},
        "media": media,
    }
    write = harness.network.write
    harness.network.write = lambda did, record, rkey=None: write(did, {**record, "embed": embed}, rkey=rkey)
    (turn,) = kept(harness, ask(harness, ANA, "look"))
    shown = turn.told.sections[-1].text
    assert "[it shows an image, described as]\n> a cat in a jar" in shown
    assert f"[it quotes someone else, {BEN}, 3 hours ago]\n> cats are liquid" in shown
    assert turn.told.post.embeds.media[0].cid == "bafycat"


def show_pictures(harness, *blobs):
    """Let every post show these, and the brain see them."""
    harness.worker._services = replace(
        harness.services, options=replace(harness.services.options, vision=True)
    )
    images = [{"alt": "", "image": blob} for blob in blobs]
    embed = {"$type": "app.bsky.embed.images", "images": images}
    write = harness.network.write
    harness.network.write = lambda did, record, rkey=None: write(did, {**record, "embed": embed}, rkey=rkey)


def test_a_model_that_sees_is_given_the_pictures_that_can_be_had_and_no_turn_keeps_their_bytes(harness):
    cat = harness.network.upload(ANA, PNG + b"pixels of a cat", "image/jpeg")
    clip = harness.network.upload(ANA, b"GIF89a, and so on", "image/png")
    show_pictures(harness, {"ref": {"$link": "bafygone"}}, cat, clip)
    (turn,) = kept(harness, ask(harness, ANA, "look"))
    prompt = harness.brain.prompts[0]
    assert prompt.image_data == {cat["ref"]["$link"]: PNG + b"pixels of a cat"}
    (sent,) = turn.told.images
    assert (sent.cid, sent.mime, sent.size) == (cat["ref"]["$link"], "image/png", len(PNG) + 15)
    assert "pixels of a cat" not in dump(harness.services.db)


def test_a_picture_that_cannot_be_fetched_costs_no_reply_and_is_not_told_as_shown(harness):
    show_pictures(harness, harness.network.upload(ANA, PNG, "image/png"))
    harness.network.fail("blob", TransientNetworkError("cut"))
    ref = ask(harness, ANA, "look")
    assert (harness.brain.prompts[0].image_data, harness.network.fired["blob"]) == ({}, 1)
    assert (kept(harness, ref)[0].told.images, harness.outcome(ref)[0]) == ((), State.ANSWERED)


# --- finding and expiring ------------------------------------------------------------------------


def test_the_latest_turns_come_first_of_one_person_or_since_a_time(harness):
    one = ask(harness, ANA, "one")
    harness.clock.forward(hours=1)
    two = ask(harness, BEN, "two")
    with harness.services.db.read() as tx:
        assert [turn.uri for turn in turns.latest(tx)] == [two.uri, one.uri]
        assert [turn.uri for turn in turns.latest(tx, limit=1)] == [two.uri]
        assert [turn.uri for turn in turns.latest(tx, did=ANA)] == [one.uri]
        assert [turn.uri for turn in turns.latest(tx, since=NOW + timedelta(hours=1))] == [two.uri]


def test_turns_go_when_their_time_is_over(harness):
    ask(harness, ANA, "one")
    harness.clock.forward(hours=1)
    two = ask(harness, ANA, "two")
    with harness.services.db.write() as tx:
        assert turns.expire(tx, NOW + timedelta(minutes=1)) == 1
    assert len(kept(harness, two)) == 1
    with harness.services.db.read() as tx:
        assert [turn.uri for turn in turns.latest(tx)] == [two.uri]


async def test_a_running_bot_drops_them_by_itself(db, tmp_path):
    harness = Harness(db, tmp_path)
    await asyncio.to_thread(ask, harness, ANA, "one")
    harness.clock.forward(days=31)
    expiring = asyncio.create_task(app._expire_turns(harness.services))
    while not dump(db).startswith("[[], "):
        await asyncio.sleep(0.01)
    expiring.cancel()


# --- erasure -------------------------------------------------------------------------------------


def test_an_erased_person_leaves_no_turn(harness):
    ask(
        harness,
        ANA,
        f"my dog is {CANARY}",
        ("remember", {"text": f"dog {CANARY}"}),
        ("reply", {"text": CANARY}),
    )
    other = ask(harness, BEN, "hi")
    harness.erase(ANA)
    assert CANARY not in dump(harness.services.db)
    assert ANA not in dump(harness.services.db)
    assert not kept(harness, other)[0].erased


def test_an_erased_persons_words_leave_the_turns_of_others(harness):
    root = harness.network.write(BEN, {"text": f"said by Ben: {CANARY}", "createdAt": "2026-11-22T10:00:00Z"})
    write = harness.network.write
    answering = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.network.write = lambda did, record, rkey=None: write(did, {**record, **answering}, rkey=rkey)
    ref = ask(harness, ANA, "what does Ben mean?")
    assert CANARY in dump(harness.services.db)
    harness.erase(BEN)
    (turn,) = kept(harness, ref)
    assert CANARY not in dump(harness.services.db)
    assert (turn.erased, turn.calls, turn.reply, turn.edits) == (True, (), None, ())
    assert (turn.outcome, turn.tokens_in) == (TurnOutcome.REPLY, 100)


@pytest.mark.parametrize("who", ["the operator", "the brain", "a deleted post"])
def test_a_forgotten_note_leaves_the_turns_that_wrote_or_saw_it(harness, who):
    wrote = ask(harness, ANA, "my dog", ("remember", {"text": f"dog {CANARY}"}), ("reply", {"text": CANARY}))
    harness.clock.forward(minutes=1)
    saw = ask(harness, ANA, "hi", ("recall", {"query": "dog"}), ("reply", {"text": "hi"}))
    db, memory = harness.services.db, harness.services.memory
    with db.read() as tx:
        (note,) = memory.recall(tx, ANA).notes
    if who == "the operator":
        with db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, NOW):
            memory.forget_note(tx, note.id, actor="operator", at=NOW)
    elif who == "the brain":
        ask(harness, ANA, "that dog is gone", ("forget", {"note": note.name}), ("reply", {"text": "gone"}))
    else:
        harness.listener.handle(PostDeleted(9, wrote.uri, ANA, NOW))
    assert CANARY not in dump(db)
    assert [kept(harness, ref)[0].erased for ref in (wrote, saw)] == [True, True]


def test_a_forgotten_note_leaves_the_turns_that_only_found_it_by_searching(harness):
    narrow = replace(harness.services.options, prompt_tokens=0)
    harness.worker._services = replace(harness.services, options=narrow)
    ask(harness, ANA, "my dog", ("remember", {"text": f"dog {CANARY}"}), ("reply", {"text": "ok"}))
    ref = ask(harness, ANA, "hi", ("recall", {"query": "dog"}), ("reply", {"text": "hi"}))
    (turn,) = kept(harness, ref)
    assert (turn.told.shown, CANARY in turn.calls[0].answer) == ((), True)
    db, memory = harness.services.db, harness.services.memory
    with db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, NOW):
        memory.forget_note(tx, turn.told.notes[0], actor="operator", at=NOW)
    assert CANARY not in dump(db)


def test_a_note_of_another_post_stays_in_its_turns(harness):
    ask(harness, ANA, "my dog", ("remember", {"text": "dog Biscuit"}), ("reply", {"text": "ok"}))
    before = ask(harness, BEN, "my cat", ("remember", {"text": "cat Tom"}), ("reply", {"text": "ok"}))
    db, memory = harness.services.db, harness.services.memory
    with db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, NOW):
        (note,) = memory.recall(tx, ANA).notes
        memory.forget_note(tx, note.id, actor="operator", at=NOW)
    assert not kept(harness, before)[0].erased


def test_a_strangers_deleted_post_leaves_the_turns_that_had_it_in_their_thread(harness):
    root = harness.network.write(BEN, {"text": CANARY, "createdAt": "2026-11-22T10:00:00Z"})
    write = harness.network.write
    answering = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.network.write = lambda did, record, rkey=None: write(did, {**record, **answering}, rkey=rkey)
    ref = ask(harness, ANA, "hm?")
    harness.listener.handle(PostDeleted(9, root.uri, BEN, NOW))
    assert kept(harness, ref)[0].erased
    assert CANARY not in dump(harness.services.db)


def test_a_strangers_post_that_is_deleted_while_the_brain_thinks_is_not_kept(db, tmp_path):
    async def delete():
        harness.listener.handle(PostDeleted(9, root.uri, BEN, NOW))

    harness = Harness(db, tmp_path, ScriptedBrain(delete, ("reply", {"text": CANARY})))
    root = harness.network.write(BEN, {"text": CANARY, "createdAt": "2026-11-22T10:00:00Z"})
    ref = harness.say(ANA, "hm?", reply={"root": root.to_json(), "parent": root.to_json()})
    harness.draft()
    assert kept(harness, ref)[0].erased


def test_posts_of_strangers_that_a_turn_shows_are_followed_at_once_and_after_a_start(harness):
    root = harness.network.write(ANA, {"text": "oaks", "createdAt": "2026-11-22T10:00:00Z"})
    thread = {"root": root.to_json(), "parent": root.to_json()}
    said = {"text": "elms", "createdAt": "2026-11-22T10:01:00Z", "reply": thread}
    middle = harness.network.write(BEN, said)
    harness.say(ANA, "hm?", reply=thread | {"parent": middle.to_json()})
    harness.work()
    assert harness.handler.tracked.has_post(middle.uri)
    harness.handler.tracked.drop_post(middle.uri)
    with harness.services.db.read() as tx:
        harness.handler.load_tracked(tx)
    assert harness.handler.tracked.has_repo(BEN)
    assert harness.handler.tracked.has_post(middle.uri)


def test_who_is_forgotten_while_the_brain_thinks_leaves_no_turn(harness):
    async def forget():
        await asyncio.to_thread(harness.erase, ANA)

    ask(harness, ANA, f"my dog is {CANARY}", forget, ("reply", {"text": CANARY}))
    assert dump(harness.services.db) == "[[], []]"


def test_a_note_that_is_forgotten_while_the_brain_thinks_is_in_no_turn(harness):
    ask(harness, ANA, "my dog", ("remember", {"text": f"dog {CANARY}"}), ("reply", {"text": "ok"}))
    db, memory = harness.services.db, harness.services.memory

    async def forget():
        with db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, NOW):
            (note,) = memory.recall(tx, ANA).notes
            memory.forget_note(tx, note.id, actor="operator", at=NOW)

    ref = ask(harness, ANA, "hi", forget, ("reply", {"text": "hi"}))
    assert CANARY not in dump(db)
    assert kept(harness, ref)[0].erased


@pytest.mark.slow
def test_no_byte_of_an_erased_turn_is_left_in_sqlites_files(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/scrubjay.db")
    db.upgrade()
    harness = Harness(db, tmp_path)

    def left():
        files = sorted(tmp_path.glob("scrubjay.db*"))
        return b"".join(file.read_bytes() for file in files).count(CANARY.encode())

    for number in range(8):
        text = f"{CANARY}-{number} " + "x" * 500
        ask(harness, ANA, text, ("recall", {"query": text}), ("reply", {"text": text[:200]}))
        harness.clock.forward(minutes=10)
    assert left() > 30
    harness.erase(ANA)
    assert left() == 0
    db.close()


@pytest.mark.slow
def test_no_byte_of_a_redacted_turn_is_left_in_sqlites_files(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/scrubjay.db")
    db.upgrade()
    harness = Harness(db, tmp_path)
    ask(harness, ANA, "my dog", ("remember", {"text": CANARY}), ("reply", {"text": "ok"}))
    with db.write() as tx, propagate_erasure(tx, harness.services.memory, harness.services.journal, ANA, NOW):
        (note,) = harness.services.memory.recall(tx, ANA).notes
        harness.services.memory.forget_note(tx, note.id, actor="operator", at=NOW)
    assert not any(CANARY.encode() in file.read_bytes() for file in tmp_path.glob("scrubjay.db*"))
    db.close()


# --- nobody sees another's -----------------------------------------------------------------------


@pytest.mark.slow
def test_no_turn_of_one_person_holds_what_another_told(harness):
    canaries = {ANA: "canary-of-ana", BEN: "canary-of-ben"}
    for again in range(3):
        for did, canary in canaries.items():
            note = {"text": f"{canary} {again}"}
            ask(
                harness,
                did,
                f"I am {canary}",
                ("remember", note),
                ("recall", {"query": "canary"}),
                ("reply", note),
            )
            harness.clock.forward(minutes=20)
    for did, canary in canaries.items():
        (foreign,) = {*canaries.values()} - {canary}
        with harness.services.db.read() as tx:
            mine = [tuple(row) for row in tx.execute(select(TurnRow.__table__).where(TurnRow.did == did))]
        assert len(mine) == 3
        assert canary in repr(mine)
        assert foreign not in repr(mine)


def test_no_secret_is_in_a_turn(harness):
    secret = "hunter2-7Yq"

    class Leaky(ScriptedBrain):
        api_key = secret

        async def think(self, prompt, tools):
            raise RuntimeError(f"401 for key {secret}")

    harness.worker._services = replace(harness.services, brain=Leaky())
    harness.say(ANA, "hi")
    harness.work()
    assert "RuntimeError" in dump(harness.services.db)
    assert secret not in dump(harness.services.db)


def test_the_recorder_changes_nothing_that_a_brain_sees(harness):
    heard = []

    class Listening(ScriptedBrain):
        async def think(self, prompt, tools):
            heard.append([spec.name for spec in tools.specs])
            heard.append(await tools.call("nonsense", {}))
            await tools.call("reply", {"text": "hi"})

    harness.worker._services = replace(harness.services, brain=Listening())
    ref = harness.say(ANA, "hi")
    harness.work()
    assert heard[0][:2] == ["reply", "stay_silent"]
    assert "no such tool" in heard[1].text
    assert harness.replies(ref)
    assert kept(harness, ref)[0].calls[0].answer == heard[1].text


# --- rows of earlier versions --------------------------------------------------------------------

TOLD = """{"sections":[{"name":"Who you are","trust":"operator","text":"A bird.",\
"source":"the persona's file"}],\
"mention":{"ref":{"uri":"at://did:plc:ana/app.bsky.feed.post/3222222222224","cid":"bafyana"},\
"did":"did:plc:ana","reason":"mention","text":"I keep bees","root":{"uri":"at://did:plc:ben/app.bsky.feed.post/3222222222223",\
"cid":"bafyben"},"parent":{"uri":"at://did:plc:ben/app.bsky.feed.post/3222222222223","cid":"bafyben"},\
"said_at":"2026-11-22T12:00:00+00:00","langs":["en"],"command":null},"person":{"did":"did:plc:ana",\
"handle":"ana.test","first_seen":"2026-11-22T12:00:00+00:00","last_seen":"2026-11-22T12:00:00+00:00",\
"introduced_at":null,"status":null,"status_at":null},"thread":[{"author":"ben.test","text":"look",\
"by_bot":false,"by_asker":false,"uri":"at://did:plc:ben/app.bsky.feed.post/3222222222223","at":"2026-03-01T10:00:00+00:00",\
"embeds":{"media":[],"card":{"title":"t","description":"d","uri":"https://example.org"},"quotes":null},\
"quoted":null}],"now":"2026-11-22T12:00:00+00:00","notes":[4],"shown":[4],"hidden":0,"limits":{\
"note_chars":280,"notes":60,"per_exchange":3,"per_day":20},"reply_limit":900,"long_gone":1}"""


def test_a_turn_that_an_earlier_version_wrote_is_read_as_it_was(db: Database):
    with db.write() as tx:
        tx.execute(
            insert(TurnRow).values(
                uri="at://did:plc:ana/app.bsky.feed.post/3222222222224",
                did=ANA,
                at=NOW,
                brain="rules",
                model="",
                persona="d",
                outcome="reply",
                told=TOLD,
                calls='[{"name":"reply","arguments":{"text":"ok"},"answer":"This.","ok":true,"ms":0}]',
                reply="ok",
                edits='[{"op": "remember", "text": "keeps bees"}]',
                tokens_in=0,
                tokens_out=0,
                took_ms=1,
            )
        )
    with db.read() as tx:
        [turn] = turns.latest(tx)
    assert turn.told is not None
    assert turn.told.thread[0].at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert turn.told.thread[0].embeds.card == Card("t", "d", "https://example.org")
    assert (turn.told.mention.reason, turn.told.mention.langs) == (Reason.MENTION, ("en",))
    assert (turn.told.notes, turn.told.post, turn.told.images) == ((4,), None, ())
    assert turn.calls == (Call("reply", {"text": "ok"}, "This.", ok=True, ms=0),)
    assert turn.edits == (Remember("keeps bees"),)
