"""What holds on every chat service: the lexicon spoken over HTTP behind a PDS, and its double in memory."""

from __future__ import annotations

import contextlib
import itertools
from types import SimpleNamespace

import pytest
from support.chat_server import NO_SERVICE, UNPRIVILEGED, ChatServer

from bot.errors import MessagesRefused, NoMessaging, PermanentNetworkError, TransientNetworkError
from bot.network import chat, chat_rules
from bot.network.chat import ChatService
from bot.network.in_memory_chat import InMemoryChat
from bot.network.session import Session

BOT, HANDLE = "did:plc:jayjayjayjayjayjayjayjay", "jay.test"
ANA, BEN = "did:plc:anaanaanaanaanaanaanaana", "did:plc:benbenbenbenbenbenbenben"
NUMBERS = itertools.count(3000)
FAMILY = "👨\u200d👩\u200d👧\u200d👦"  # one grapheme of 25 bytes
REASONS = {"unprivileged": chat_rules.UNPRIVILEGED, "no service": chat_rules.NO_SERVICE}
ANSWERS = {"unprivileged": UNPRIVILEGED, "no service": NO_SERVICE}


class Memory:
    def __init__(self):
        self.service = self.port = InMemoryChat(BOT, HANDLE)

    def disable(self, why):
        self.service.unable = REASONS[why] if why else None

    def slow_down(self, method):
        self.service.fail(method, TransientNetworkError("429", retry_after=7.0))

    def store_and_time_out(self):
        self.service.fail("send", TransientNetworkError("timed out"), after=True)

    def be_patient(self):
        pass

    def lose(self, did):
        self.service.leave(did)


METHODS = {"open": "getConvoForMembers", "send": "sendMessage", "sent_since": "getMessages"}


class Http:
    def __init__(self, service, session):
        self.service, self.session, self.port = service, session, ChatService(session)

    def disable(self, why):
        self.service.unable = ANSWERS[why] if why else None

    def slow_down(self, method):
        planned = (429, "RateLimitExceeded", "slow down", "retry-after: 7\r\n")
        self.service.faults[METHODS[method]] = [planned]

    def store_and_time_out(self):
        self.service.deaf_after.add("sendMessage")
        self.session._timeout = 0.5

    def be_patient(self):
        self.session._timeout = 10

    def lose(self, did):
        self.service.convos.pop(f"convo-{did.rpartition(':')[2]}")


@contextlib.asynccontextmanager
async def over_http():
    service = ChatServer(BOT, HANDLE)
    async with service.running() as url:
        session = Session(handle=HANDLE, password="x", pds_url=url, save=lambda _: None, timeout=10)
        await session.open(lambda: None)
        yield Http(service, session)
        await session.close()


@pytest.fixture
async def http_world():
    async with over_http() as world:
        yield world


@pytest.fixture(params=["memory", "http"])
async def world(request):
    async with over_http() if request.param == "http" else contextlib.nullcontext(Memory()) as made:
        made.service.allowed[ANA] = made.service.allowed[BEN] = "all"
        yield made


async def test_a_message_stands_in_the_conversation_with_that_person_alone(world):
    conversation = await world.port.open(ANA)
    await world.port.send(conversation.id, "hello 👋")
    assert (world.service.inbox(ANA), world.service.inbox(BEN)) == (["hello 👋"], [])


async def test_the_same_person_has_the_same_conversation_and_others_have_their_own(world):
    ids = [(await world.port.open(did)).id for did in (ANA, BEN, ANA)]
    assert ids[0] == ids[2] != ids[1]


async def test_a_conversation_names_its_last_message_whoever_wrote_it(world):
    first = await world.port.open(ANA)
    sent = await world.port.send(first.id, "hello")
    second = await world.port.open(ANA)
    world.service.write(ANA, "thanks")
    third = await world.port.open(ANA)
    assert (first.last, second.last) == ("", sent)
    assert third.last not in {"", sent}


async def test_own_messages_after_a_certain_one_are_told_and_nobody_elses(world):
    conversation = await world.port.open(ANA)
    first = await world.port.send(conversation.id, "one")
    world.service.write(ANA, "a secret")
    second = await world.port.send(conversation.id, "two")
    told = [(each.id, each.text) for each in await world.port.sent_since(conversation.id, first)]
    everything = [each.text for each in await world.port.sent_since(conversation.id, "")]
    assert (told, everything) == ([(second, "two")], ["two", "one"])


