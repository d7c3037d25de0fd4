"""Is all there that the bot needs? One check a line, each with what mends it. No check ever crashes."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from bot.domain.mention import ACTIVE, OPEN, State
from bot.errors import (
    BreakerOpen,
    NetworkError,
    ScrubjayError,
    SettingsError,
    TransientBrainError,
    Unlabelled,
)
from memory.db import Database
from memory.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from bot.config.settings import Settings
    from bot.domain.mention import Entry

PYTHON = (3, 11)
SPACE = 500 * 2**20  # bytes: a week of a busy bot, with its backup
PATIENCE = 10.0  # seconds for one question to the network
THINKING = 60.0  # seconds for a brain, which may ask a model
SKEW = timedelta(minutes=1)
DAY = timedelta(days=1)
WAITED = timedelta(minutes=5)
MOST = 1000
UPGRADE = "scrubjay db upgrade"
ACCOUNT = "set SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD (an app password); `scrubjay run` tells how"
UNHEALED = "scrubjay run, on a PDS with an AppView; `scrubjay gap list --open` tells more"
LABEL = (
    "log in to Bluesky as the bot and turn on its automation label in the account settings; or put "
    '{"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]} as `labels` into its record '
    "app.bsky.actor.profile/self"
)


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `mend` tells what to do if it is not `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None


def checks(settings: Settings) -> Iterator[Check]:
    """Yield all checks, one after the other; those of the network take some seconds."""
    yield python()
    for name, check, mend in (
        ("account", account, ACCOUNT),
        ("data", data_dir, "set SCRUBJAY_DATA_DIR to a folder that you may write to"),
        ("disk", disk, "make room, or set SCRUBJAY_DATA_DIR to another disk"),
        ("database", database, UPGRADE),
        ("mentions", mentions, UPGRADE),
        ("gaps", gaps, UPGRADE),
        ("pds", pds, f"check the network, and SCRUBJAY_PDS_URL={settings.pds_url}"),
        ("clock", clock, f"check the network, and SCRUBJAY_PDS_URL={settings.pds_url}"),
        ("login", login, "check SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD"),
        ("stream", stream, f"check the network, and SCRUBJAY_SOURCE={settings.source} with its hosts"),
        ("brain", brain, f"check SCRUBJAY_BRAIN={settings.brain}"),
    ):
        yield guarded(name, check, settings, mend)


def guarded(name: str, check: Callable[[Settings], Check], settings: Settings, mend: str) -> Check:
    """Run the check; whatever it raises is what it found."""
    try:
        return check(settings)
    except (ScrubjayError, MemoryFault) as error:
        return Check(name, ok=False, detail=" ".join(str(error).split()), mend=mend)
    except Exception as error:  # noqa: BLE001 - a doctor does not fall ill
        # only the first line: SQLAlchemy tells parameters below it
        said = str(error).split("\n")[0] or "no answer in time"
        return Check(name, ok=False, detail=f"{type(error).__name__}: {said}", mend=mend)


def unset(error: SettingsError) -> Iterator[Check]:
    """Yield a check for each problem of the settings: without them nothing else can be checked."""
    yield python()
    for problem in error.args:
        yield Check("settings", ok=False, detail=str(problem), mend="change it as in the example")


def python() -> Check:
    wanted = ".".join(map(str, PYTHON))
    ok = sys.version_info[:2] >= PYTHON
    return Check("python", ok, sys.version.split()[0], None if ok else f"install Python {wanted} or newer")


def account(settings: Settings) -> Check:
    missing = [name for name in ("handle", "password") if getattr(settings, name) is None]
    if missing:
        return Check("account", ok=False, detail=f"no {' and no '.join(missing)}", mend=ACCOUNT)
    return Check("account", ok=True, detail=f"@{settings.handle}")


def data_dir(settings: Settings) -> Check:
    with tempfile.TemporaryFile(dir=_existing(settings.data_dir)):
        return Check("data", ok=True, detail=f"{settings.data_dir.absolute()} is writable")


def disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    detail = f"{free / 2**30:.1f} GiB free"
    mend = f"make room: at least {SPACE // 2**20} MiB" if free < SPACE else None
    return Check("disk", free >= SPACE, detail, mend)


def _existing(path: Path) -> Path:
    """Return the folder that is there already, of those that lead to `path`."""
    path = path.absolute()
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path(os.sep))


def schema(settings: Settings) -> tuple[str | None, str]:
    """Return the schema's revision found and the one wanted. Creates nothing. Raises MemoryFault."""
    url = make_url(settings.database)
    missing = url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
    with tempfile.TemporaryDirectory() as empty:
        db = Database(f"sqlite:///{empty}/none.db" if missing else settings.database)
        try:
            return db.check()
        finally:
            db.close()


def database(settings: Settings) -> Check:
    found, head = schema(settings)
    place = make_url(settings.database).render_as_string(hide_password=True)
    if found == head:
        return Check("database", ok=True, detail=f"{place}, schema {found}")
    return Check("database", False, f"{place}: schema {found or 'none'}, {head} is wanted", UPGRADE)


