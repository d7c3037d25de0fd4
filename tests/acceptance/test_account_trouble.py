"""The bot's own account in trouble, at a real PDS: mentions wait, few logins are made, then all goes on."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial

import httpx2
import pytest
from structlog.testing import capture_logs
from support.harness import Harness

from bot.domain.events import PostCreated
from bot.domain.mention import State
from bot.errors import AccountTrouble
from bot.network.bluesky import Bluesky
from bot.network.session import MAX_REFUSED_LOGINS

pytestmark = pytest.mark.network
NUMBERS = itertools.count(1000)


def administer(net, method, body):
    auth = ("admin", (net.data_dir / "admin-password").read_text())
    httpx2.post(f"{net.pds_url}/xrpc/{method}", auth=auth, json=body).raise_for_status()


def suspend(net, person, *, applied):
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": person.did}
    body = {"subject": subject, "takedown": {"applied": applied, "ref": "test"}}
    administer(net, "com.atproto.admin.updateSubjectStatus", body)


async def connect(net, bot, password=None):
    return await Bluesky.connect(
        handle=bot.handle,
        password=password or bot.account.password,
        pds_url=net.pds_url,
        plc_url=net.plc_url,
        load=lambda: None,
        save=lambda _: None,
    )


def ask(harness, bot, person, text):
    ref = person.post(f"@{bot.handle} {text}", mentions=[bot])
    record = person.posts()[-1].record
    harness.send(PostCreated, ref, person.did, record, harness.clock())
    return ref


async def work(harness, *, minutes=0):
    for _ in range(minutes // 3 + 1):
        while await harness.worker.work():
            pass
        harness.clock.forward(minutes=3)


@pytest.fixture
def cast(localnet):
    """The bot and a person, with names of their own."""
    number = next(NUMBERS)
    bot, person = localnet.actor(f"bot{number}"), localnet.actor(f"ana{number}")
    bot.label("bot")
    return bot, person


def test_a_mention_of_an_hour_of_suspension_is_answered_after_it(localnet, cast, db, tmp_path):
    bot, person = cast

    async def live():
        network = await connect(localnet, bot)
        harness = Harness(db, tmp_path, network=network)
        ref = ask(harness, bot, person, "are you there?")
        suspend(localnet, bot, applied=True)
        with capture_logs() as logs:
            await work(harness, minutes=60)
        entry = harness.entry(ref)
        assert entry.state is State.WAITING, entry.why
        assert "suspended" in entry.why
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["account.trouble"]
        suspend(localnet, bot, applied=False)
        with capture_logs() as logs:
            await work(harness, minutes=30)
        assert harness.entry(ref).state is State.ANSWERED
        assert "account.restored" in [line["event"] for line in logs]
        await network.close()

    asyncio.run(live())
    assert len(bot.posts()) == 1


def test_at_start_a_suspended_account_is_told_with_what_to_do(localnet, cast):
    bot, _ = cast
    suspend(localnet, bot, applied=True)
    with pytest.raises(AccountTrouble, match="is suspended") as caught:
        asyncio.run(connect(localnet, bot))
    suspend(localnet, bot, applied=False)
    assert "moderators" in caught.value.mend


def test_a_wrong_password_is_told_with_what_to_do(localnet, cast):
    bot, _ = cast
    with pytest.raises(AccountTrouble, match="new app password"):
        asyncio.run(connect(localnet, bot, password="wrong-wrong-wrong"))


def test_a_revoked_password_makes_few_logins_and_ends_no_mention(localnet, cast, db, tmp_path):
    bot, person = cast
    logins = []

    async def live():
        network = await connect(localnet, bot)
        harness = Harness(db, tmp_path, network=network)
        session = network._session
        login = session._client.login

        async def counted(*arguments, **options):
            logins.append(arguments)
            return await login(*arguments, **options)

        session._client.login = counted
        session._password = "revoked"
        administer(
            localnet,
            "com.atproto.admin.updateAccountPassword",
            {"did": bot.did, "password": "another-password"},
        )
        session._client._session.access_jwt = session._client._session.refresh_jwt = "refused"
        refs = [ask(harness, bot, person, f"question {number}") for number in range(3)]
        await work(harness, minutes=120)
        assert {harness.entry(ref).state for ref in refs} == {State.WAITING}
        session._password = "another-password"
        session._refused_at.clear()  # as after an hour
        await work(harness, minutes=60)
        assert {harness.entry(ref).state for ref in refs} == {State.ANSWERED}
        await network.close()

    asyncio.run(live())
    assert len(logins) == MAX_REFUSED_LOGINS + 1


def test_a_label_that_is_removed_stops_posts_until_it_is_back(localnet, cast, db, tmp_path):
    bot, person = cast

    async def live():
        network = await connect(localnet, bot)
        harness = Harness(db, tmp_path, network=network)
        await asyncio.to_thread(partial(bot.label, "nudity"))
        with pytest.raises(AccountTrouble, match="that it is a bot"):
            await network.check_account()
        ref = ask(harness, bot, person, "hello")
        await work(harness, minutes=30)
        assert harness.entry(ref).state is State.WAITING
        await asyncio.to_thread(partial(bot.label, "bot"))
        await network.check_account()
        await work(harness, minutes=30)
        assert harness.entry(ref).state is State.ANSWERED
        await network.close()

    asyncio.run(live())