async def test_they_are_found_on_every_page(world, monkeypatch):
    monkeypatch.setattr(chat, "PER_PAGE", 2)
    conversation = await world.port.open(ANA)
    first = await world.port.send(conversation.id, "one")
    for number in range(6):
        await world.port.send(conversation.id, str(number))
    assert [each.text for each in await world.port.sent_since(conversation.id, first)] == list("543210")


@pytest.mark.parametrize("text", ["a" * 1000, FAMILY * 400, "é" * 1000])
async def test_a_message_may_have_1000_graphemes_and_10000_bytes(world, text):
    conversation = await world.port.open(ANA)
    await world.port.send(conversation.id, text)
    assert world.service.inbox(ANA) == [text]


@pytest.mark.parametrize("text", ["a" * 1001, FAMILY * 401, "é" * 1001])
async def test_a_longer_one_is_refused_and_not_stored(world, text):
    conversation = await world.port.open(ANA)
    with pytest.raises(PermanentNetworkError):
        await world.port.send(conversation.id, text)
    assert world.service.inbox(ANA) == []


@pytest.mark.parametrize("how", ["none", "following", "block"])
async def test_who_takes_no_messages_is_told_as_such_before_and_after_the_opening(world, how):
    conversation = await world.port.open(BEN)
    if how == "block":
        world.service.blocking.add(BEN)
    else:
        world.service.allowed[BEN] = how
    with pytest.raises(MessagesRefused):
        await world.port.open(BEN)
    with pytest.raises(MessagesRefused):
        await world.port.send(conversation.id, "hello")
    assert world.service.inbox(BEN) == []


async def test_whom_the_bot_may_write_to_because_they_follow_it_gets_the_message(world):
    world.service.allowed[BEN] = "following"
    world.service.following.add(BEN)
    conversation = await world.port.open(BEN)
    await world.port.send(conversation.id, "hello")
    assert world.service.inbox(BEN) == ["hello"]


@pytest.mark.parametrize("why", list(REASONS))
async def test_an_account_that_cannot_send_is_told_as_such_with_what_mends_it(world, why):
    conversation = await world.port.open(ANA)
    await world.port.check()
    world.disable(why)
    calls = (
        lambda: world.port.open(ANA),
        lambda: world.port.send(conversation.id, "hello"),
        lambda: world.port.sent_since(conversation.id, ""),
        world.port.check,
    )
    for call in calls:
        with pytest.raises(NoMessaging) as told:
            await call()
        assert told.value.mend == REASONS[why].mend
    world.disable(None)
    await world.port.send(conversation.id, "hello")
    assert world.service.inbox(ANA) == ["hello"]


@pytest.mark.parametrize("method", ["open", "send", "sent_since"])
async def test_a_service_that_asks_for_patience_is_trouble_with_its_time(world, method):
    conversation = await world.port.open(ANA)
    arguments = {"open": (ANA,), "send": (conversation.id, "hello"), "sent_since": (conversation.id, "")}
    world.slow_down(method)
    with pytest.raises(TransientNetworkError) as told:
        await getattr(world.port, method)(*arguments[method])
    assert (told.value.retry_after, world.service.inbox(ANA)) == (7.0, [])


async def test_a_message_stored_before_a_timeout_is_found(world):
    conversation = await world.port.open(ANA)
    world.store_and_time_out()
    with pytest.raises(TransientNetworkError):
        await world.port.send(conversation.id, "hello")
    world.be_patient()
    found = await world.port.sent_since(conversation.id, conversation.last)
    assert [each.text for each in found] == ["hello"] == world.service.inbox(ANA)


async def test_a_conversation_that_is_gone_is_trouble_and_the_next_one_is_open(world):
    conversation = await world.port.open(ANA)
    world.lose(ANA)
    with pytest.raises(TransientNetworkError):
        await world.port.send(conversation.id, "hello")
    again = await world.port.open(ANA)
    await world.port.send(again.id, "hello")
    assert world.service.inbox(ANA) == ["hello"]


