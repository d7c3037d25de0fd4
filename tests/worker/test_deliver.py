"""`memory`, `why` and `export` by direct message, whatever happens in between, on both databases."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select
from support.backup import backup, restore
from support.factory import ANA, BEN, LIMITS, ME
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from bot.domain.direct_messages import MAX_OF_EXPORT
from bot.domain.mention import OUTCOMES, State
from bot.domain.policy import PolicyReason
from bot.errors import PermanentNetworkError, TransientNetworkError
from bot.network import chat_rules
from bot.network.in_memory_chat import ALL, NONE
from bot.privacy import export
from bot.storage import consent
from bot.storage.ledger import Ledger
from bot.storage.tables import DirectMessageRow
from bot.wording import answers
from bot.worker import deliver
from bot.worker.worker import Worker
from memory.model import Receipt, Remember

MEMORY, WHY, EXPORT = "what do you know about me?", "where did you get that?", "export my data"
SENT, OFFER = answers.text("en", "sent"), answers.text("en", "offer")
TIMEOUT = TransientNetworkError("timed out")


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def harness(db, tmp_path):
    """Ana lives in Lisbon, as the bot noted, and allows messages."""
    return known(Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY)))


def known(harness, did=ANA):
    harness.told = harness.say(did, "I live in Lisbon")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.chat = harness.network.direct_messages
    harness.chat.unable, harness.chat.allowed[did] = None, ALL
    harness.brain.script[:] = [REPLY]
    return harness


def learn(harness, *lines):
    """The bot notes these, one a mention."""
    for line in lines:
        harness.brain.script[:] = [("remember", {"text": line}), REPLY]
        harness.say(ANA, f"I tell you: {line}")
        harness.work()
        harness.clock.forward(minutes=1)


def ask(harness, text, did=ANA):
    """What the bot answers to this post in public."""
    ref = harness.say(did, text)
    finish(harness, ref)
    return [post.text for post in harness.replies(ref)]


def finish(harness, ref):
    """Let the worker work until the mention has ended."""
    for _ in range(12):
        harness.work()
        harness.clock.forward(minutes=5)
        if harness.entry(ref).state in OUTCOMES:
            return


def rows(harness):
    with harness.services.db.read() as tx:
        return tx.execute(select(DirectMessageRow.__table__).order_by(DirectMessageRow.number)).all()


BOATS = ("barge", "canoe", "dinghy", "ferry", "gondola", "ketch", "sloop", "yawl")


def many(harness, did=ANA, boats=BOATS):
    """So much is known that the list takes several messages."""
    memory, now = harness.services.memory, harness.clock()
    with harness.services.db.write() as tx:
        for number, word in enumerate(boats):
            line = " ".join(["has the boats", *(f"{word}{each}" for each in range(28))])[:270]
            uri = f"at://{did}/app.bsky.feed.post/3kabcdefghij{number + 2}"
            receipt = Receipt(uri, "bafy", did, now)
            memory.apply(tx, did, [Remember(line)], receipt, key=uri, actor="person", at=now)


# --- what is sent ---


def test_all_notes_are_sent_with_name_day_and_post_and_the_public_is_told_nothing_of_them(harness):
    learn(harness, "has diabetes")
    assert ask(harness, MEMORY) == [SENT]
    (message,) = harness.chat.inbox(ANA)
    rkey = harness.told.uri.rpartition("/")[2]
    first, *lines = message.split("\n")
    assert first == answers.text("en", "memory_some", count=2)
    assert lines[0].startswith("n1 · lives in Lisbon (20")
    assert lines[1] == f"https://bsky.app/profile/{ANA}/post/{rkey}"
    assert "has diabetes" in lines[2]


def test_the_posts_are_linked(harness):
    ask(harness, MEMORY)
    ((facet,),) = harness.chat.facets(ANA)
    assert facet["features"][0]["uri"].startswith(f"https://bsky.app/profile/{ANA}/post/")


def test_why_sends_the_notes_that_the_last_answer_used(harness):
    ask(harness, "hello")
    assert ask(harness, WHY) == [SENT]
    (message,) = harness.chat.inbox(ANA)
    assert message.startswith(answers.text("en", "why_some"))
    assert "lives in Lisbon" in message


def exported(harness):
    """The JSON that the messages make, as the first one says."""
    first, *rest = harness.chat.inbox(ANA)
    assert first == answers.text("en", "export_sent", count=len(rest))
    return json.loads("".join(message.partition("\n")[2] for message in rest))


def test_an_export_is_what_the_operator_gets(harness):
    assert ask(harness, EXPORT) == [SENT]
    with harness.services.db.read() as tx:
        held = export.document(tx, harness.services.memory, ANA)
    sent = exported(harness)
    under_way = sent["mentions"].pop(0)  # which has ended since
    assert under_way["mention"]["command"] == "export"
    assert sent == {**held, "mentions": held["mentions"][1:]}
    assert harness.chat.facets(ANA) == [()] * len(harness.chat.inbox(ANA))


def test_an_export_holds_nothing_of_anybody_else(db, tmp_path):
    harness = known(
        Harness(db, tmp_path, ScriptedBrain(("remember", {"text": "likes ZEBRAFISH"}), REPLY)), BEN
    )
    bens = harness.say(BEN, "I like ZEBRAFISH")
    harness.work()
    harness.clock.forward(minutes=1)
    parent = {"root": bens.to_json(), "parent": bens.to_json()}
    harness.brain.script[:] = [REMEMBER, REPLY]
    harness.say(ANA, "I live in Lisbon", reply=parent)
    harness.work()
    assert "ZEBRAFISH" in str(harness.brain.prompts[-1])
    harness.chat.allowed[ANA] = ALL
    ask(harness, EXPORT)
    assert exported(harness)["notes"]
    assert "ZEBRAFISH" not in "".join(harness.chat.inbox(ANA))


def test_beyond_the_bound_the_last_message_says_so(harness, monkeypatch):
    monkeypatch.setattr(export, "document", lambda *_: {"notes": "x" * 300_000})
    assert ask(harness, EXPORT) == [SENT]
    inbox = harness.chat.inbox(ANA)
    assert len(inbox) == MAX_OF_EXPORT
    assert inbox[-1] == answers.text("en", "messages_more", count=198, total=304)


def test_nobody_is_sent_what_is_anothers(harness):
    harness.chat.allowed[BEN] = ALL
    assert ask(harness, MEMORY, BEN) == [answers.text("en", "memory_none")]
    assert ask(harness, EXPORT, BEN) == [answers.text("en", "memory_none")]
    assert (harness.chat.inbox(BEN), harness.chat.calls) == ([], [])


@pytest.mark.parametrize("text", ["help", "hello", "remember me", "forget what I said", "stop"])
def test_no_conversation_is_opened_for_anything_else(harness, text):
    ask(harness, text)
    assert harness.chat.calls == []


# --- what is said in public if nothing can be sent ---


@pytest.mark.parametrize(
    ("text", "public"),
    [
        (MEMORY, "Notes about you: 1.\n· lives in Lisbon"),
        (EXPORT, answers.text("en", "export_public", count=1, posts=2)),
    ],
)
def test_who_takes_no_messages_is_answered_in_public_with_the_offer(harness, text, public):
    harness.chat.allowed[ANA] = NONE
    assert " ".join(ask(harness, text)) == f"{public}\n{OFFER}"
    assert (harness.chat.inbox(ANA), rows(harness)) == ([], [])


def test_an_offer_that_does_not_fit_is_left_out(harness):
    harness.services = replace(harness.services, options=replace(harness.services.options, reply_parts=1))
    harness.with_brain(harness.brain)
    learn(harness, f"has a boat called {'Canary ' * 23}")
    harness.chat.allowed[ANA] = NONE
    (public,) = ask(harness, MEMORY)
    assert "lives in Lisbon" in public
    assert OFFER not in public


@pytest.mark.parametrize("why", [chat_rules.NO_SERVICE, chat_rules.UNPRIVILEGED, None])
def test_without_messages_all_is_as_it_was(harness, why):
    harness.chat.unable = why
    if why is None:
        harness.services = replace(harness.services, direct_messages=None)
        harness.with_brain(harness.brain)
    assert ask(harness, MEMORY) == ["Notes about you: 1.\n· lives in Lisbon"]
    assert harness.chat.inbox(ANA) == []


def test_a_service_that_fails_after_all_was_sent_is_not_needed_any_more(harness):
    def both_fail():
        harness.network.fail("put", TIMEOUT, times=2)
        harness.chat.fail("open", TIMEOUT, times=99)

    after(harness, 1, both_fail)
    assert ask(harness, MEMORY) == [SENT]
    assert (len(harness.chat.inbox(ANA)), harness.network.fired["put"]) == (1, 2)


@pytest.mark.parametrize(("method", "tries"), [("open", deliver.FIRST_TRIES), ("send", deliver.MAX_TRIES)])
def test_a_service_that_stays_in_trouble_ends_in_the_public_answer(harness, method, tries):
    harness.chat.fail(method, TIMEOUT, times=99)
    assert ask(harness, MEMORY) == ["Notes about you: 1.\n· lives in Lisbon"]
    assert (harness.chat.fired[method], rows(harness)) == (tries, [])


def test_who_is_asked_to_wait_for_hours_is_answered_in_public_at_once(harness):
    harness.chat.fail("open", TransientNetworkError("429", retry_after=36_000.0))
    ref = harness.say(ANA, MEMORY)
    harness.work()
    assert [post.text for post in harness.replies(ref)] == ["Notes about you: 1.\n· lives in Lisbon"]


def test_a_message_that_the_service_finds_fault_with_ends_in_the_public_answer(harness):
    harness.chat.fail("send", PermanentNetworkError("400"))
    assert ask(harness, MEMORY) == ["Notes about you: 1.\n· lives in Lisbon"]


def test_who_takes_no_messages_from_the_second_on_is_answered_in_public_too(harness):
    many(harness)
    harness.chat.allowed[ANA] = ALL
    after(harness, 1, lambda: harness.chat.allowed.update({ANA: NONE}))
    public = ask(harness, MEMORY)
    assert len(harness.chat.inbox(ANA)) == 1
    assert "Notes about you: 9." in public[0]


# --- once only ---


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_timeout_before_or_after_storing_leaves_each_message_once(harness, stored, number):
    many(harness)
    after(harness, number, lambda: harness.chat.fail("send", TIMEOUT, after=stored))
    assert ask(harness, MEMORY) == [SENT]
    assert_whole(harness, harness.chat.inbox(ANA))
    assert harness.chat.fired["send"] == 1


def after(harness, number, act):
    """Do this once so many messages are sent."""
    send = harness.chat.send

    async def counted(*arguments):
        sent = await send(*arguments)
        if len(harness.chat.inbox(ANA)) == number:
            act()
        return sent

    if number == 0:
        act()
    else:
        harness.chat.send = counted


def assert_whole(harness, inbox):
    """Each message once and in order, and the list as it is."""
    total = len(inbox)
    assert [message.partition("\n")[0] for message in inbox] == [f"{k}/{total}" for k in range(1, total + 1)]
    assert total > 2
    assert sum(message.count("\nn") for message in inbox) >= len(harness.notes(ANA))


def test_the_same_question_twice_is_answered_twice_though_the_text_is_the_same(harness):
    for stored in (True, False):
        harness.chat.fail("send", TIMEOUT, after=stored)
        assert ask(harness, MEMORY) == [SENT]
    inbox = harness.chat.inbox(ANA)
    assert len(inbox) == 2
    assert len(set(inbox)) == 1


def test_what_the_person_writes_in_between_is_neither_read_nor_in_the_way(harness):
    harness.chat.write(ANA, "hello?")
    harness.chat.fail("send", TIMEOUT, after=True)
    after(harness, 1, lambda: harness.chat.write(ANA, "thanks"))
    assert ask(harness, MEMORY) == [SENT]
    assert len(harness.chat.inbox(ANA)) == 1


def test_what_was_sent_before_an_older_database_was_restored_without_the_ledger_is_not_sent_again(
    db, tmp_path
):
    harness = known(Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY)))
    ref = harness.say(ANA, MEMORY)
    older = backup(db)
    harness.work()
    restore(db, older)
    (tmp_path / "ledger").unlink()
    harness.services = replace(harness.services, ledger=Ledger(tmp_path / "ledger", harness.clock))
    harness.with_brain(harness.brain)
    finish(harness, ref)
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert (len(harness.chat.inbox(ANA)), len(harness.replies(ref))) == (1, 1)


@pytest.mark.slow
def test_a_worker_killed_at_any_point_leaves_each_message_once_and_one_reply(db, tmp_path):
    """Before and after each call of the chat service, and before and after each commit between them."""
    points = 0
    for number in range(100):
        harness, did = (
            Harness(db, tmp_path / str(number), ScriptedBrain(REMEMBER, REPLY)),
            f"did:plc:p{number}",
        )
        harness.clock.forward(days=number)
        known(harness, did)
        many(harness, did, BOATS[:3])
        ref = harness.say(did, MEMORY)
        if not dies_at(harness, number):
            break
        points += 1
        finish(harness, ref)
        assert [post.text for post in harness.replies(ref)] == [SENT], number
        inbox = harness.chat.inbox(did)
        total = len(inbox)
        assert [one.partition("\n")[0] for one in inbox] == [f"{k}/{total}" for k in range(1, total + 1)]
        assert rows(harness) == []
    assert points > 12


def dies_at(harness, number):
    """Let the worker die at this point. False if it has no so many."""
    points = iter(range(10_000))

    def dying(method):
        async def call(*arguments, **named):
            if next(points) == number:
                raise Killed
            done = await method(*arguments, **named)
            if next(points) == number:
                raise Killed
            return done

        return call

    chat = harness.chat
    alive = {name: getattr(chat, name) for name in ("open", "send", "sent_since")}
    for name, method in alive.items():
        setattr(chat, name, dying(method))
    harness.worker = Worker("dies", DyingServices(harness.services, dying), harness.scheduler, lambda: 0.0)
    try:
        harness.work()
    except Killed:
        return True
    else:
        return False
    finally:
        for name, method in alive.items():
            setattr(chat, name, method)
        harness.with_brain(harness.brain)
        harness.clock.forward(minutes=1)


class DyingServices:
    """The services, whose writes can die before and after the commit."""

    def __init__(self, services, dying):
        self._services, self.write = services, dying(services.write)

    def __getattr__(self, name):
        return getattr(self._services, name)


# --- what comes in between ---


def test_a_stop_holds_before_the_next_message(harness):
    many(harness)
    after(harness, 1, lambda: harness.say(ANA, "stop"))
    assert ask(harness, MEMORY) == []
    assert (len(harness.chat.inbox(ANA)), rows(harness)) == (1, [])


def test_a_block_that_is_heard_holds_before_the_next_message(harness):
    many(harness)
    block = f"at://{ANA}/app.bsky.graph.block/1"

    def hear():
        with harness.services.db.write() as tx:
            consent.block(tx, block, harness.clock(), harness.clock())

    after(harness, 1, hear)
    ref = harness.say(ANA, MEMORY)
    finish(harness, ref)
    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.BLOCKED)
    assert (len(harness.chat.inbox(ANA)), rows(harness)) == (1, [])


def set_status(harness, status):
    with harness.services.db.write() as tx:
        harness.services.memory.people.set_status(tx, ANA, status, harness.clock())


def test_policy_is_asked_before_each_message(harness):
    many(harness)
    after(harness, 1, lambda: set_status(harness, "takendown"))
    ref = harness.say(ANA, MEMORY)
    finish(harness, ref)
    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.HIDDEN)
    assert (len(harness.chat.inbox(ANA)), rows(harness)) == (1, [])


def test_what_another_person_forgets_is_not_sent_though_an_answer_repeated_it(harness):
    bens = harness.say(BEN, "I like ZEBRAFISH")
    harness.work()
    harness.clock.forward(minutes=1)
    parent = {"root": bens.to_json(), "parent": bens.to_json()}
    harness.brain.script[:] = [("reply", {"text": "They like ZEBRAFISH."})]
    harness.say(ANA, "what do they like?", reply=parent)
    harness.work()
    harness.clock.forward(minutes=1)
    harness.chat.fail("send", TIMEOUT)
    ref = harness.say(ANA, EXPORT)
    harness.work()
    assert "ZEBRAFISH" in "".join(row.text for row in rows(harness))
    harness.erase(BEN)
    finish(harness, ref)
    assert exported(harness)["notes"]
    assert "ZEBRAFISH" not in "".join(harness.chat.inbox(ANA))


def test_forget_me_between_two_messages_erases_those_that_were_not_sent(harness):
    many(harness)
    after(harness, 1, lambda: harness.say(ANA, "forget me"))
    harness.say(ANA, MEMORY)
    harness.work()
    harness.clock.forward(minutes=5)
    harness.work()
    assert (len(harness.chat.inbox(ANA)), rows(harness)) == (1, [])


def test_forget_me_between_making_and_sending_sends_nothing(harness):
    harness.chat.fail("send", TIMEOUT)
    harness.say(ANA, EXPORT)
    harness.work()
    assert rows(harness)
    harness.say(ANA, "forget me")
    assert rows(harness) == []
    harness.clock.forward(minutes=5)
    harness.work()
    assert harness.chat.inbox(ANA) == []


def test_a_note_that_is_forgotten_meanwhile_is_not_sent(harness):
    learn(harness, "has a boat called Canary")
    harness.chat.fail("send", TIMEOUT)
    ref = harness.say(ANA, MEMORY)
    harness.work()
    assert any("Canary" in row.text for row in rows(harness))
    harness.say(ANA, "forget n2")
    assert not any("Canary" in (row.text or "") for row in rows(harness))
    finish(harness, ref)
    assert [post.text for post in harness.replies(ref)] == [SENT]
    (message,) = harness.chat.inbox(ANA)
    assert "Canary" not in message
    assert "Lisbon" in message


def test_what_is_forgotten_while_the_service_is_in_trouble_is_not_said_in_public_either(harness):
    learn(harness, "has a boat called Canary")
    harness.chat.fail("open", TIMEOUT, times=99)
    ref = harness.say(ANA, MEMORY)
    harness.work()
    harness.say(ANA, "forget n2")
    finish(harness, ref)
    assert [post.text for post in harness.replies(ref)] == ["Notes about you: 1.\n· lives in Lisbon"]


def test_a_text_is_kept_until_it_is_sent_and_no_longer(harness):
    many(harness)
    seen = []
    after(harness, 2, lambda: seen.extend(rows(harness)))
    ask(harness, MEMORY)
    assert [row.text is None for row in seen][:3] == [True, False, False]
    assert rows(harness) == []


def test_an_edited_command_drops_what_was_made_for_it(harness):
    harness.chat.fail("send", TIMEOUT)
    ref = harness.say(ANA, MEMORY)
    harness.work()
    assert rows(harness)
    harness.handle(harness.edit(ref, "hello again"), edited=True)
    assert rows(harness) == []


# --- limits ---


def test_a_flood_of_exports_is_answered_within_the_limits(db, tmp_path):
    limits = replace(LIMITS, person_hour=4, person_day=6)
    harness = known(Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY), limits=limits))
    for _ in range(8):
        harness.say(ANA, EXPORT)
        harness.work()
    answered = [text for text in harness.chat.inbox(ANA) if text.startswith("All that I hold")]
    assert len(answered) == 3  # and the answer before
    assert [post.text for post in harness.network.posts(ME)].count(SENT) == 3


def test_who_is_written_to_and_then_goes_away_has_used_up_the_place(db, tmp_path):
    limits = replace(LIMITS, person_hour=2)
    harness = known(Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY), limits=limits))
    after(harness, 1, lambda: set_status(harness, "deactivated"))
    first = harness.say(ANA, EXPORT)
    harness.work()
    set_status(harness, None)
    harness.clock.forward(minutes=1)
    second = harness.say(ANA, EXPORT)
    harness.work()
    assert harness.outcome(first) == (State.DECLINED, PolicyReason.HIDDEN)
    assert harness.outcome(second) == (State.DRAFTED, PolicyReason.PERSON_HOUR)
    assert len(harness.chat.inbox(ANA)) == 1