def mentions(settings: Settings, now: datetime | None = None) -> Check:
    """Look for mentions that failed today, that no worker holds any more, or that wait too long."""
    if unreadable := _unreadable(settings, "mentions"):
        return unreadable
    from bot.storage import views

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        every = [views.entries(tx, state=state, limit=MOST) for state in (*OPEN, State.FAILED)]
    db.close()
    entries = list(chain.from_iterable(every))
    failed = sum(entry.state == State.FAILED and _end(entry) > now - DAY for entry in entries)
    still = sum(entry.state in OPEN for entry in entries)
    over = sum(entry.state in ACTIVE and entry.due_at is not None and entry.due_at < now for entry in entries)
    late = [now - entry.due_at for entry in entries if entry.state in OPEN and entry.due_at is not None]
    oldest = max([*late, timedelta()])
    ill = [entry.why for entry in entries if entry.state == State.WAITING and _waits_for_brain(entry)]
    if ill:
        detail = f"{len(ill)} of {still} open ones wait for the brain: {ill[0]}"
        return Check("mentions", ok=False, detail=detail, mend="see `brain` below; they are tried again")
    if not (failed or over or oldest > WAITED):
        return Check("mentions", ok=True, detail=f"{still} open, none stuck")
    minutes = round(oldest.total_seconds() / 60)
    detail = f"{failed} failed in a day, {over} left by a worker, the oldest {minutes} min late"
    mend = "scrubjay mention list --state failed; scrubjay mention retry URI" if failed else "scrubjay run"
    return Check("mentions", ok=False, detail=detail, mend=mend)


def gaps(settings: Settings, now: datetime | None = None) -> Check:
    """Look for gaps in which mentions may still wait to be found: older ones would expire."""
    if unreadable := _unreadable(settings, "gaps"):
        return unreadable
    from bot.storage import gaps

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        still_open = gaps.latest(tx, limit=MOST, still_open=True)
    db.close()
    soon = timedelta(seconds=3 * settings.reconcile_every)
    late = [gap for gap in still_open if soon < now - gap.at < settings.limits.max_age]
    if not late:
        return Check("gaps", ok=True, detail=f"{len(still_open)} open, none for long")
    detail = f"{len(late)} open, the last since {late[0].at:%Y-%m-%d %H:%M}Z ({late[0].host}: {late[0].why})"
    return Check("gaps", ok=False, detail=detail, mend=UNHEALED)


def _unreadable(settings: Settings, name: str) -> Check | None:
    found, head = schema(settings)
    return None if found == head else Check(name, False, "cannot be read before the upgrade", UPGRADE)


def _waits_for_brain(entry: Entry) -> bool:
    return (entry.why or "").startswith((str(TransientBrainError()).strip(), str(BreakerOpen()).strip()))


def _end(entry: Entry) -> datetime:
    return entry.ended_at or entry.seen_at


def pds(settings: Settings) -> Check:
    response = _describe(settings)
    return Check(
        "pds", ok=True, detail=f"{settings.pds_url} answers in {response.elapsed.total_seconds():.1f} s"
    )


def clock(settings: Settings) -> Check:
    response = _describe(settings)
    theirs = parsedate_to_datetime(response.headers["date"])
    off = abs(datetime.now(UTC) - theirs)
    ok = off <= SKEW
    mend = None if ok else "switch time synchronisation on: timedatectl set-ntp true"
    return Check("clock", ok, f"{off.total_seconds():.0f} s from the PDS's", mend)


def _describe(settings: Settings) -> httpx.Response:
    import httpx

    url = f"{settings.pds_url}/xrpc/com.atproto.server.describeServer"
    return httpx.get(url, timeout=PATIENCE).raise_for_status()


def login(settings: Settings) -> Check:
    """Log in as `run` would, with the stored session if there is one."""
    if settings.handle is None or settings.password is None:
        return Check("login", ok=False, detail="there is no account to log in to", mend=ACCOUNT)
    handle, password = settings.require_account()
    try:
        did = asyncio.run(asyncio.wait_for(_login(settings, handle, password), PATIENCE))
    except Unlabelled as error:
        return Check("login", ok=False, detail=str(error), mend=LABEL)
    except NetworkError as error:
        return Check("login", ok=False, detail=str(error), mend="check SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD")
    return Check("login", ok=True, detail=f"@{handle} is {did}, labelled as a bot")


async def _login(settings: Settings, handle: str, password: str) -> str:
    from bot.network.bluesky import Bluesky
    from bot.storage import sessions

    db = Database(settings.database)

    def load() -> str | None:
        with db.read() as tx:
            return sessions.load(tx, handle)

    def save(session: str) -> None:
        with db.write() as tx:
            sessions.save(tx, handle, session, datetime.now(UTC))

    try:
        network = await Bluesky.connect(
            handle=handle,
            password=password,
            pds_url=settings.pds_url,
            plc_url=settings.plc_url,
            load=load,
            save=save,
        )
        await network.close()
    finally:
        db.close()
    return network.did


def stream(settings: Settings) -> Check:
    """Every host has to answer: the ones behind the first are for bad days."""
    from bot import factory
    from bot.domain.tracked import Tracked
    from bot.streams import websocket

    if settings.replay_path is not None:
        return Check("stream", Path(settings.replay_path).is_file(), settings.replay_path, "name a recording")
    dialect = factory.make_dialect(settings, Tracked(""))
    for url in settings.stream_urls:
        asyncio.run(websocket.probe(websocket.address(url, dialect, None), dialect.headers))
    return Check("stream", ok=True, detail=f"{settings.source}: {', '.join(settings.stream_urls)}")


def brain(settings: Settings) -> Check:
    wrong = asyncio.run(asyncio.wait_for(_ask_brain(settings), THINKING))
    return Check("brain", wrong is None, f"{settings.brain}: {wrong or 'can think'}", wrong)


async def _ask_brain(settings: Settings) -> str | None:
    from bot import factory

    brain = factory.make_brain(settings)
    try:
        return await brain.health()
    finally:
        await brain.close()