async def test_facets_stand_with_the_text(world):
    link = {"$type": "app.bsky.richtext.facet#link", "uri": "https://bsky.app"}
    facet = {"index": {"byteStart": 0, "byteEnd": 16}, "features": [link]}
    conversation = await world.port.open(ANA)
    await world.port.send(conversation.id, "https://bsky.app", [facet])
    assert world.service.inbox(ANA) == ["https://bsky.app"]


# --- the real client ---


@pytest.mark.parametrize(
    ("status", "name", "message"),
    [
        (403, "Forbidden", "Access denied"),
        (401, "BadJwt", "jwt expired"),
        (400, "InvalidRequest", "something new"),
        (400, "NeverHeardOf", ""),
        (404, "MessagesDisabled2", ""),
        (500, "InternalServerError", "MessagesDisabled"),
        (502, "UpstreamFailure", "Upstream service unreachable"),
        (501, "MethodNotImplemented", ""),
        (400, None, None),
        (400, "InvalidToken", "Token could not be verified"),
        (400, "ExpiredToken", "Token has expired"),
        (401, "AuthMissing", ""),
        (400, "AccountTakedown", ""),
        (400, "InvalidSwap", ""),
    ],
)
@pytest.mark.parametrize("method", ["getConvoAvailability", "getConvoForMembers"])
async def test_no_other_answer_says_anything_of_a_person_or_of_the_account(
    http_world, method, status, name, message
):
    http_world.service.allowed[ANA] = "all"
    http_world.service.faults[method] = [(status, name, message, "")] * 2
    with pytest.raises(TransientNetworkError):
        await http_world.port.open(ANA)
    assert http_world.service.relogins == 1  # at the start


async def test_a_web_page_is_no_answer(http_world):
    http_world.service.answer = lambda *_: (
        b"HTTP/1.1 403 X\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nBad!"
    )
    with pytest.raises(TransientNetworkError):
        await http_world.port.open(ANA)


async def test_a_group_or_a_strangers_conversation_is_never_written_to(http_world):
    service, told = http_world.service, ChatServer._open

    def with_ben(members):
        found = told(service, members)
        found["convo"]["members"].append({"did": BEN, "handle": "ben.test"})
        return found

    service.allowed[ANA] = "all"
    service._open = with_ben
    with pytest.raises(TransientNetworkError, match="somebody else"):
        await http_world.port.open(ANA)


async def test_an_account_that_cannot_send_is_logged_once_until_it_can(http_world, capsys):
    http_world.service.allowed[ANA] = "all"
    for why in ("unprivileged", None, "unprivileged"):
        http_world.disable(why)
        for _ in range(3):
            if why:
                with pytest.raises(NoMessaging):
                    await http_world.port.open(ANA)
            else:
                await http_world.port.open(ANA)
    log = capsys.readouterr().out
    assert (log.count("messages.unavailable"), log.count("messages.available")) == (2, 1)


async def test_a_stored_session_of_an_older_password_is_replaced_once(http_world):
    service = http_world.service
    service.allowed[ANA] = "all"
    stored = http_world.session._export()
    session = Session(
        handle=HANDLE, password="x", pds_url=http_world.session._pds_url, save=lambda _: None, timeout=10
    )
    await session.open(lambda: stored)
    assert service.relogins == 1
    service.unable = UNPRIVILEGED
    for _ in range(3):
        with pytest.raises(NoMessaging):
            await ChatService(session).open(ANA)
    await session.close()
    assert service.relogins == 2


async def test_a_wrong_password_behind_a_session_that_holds_is_no_trouble_of_the_account(http_world):
    service = http_world.service
    service.allowed[ANA] = "all"
    stored = http_world.session._export()
    url = http_world.session._pds_url
    session = Session(handle=HANDLE, password="wrong", pds_url=url, save=lambda _: None, timeout=10)
    await session.open(lambda: stored)
    service.unable, service.refused_login = UNPRIVILEGED, True
    for _ in range(3):
        with pytest.raises(NoMessaging):
            await ChatService(session).open(ANA)
    assert (await session.get("com.atproto.server.getSession"))["did"] == BOT
    await session.close()
    assert service.relogins == 2


