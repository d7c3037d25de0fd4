"""Checks of what is elsewhere: the PDS, the account, the streams, the brain."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.doctor.check import ACCOUNT_ADVICE, Check, describe
from bot.domain.disclosure import COLLECTIONS, confirms, operator_of, says_bot
from bot.domain.uris import AtUri
from bot.errors import AccountTrouble, NetworkError, NoMessaging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from bot.config.settings import Settings
    from bot.network.bluesky import Bluesky

NETWORK_TIMEOUT = 10.0  # seconds for one question to the network
BRAIN_TIMEOUT = 60.0  # seconds for a brain, which may ask a model
IN_TROUBLE = frozenset({429, 500, 502, 503, 504})  # what a PDS may answer, too
MAX_SKEW = timedelta(minutes=1)
IN_PUBLIC = "; `memory`, `why` and `export` are answered in public"


def check_pds(settings: Settings) -> Check:
    response = _describe(settings)
    if response.status_code in IN_TROUBLE:
        response.raise_for_status()
    if not _is_pds(response):
        detail = f"{settings.pds_url} answers, but not as a PDS does"
        return Check("pds", ok=False, detail=detail, mend="set SCRUBJAY_PDS_URL to the account's PDS")
    seconds = response.elapsed.total_seconds()
    return Check("pds", ok=True, detail=f"{settings.pds_url} answers in {seconds:.1f} s")


def check_clock(settings: Settings) -> Check:
    response = _describe(settings)
    if "date" not in response.headers:
        return Check("clock", ok=False, detail="the PDS names no time", mend="see `pds` above")
    theirs = parsedate_to_datetime(response.headers["date"])
    skew = abs(datetime.now(UTC) - theirs)
    ok = skew <= MAX_SKEW
    mend = None if ok else "switch time synchronisation on: timedatectl set-ntp true"
    return Check("clock", ok, f"{skew.total_seconds():.0f} s from the PDS's", mend)


def _describe(settings: Settings) -> httpx2.Response:
    import httpx2

    url = f"{settings.pds_url}/xrpc/com.atproto.server.describeServer"
    return httpx2.get(url, timeout=NETWORK_TIMEOUT)


def _is_pds(response: httpx2.Response) -> bool:
    """com.atproto.server.describeServer has to tell the server's DID and its domains."""
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and {"did", "availableUserDomains"} <= answer.keys()


def check_login(settings: Settings) -> Check:
    """Log in with the password. A stored session would hide that it is wrong, until the session ends."""
    if settings.handle is None or settings.password is None:
        return Check("login", ok=False, detail="there is no account to log in to", mend=ACCOUNT_ADVICE)
    handle, password = settings.require_account()
    try:
        did = asyncio.run(asyncio.wait_for(_login(settings, handle, password), NETWORK_TIMEOUT))
    except AccountTrouble as error:
        return Check("login", ok=False, detail=error.what, mend=error.mend)
    except (NetworkError, TimeoutError) as error:
        advice = "see `pds` above; nothing is known of the password"
        return Check("login", ok=False, detail=describe(error), mend=advice)
    return Check("login", ok=True, detail=f"@{handle} is {did}, labelled as a bot")


async def _login(settings: Settings, handle: str, password: str) -> str:
    async with _connected(settings, handle, password) as network:
        return network.did


@asynccontextmanager
async def _connected(
    settings: Settings, handle: str, password: str, *, require_label: bool = True
) -> AsyncIterator[Bluesky]:
    from bot.network.bluesky import Bluesky

    network = await Bluesky.connect(
        handle=handle,
        password=password,
        pds_url=settings.pds_url,
        plc_url=settings.plc_url,
        load=lambda: None,
        save=lambda _: None,
        require_label=require_label,
    )
    try:
        yield network
    finally:
        await network.close()


def check_operator(settings: Settings) -> Check:
    """Whether the bot says who runs it, and whether that account says the same."""
    if settings.operator is None:
        detail = "not named yet: set SCRUBJAY_OPERATOR, then `scrubjay declare`"
        return Check("operator", ok=True, detail=detail)
    try:
        fault = asyncio.run(asyncio.wait_for(_undeclared(settings, settings.operator), NETWORK_TIMEOUT))
    except (NetworkError, TimeoutError) as error:
        return Check("operator", ok=False, detail=describe(error), mend="see `login` above")
    if fault is None:
        return Check("operator", ok=True, detail=f"@{settings.operator} runs it, as both accounts say")
    detail, mend = fault
    return Check("operator", ok=False, detail=detail, mend=mend)


async def _undeclared(settings: Settings, operator: str) -> tuple[str, str] | None:
    """What is missing, and what mends it."""
    async with _connected(settings, *settings.require_account()) as network:
        did = await network.did_of(operator)
        if did is None:
            return f"nobody has the handle @{operator}", "set SCRUBJAY_OPERATOR to your own account"
        for collection in COLLECTIONS:
            record = await network.record(str(AtUri(network.did, collection, "self")))
            if record is None or operator_of(record) != did:
                return f"{collection} does not name @{operator}", "scrubjay declare"
        if not says_bot(await network.profile(network.did, fresh=True)):
            return "the bot's bio does not say that it is a bot", "write it there, and who runs it"
        if not confirms(await network.profile(did, fresh=True), network.handle, network.did):
            return f"@{operator} does not name the bot", f"write @{network.handle} into its bio"
    return None


def check_messages(settings: Settings) -> Check:
    """Whether the account can send direct messages. No conversation is opened or read.

    If it cannot, that is told and no failure: the bot answers in public.
    """
    if not settings.direct_messages:
        return Check("messages", ok=True, detail=f"off{IN_PUBLIC}")
    if settings.handle is None or settings.password is None:
        return Check("messages", ok=False, detail="there is no account to log in to", mend=ACCOUNT_ADVICE)
    handle, password = settings.require_account()
    try:
        asyncio.run(asyncio.wait_for(_try_messages(settings, handle, password), NETWORK_TIMEOUT))
    except NoMessaging as error:
        return Check("messages", ok=True, detail=f"{error.what}{IN_PUBLIC}. To mend: {error.mend}")
    except (NetworkError, TimeoutError) as error:
        return Check("messages", ok=True, detail=f"cannot be sent now: {describe(error)}{IN_PUBLIC}")
    return Check("messages", ok=True, detail=f"@{handle} can send direct messages")


async def _try_messages(settings: Settings, handle: str, password: str) -> None:
    async with _connected(settings, handle, password, require_label=False) as network:
        await network.direct_messages.check()


def check_stream(settings: Settings) -> Check:
    """Connect to every host: the others are needed when the first fails."""
    from bot import factory
    from bot.domain.tracked import Tracked
    from bot.streams import websocket

    if settings.replay_path is not None:
        return Check("stream", Path(settings.replay_path).is_file(), settings.replay_path, "name a recording")
    dialect = factory.make_dialect(settings, Tracked(""))
    for url in settings.stream_urls:
        asyncio.run(websocket.probe(websocket.stream_url(url, dialect, None), dialect.headers))
    return Check("stream", ok=True, detail=f"{settings.source}: {', '.join(settings.stream_urls)}")


def check_brain(settings: Settings) -> Check:
    fault = asyncio.run(asyncio.wait_for(_ask_brain(settings), BRAIN_TIMEOUT))
    return Check("brain", fault is None, f"{settings.brain}: {fault or 'can think'}", fault)


async def _ask_brain(settings: Settings) -> str | None:
    from bot import factory

    brain = factory.make_brain(settings)
    try:
        return await brain.health()
    finally:
        await brain.close()
