"""Checks what the bot needs. Each check says what to do if it fails, and none raises an exception."""

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
MIN_FREE_BYTES = 500 * 2**20  # for a week of a busy bot, with its backup
NETWORK_TIMEOUT = 10.0  # seconds for one question to the network
BRAIN_TIMEOUT = 60.0  # seconds for a brain, which may ask a model
MAX_SKEW = timedelta(minutes=1)
DAY = timedelta(days=1)
MAX_DELAY = timedelta(minutes=5)
MAX_ROWS = 1000
UPGRADE_ADVICE = "scrubjay db upgrade"
ACCOUNT_ADVICE = "set SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD (an app password); `scrubjay run` tells how"
GAP_ADVICE = "scrubjay run, on a PDS with an AppView; `scrubjay gap list --open` tells more"
LABEL_ADVICE = (
    "log in to Bluesky as the bot and turn on its automation label in the account settings; or put "
    '{"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]} as `labels` into its record '
    "app.bsky.actor.profile/self"
)


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `mend` says what to do if it is not `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None


def checks(settings: Settings) -> Iterator[Check]:
    """Run the checks one after the other and yield their results. Those of the network take seconds."""
    yield check_python()
    for name, check, mend in (
        ("account", check_account, ACCOUNT_ADVICE),
        ("data", check_data_dir, "set SCRUBJAY_DATA_DIR to a folder that you may write to"),
        ("disk", check_disk, "make room, or set SCRUBJAY_DATA_DIR to another disk"),
        ("database", check_database, UPGRADE_ADVICE),
        ("mentions", check_mentions, UPGRADE_ADVICE),
        ("gaps", check_gaps, UPGRADE_ADVICE),
        ("pds", check_pds, f"check the network, and SCRUBJAY_PDS_URL={settings.pds_url}"),
        ("clock", check_clock, f"check the network, and SCRUBJAY_PDS_URL={settings.pds_url}"),
        ("login", check_login, "check SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD"),
        ("stream", check_stream, f"check the network, and SCRUBJAY_SOURCE={settings.source} with its hosts"),
        ("brain", check_brain, f"check SCRUBJAY_BRAIN={settings.brain}"),
    ):
        yield run_check(name, check, settings, mend)


def run_check(name: str, check: Callable[[Settings], Check], settings: Settings, mend: str) -> Check:
    """Run the check. An exception becomes a failed check."""
    try:
        return check(settings)
    except (ScrubjayError, MemoryFault) as error:
        return Check(name, ok=False, detail=" ".join(str(error).split()), mend=mend)
    except Exception as error:  # noqa: BLE001 - becomes the result
        # only the first line: SQLAlchemy shows parameters below it
        message = str(error).split("\n")[0] or "no answer in time"
        return Check(name, ok=False, detail=f"{type(error).__name__}: {message}", mend=mend)


def settings_checks(error: SettingsError) -> Iterator[Check]:
    """Yield a failed check for each problem of the settings. Nothing else can be checked without them."""
    yield check_python()
    for problem in error.args:
        yield Check("settings", ok=False, detail=str(problem), mend="change it as in the example")


def check_python() -> Check:
    wanted = ".".join(map(str, PYTHON))
    ok = sys.version_info[:2] >= PYTHON
    return Check("python", ok, sys.version.split()[0], None if ok else f"install Python {wanted} or newer")


def check_account(settings: Settings) -> Check:
    missing = [name for name in ("handle", "password") if getattr(settings, name) is None]
    if missing:
        return Check("account", ok=False, detail=f"no {' and no '.join(missing)}", mend=ACCOUNT_ADVICE)
    return Check("account", ok=True, detail=f"@{settings.handle}")


def check_data_dir(settings: Settings) -> Check:
    with tempfile.TemporaryFile(dir=_nearest_folder(settings.data_dir)):
        return Check("data", ok=True, detail=f"{settings.data_dir.absolute()} is writable")


def check_disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_nearest_folder(settings.data_dir)).free
    detail = f"{free / 2**30:.1f} GiB free"
    mend = f"make room: at least {MIN_FREE_BYTES // 2**20} MiB" if free < MIN_FREE_BYTES else None
    return Check("disk", free >= MIN_FREE_BYTES, detail, mend)


def _nearest_folder(path: Path) -> Path:
    """Return the folder, or the nearest parent of `path` that exists."""
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


def check_database(settings: Settings) -> Check:
    found, head = schema(settings)
    place = make_url(settings.database).render_as_string(hide_password=True)
    if found == head:
        return Check("database", ok=True, detail=f"{place}, schema {found}")
    return Check("database", False, f"{place}: schema {found or 'none'}, {head} is wanted", UPGRADE_ADVICE)


def check_mentions(settings: Settings, now: datetime | None = None) -> Check:
    """Look for mentions that failed today, that no worker holds any more, or that wait too long."""
    if unreadable := _unreadable(settings, "mentions"):
        return unreadable
    from bot.storage import views

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        lists = [views.entries(tx, state=state, limit=MAX_ROWS) for state in (*OPEN, State.FAILED)]
    db.close()
    entries = list(chain.from_iterable(lists))
    failed = sum(entry.state == State.FAILED and _ended_at(entry) > now - DAY for entry in entries)
    open_count = sum(entry.state in OPEN for entry in entries)
    overdue = sum(
        entry.state in ACTIVE and entry.due_at is not None and entry.due_at < now for entry in entries
    )
    delays = [now - entry.due_at for entry in entries if entry.state in OPEN and entry.due_at is not None]
    oldest = max([*delays, timedelta()])
    waiting_for_brain = [
        entry.why for entry in entries if entry.state == State.WAITING and _waits_for_brain(entry)
    ]
    if waiting_for_brain:
        detail = (
            f"{len(waiting_for_brain)} of {open_count} open ones wait for the brain: {waiting_for_brain[0]}"
        )
        return Check("mentions", ok=False, detail=detail, mend="see `brain` below; they are tried again")
    if not (failed or overdue or oldest > MAX_DELAY):
        return Check("mentions", ok=True, detail=f"{open_count} open, none stuck")
    minutes = round(oldest.total_seconds() / 60)
    detail = f"{failed} failed in a day, {overdue} left by a worker, the oldest {minutes} min late"
    mend = "scrubjay mention list --state failed; scrubjay mention retry URI" if failed else "scrubjay run"
    return Check("mentions", ok=False, detail=detail, mend=mend)


def check_gaps(settings: Settings, now: datetime | None = None) -> Check:
    """Look for gaps that may hide mentions which can still be answered; older mentions would expire."""
    if unreadable := _unreadable(settings, "gaps"):
        return unreadable
    from bot.storage import gaps

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        still_open = gaps.latest(tx, limit=MAX_ROWS, still_open=True)
    db.close()
    soon = timedelta(seconds=3 * settings.reconcile_every)
    overdue = [gap for gap in still_open if soon < now - gap.at < settings.limits.max_age]
    if not overdue:
        return Check("gaps", ok=True, detail=f"{len(still_open)} open, none for long")
    last = overdue[0]
    detail = f"{len(overdue)} open, the last since {last.at:%Y-%m-%d %H:%M}Z ({last.host}: {last.why})"
    return Check("gaps", ok=False, detail=detail, mend=GAP_ADVICE)


def _unreadable(settings: Settings, name: str) -> Check | None:
    found, head = schema(settings)
    return None if found == head else Check(name, False, "cannot be read before the upgrade", UPGRADE_ADVICE)


def _waits_for_brain(entry: Entry) -> bool:
    return (entry.why or "").startswith((str(TransientBrainError()).strip(), str(BreakerOpen()).strip()))


def _ended_at(entry: Entry) -> datetime:
    return entry.ended_at or entry.seen_at


def check_pds(settings: Settings) -> Check:
    response = _describe(settings)
    return Check(
        "pds", ok=True, detail=f"{settings.pds_url} answers in {response.elapsed.total_seconds():.1f} s"
    )


def check_clock(settings: Settings) -> Check:
    response = _describe(settings)
    theirs = parsedate_to_datetime(response.headers["date"])
    skew = abs(datetime.now(UTC) - theirs)
    ok = skew <= MAX_SKEW
    mend = None if ok else "switch time synchronisation on: timedatectl set-ntp true"
    return Check("clock", ok, f"{skew.total_seconds():.0f} s from the PDS's", mend)


def _describe(settings: Settings) -> httpx.Response:
    import httpx

    url = f"{settings.pds_url}/xrpc/com.atproto.server.describeServer"
    return httpx.get(url, timeout=NETWORK_TIMEOUT).raise_for_status()


def check_login(settings: Settings) -> Check:
    """Log in as `run` would, with the stored session if there is one."""
    if settings.handle is None or settings.password is None:
        return Check("login", ok=False, detail="there is no account to log in to", mend=ACCOUNT_ADVICE)
    handle, password = settings.require_account()
    try:
        did = asyncio.run(asyncio.wait_for(_login(settings, handle, password), NETWORK_TIMEOUT))
    except Unlabelled as error:
        return Check("login", ok=False, detail=str(error), mend=LABEL_ADVICE)
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