async def test_it_asks_nothing_but_what_it_needs(http_world):
    http_world.service.allowed[ANA] = "all"
    conversation = await http_world.port.open(ANA)
    await http_world.port.send(conversation.id, "hello")
    await http_world.port.sent_since(conversation.id, "")
    await http_world.port.check()
    asked = {name for name in http_world.service.asked if name.startswith("chat.")}
    assert asked == {chat_rules.AVAILABILITY, chat_rules.OPEN, chat_rules.SEND, chat_rules.READ}


# --- behind the real PDS ---


@pytest.fixture
async def behind_pds(localnet, monkeypatch):
    """The service behind a real PDS: makes sessions of its account, with an app password or with its own."""
    actor = localnet.actor(f"writer{next(NUMBERS)}")
    service = ChatServer(actor.did, actor.handle)
    service.allowed[ANA] = "all"
    sessions = []

    async def log_in(password):
        session = Session(
            handle=actor.handle, password=password, pds_url=localnet.pds_url, save=lambda _: None, timeout=10
        )
        await session.open(lambda: None)
        sessions.append(session)
        return ChatService(session)

    async with service.running() as url:
        port = url.rpartition(":")[2]
        did = f"did:web:localhost%3A{port}"
        endpoint = {
            "id": "#bsky_chat",
            "type": "BskyChatService",
            "serviceEndpoint": f"http://localhost:{port}",
        }
        service.document = {"id": did, "service": [endpoint]}
        monkeypatch.setattr(chat_rules, "SERVICE", f"{did}#bsky_chat")
        yield SimpleNamespace(service=service, actor=actor, log_in=log_in)
        for session in sessions:
            await session.close()


@pytest.mark.network
@pytest.mark.parametrize("kind", ["own", "privileged"])
async def test_a_real_pds_passes_on_what_is_asked_and_what_is_refused(behind_pds, kind):
    port = await behind_pds.log_in(password(behind_pds.actor, kind))
    await port.check()
    conversation = await port.open(ANA)
    sent = await port.send(conversation.id, "hello \N{WAVING HAND SIGN}")
    assert [each.id for each in await port.sent_since(conversation.id, "")] == [sent]
    assert behind_pds.service.inbox(ANA) == ["hello \N{WAVING HAND SIGN}"]
    behind_pds.service.allowed[ANA] = "none"
    for call in (port.open(ANA), port.send(conversation.id, "again")):
        with pytest.raises(MessagesRefused):
            await call
    behind_pds.service.allowed[ANA] = "all"
    behind_pds.service.faults["sendMessage"] = [(429, "RateLimitExceeded", "slow down")]
    with pytest.raises(TransientNetworkError, match="429"):  # the PDS does not pass on for how long
        await port.send(conversation.id, "again")


def password(actor, kind):
    if kind == "own":
        return actor.account.password
    given = {"name": kind, "privileged": kind == "privileged"}
    return actor._client.com.atproto.server.create_app_password(given).password


@pytest.mark.network
async def test_a_real_pds_refuses_an_ordinary_app_password_and_the_account_is_in_no_trouble(
    behind_pds,
):
    port = await behind_pds.log_in(password(behind_pds.actor, "ordinary"))
    for call in (port.check, lambda: port.open(ANA), lambda: port.send("x", "hello")):
        with pytest.raises(NoMessaging) as told:
            await call()
        assert told.value.mend == chat_rules.UNPRIVILEGED.mend
    assert (await port._session.get("com.atproto.server.getSession"))["did"] == behind_pds.actor.did


@pytest.mark.network
async def test_a_real_pds_that_finds_no_service_is_told_as_such(behind_pds):
    behind_pds.service.document = {}
    port = await behind_pds.log_in(behind_pds.actor.account.password)
    for call in (port.check, lambda: port.open(ANA)):
        with pytest.raises(NoMessaging) as told:
            await call()
        assert told.value.mend == chat_rules.NO_SERVICE.mend


@pytest.mark.network
async def test_a_real_pds_without_a_way_to_the_service_is_in_trouble(behind_pds, monkeypatch):
    monkeypatch.setattr(chat_rules, "SERVICE", "did:web:localhost%3A1#bsky_chat")
    port = await behind_pds.log_in(behind_pds.actor.account.password)
    for call in (port.check, lambda: port.open(ANA)):
        with pytest.raises(TransientNetworkError):
            await call()
