"""Makes the parts of the bot from the settings, for the daemon, the chat and the CLI.

Network and streams are imported only where they are made, because a command that only reads needs neither.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO

import structlog

from bot import brains, clock
from bot.brains.guard import Guarded
from bot.brains.prices import known_price
from bot.domain.tracked import Tracked
from bot.errors import SettingsError, TransientBrainError, TransientNetworkError
from bot.prompt import persona
from bot.services import Services, TurnOptions
from bot.storage import presence, sessions
from bot.storage.journal import Journal
from bot.storage.ledger import Ledger
from memory.db import Database
from memory.encoders import load
from memory.files import make_private_folder
from memory.store import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.config.settings import Settings
    from bot.domain.limits import Limits
    from bot.ingest.handler import EventHandler
    from bot.network.bluesky import Bluesky
    from bot.ports import Brain, EventStream, Network
    from bot.prompt.persona import Persona
    from bot.storage.presence import Claim
    from bot.streams.message import Dialect
    from bot.streams.recording import Recording
    from bot.streams.stream import Stream

log = structlog.get_logger()

LONGEST_WAIT = 60.0  # seconds between tries to reach the PDS at start
# Seconds. A brain that ends at its own timeout can still report its costs; one that is cancelled cannot.
TIMEOUT_GRACE = 1.0
NOBODY = "did:web:nobody.invalid"


def check(settings: Settings) -> None:
    """Tell what is wrong in the settings and their files before anything is reached. Raises SettingsError."""
    make_limits(settings)
    read_persona(settings.persona_file)


# --- what is stored ------------------------------------------------------------------------------


def open_database(settings: Settings) -> Database:
    """Open the database at this version's schema. Raises MemoryFault, and StoreMoved if it was moved."""
    db, claim = claim_database(settings)
    claim.close()
    return db


def claim_database(settings: Settings) -> tuple[Database, Claim]:
    """Open it for a daemon: nobody restores or moves it until the claim is closed. Raises likewise."""
    make_data_dir(settings)
    db = Database(settings.database)
    claim = presence.claim(db)
    try:
        presence.refuse_moved(db)
        db.upgrade()
        found, head = db.check()
    except BaseException:
        claim.close()
        raise
    if found != head:
        log.warning("app.schema_newer", found=found, head=head)
    return db, claim


def open_existing(settings: Settings) -> Database:
    """Open the database as it is, and create nothing.

    Raises MemoryFault if it is not at this version, and StoreMoved if it was moved.
    """
    db = Database(settings.database)
    presence.refuse_moved(db)
    db.require_current()
    return db


def make_data_dir(settings: Settings) -> None:
    """Make the data directory. Only the operator may read it: it has people's texts and the session."""
    make_private_folder(settings.data_dir)


def open_memory(settings: Settings) -> Memory:
    """Make the memory. Raises MemoryFault if the encoder is not installed."""
    return Memory(settings.memory_limits, settings.block_tokens, load(settings.encoder))


def open_ledger(settings: Settings, db: Database | None = None) -> Ledger:
    """Open the ledger, or begin one. Without `db` only the file is read. Raises LedgerUnavailable."""
    make_data_dir(settings)
    return Ledger(settings.data_dir / "ledger", clock.now, db)


def open_journal(settings: Settings, db: Database) -> Journal:
    """Open the journal of erasures, or begin one. Raises JournalUnavailable."""
    make_data_dir(settings)
    return Journal(settings.data_dir / "journal", clock.now, db)


def read_persona(path: Path | None) -> Persona:
    """The operator's persona, or the default one. Raises SettingsError with every problem in the file."""
    if path is None:
        return persona.parse(resources.files("bot.prompt").joinpath("persona.md").read_text("utf-8"))
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError(f"the persona {path} cannot be read: {reason}.") from error
    return persona.parse(text, str(path))


# --- the brain -----------------------------------------------------------------------------------


def _letta(settings: Settings) -> object:
    from bot.brains.letta.brain import LettaOptions

    if settings.letta_model is None:
        raise SettingsError(
            "SCRUBJAY_LETTA_MODEL is not set: what thinks behind Letta, as Letta names it. "
            "Example: SCRUBJAY_LETTA_MODEL=anthropic/claude-sonnet-4-5"
        )
    return LettaOptions(
        url=settings.letta_url,
        key=settings.letta_key,
        agent=settings.letta_agent,
        model=settings.letta_model,
        timeout=timedelta(seconds=settings.brain_timeout),
        clock=clock.now,
    )


def _model(settings: Settings) -> object:
    from bot.brains.llm import ModelOptions

    if settings.model is None:
        raise SettingsError("SCRUBJAY_MODEL is not set. Example: SCRUBJAY_MODEL=anthropic:claude-sonnet-5-5")
    return ModelOptions(
        name=settings.model,
        url=settings.model_url,
        key=settings.model_key,
        max_tokens=settings.model_max_tokens,
        timeout=timedelta(seconds=settings.brain_timeout),
    )


# Brains with options: from the settings to the frozen value that the brain's class takes.
BRAIN_OPTIONS: Mapping[str, Callable[[Settings], object]] = MappingProxyType(
    {"letta": _letta, "model": _model}
)


def make_brain(settings: Settings) -> Brain:
    """The brain of these settings, guarded, not started yet. Raises SettingsError."""
    options = BRAIN_OPTIONS.get(settings.brain)
    brain = brains.make(settings.brain, options(settings) if options else None)
    timeout = timedelta(seconds=settings.brain_timeout + TIMEOUT_GRACE)
    return Guarded(brain, timeout=timeout, clock=clock.steady())


def make_limits(settings: Settings) -> Limits:
    """All limits. Raises SettingsError if a limit of money is set that cannot be kept."""
    price = known_price(settings)
    if price is None and settings.money_per_day is None:
        return settings.limits
    if price is None:
        raise SettingsError(
            f"SCRUBJAY_MONEY_PER_DAY={settings.money_per_day} cannot be kept: the price of the model is not "
            "known. Set SCRUBJAY_PRICE_IN and SCRUBJAY_PRICE_OUT, in US dollars for a million tokens "
            "(example: SCRUBJAY_PRICE_IN=3.0 and SCRUBJAY_PRICE_OUT=15.0), or let SCRUBJAY_TOKENS_PER_DAY be "
            "the only limit."
        )
    turn_money = price.of(settings.prompt_tokens, settings.model_max_tokens)
    limits = replace(settings.limits, price=price, turn_money=turn_money)
    if limits.day_money is not None and turn_money > limits.day_money:
        raise SettingsError(
            f"SCRUBJAY_MONEY_PER_DAY={settings.money_per_day} is less than one request may cost "
            f"({turn_money / 1_000_000:.4f}). Set more, or a smaller SCRUBJAY_PROMPT_TOKENS."
        )
    return limits


async def start_brain(brain: Brain) -> None:
    """Start the brain. Raises PermanentBrainError. A transient error is logged: the brain may recover."""
    try:
        await brain.start()
    except TransientBrainError as error:
        log.warning("brain.unwell", brain=brain.name, error=str(error))


# --- the streams ---------------------------------------------------------------------------------


def make_stream(settings: Settings, tracked: Tracked, cursors: Mapping[str, int]) -> EventStream:
    """The stream of these settings. `cursors` are all stored ones, by host, the latest first."""
    from bot.streams import notifications
    from bot.streams.firehose import Firehose
    from bot.streams.jetstream import Jetstream
    from bot.streams.recording import Playback

    if settings.replay_path is not None:
        return Playback(Path(settings.replay_path), tracked, speed=settings.replay_speed)
    kind = Jetstream if settings.source == "jetstream" else Firehose
    known = {
        host: seq for host, seq in cursors.items() if not host.startswith((notifications.HOST, "replay:"))
    }
    return kind(settings.stream_urls, tracked, start=settings.firehose_start, cursors=known)


def make_recorder(settings: Settings, out: BinaryIO) -> tuple[Stream, Recording]:
    """A stream from now on that yields no events, and a recording that writes all its messages to `out`."""
    from bot.streams.recording import Recording
    from bot.streams.stream import Stream

    recording = Recording(make_dialect(settings, Tracked(NOBODY)), out)
    return Stream(settings.stream_urls, recording), recording


def make_dialect(settings: Settings, tracked: Tracked) -> Dialect:
    """The decoder of this stream's messages, with the filter for who is `tracked`."""
    from bot.streams.firehose import FrameDialect
    from bot.streams.jetstream import LineDialect

    return LineDialect(tracked) if settings.source == "jetstream" else FrameDialect(tracked)


# --- the account, and all together ---------------------------------------------------------------


async def connect(settings: Settings, db: Database) -> Bluesky:
    """Log in as `log_in` does, and wait for a PDS that does not answer yet."""
    wait = 1.0
    while True:
        try:
            return await log_in(settings, db)
        except TransientNetworkError as error:
            log.warning("app.pds_unreachable", error=str(error), retry_in=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)


async def log_in(settings: Settings, db: Database) -> Bluesky:
    """Log in, with the stored session if there is one.

    Raises SettingsError, TransientNetworkError, PermanentNetworkError and AccountTrouble.
    """
    from bot.network.bluesky import Bluesky

    handle, password = settings.require_account()

    def load_session() -> str | None:
        with db.read() as tx:
            return sessions.load(tx, handle)

    def save_session(session: str) -> None:
        with db.write() as tx:
            sessions.save(tx, handle, session, clock.now())

    return await Bluesky.connect(
        handle=handle,
        password=password,
        pds_url=settings.pds_url,
        plc_url=settings.plc_url,
        load=load_session,
        save=save_session,
    )


def make_services(settings: Settings, db: Database, network: Network, brain: Brain) -> Services:
    return Services(
        db=db,
        memory=open_memory(settings),
        ledger=open_ledger(settings, db),
        journal=open_journal(settings, db),
        network=network,
        brain=brain,
        clock=clock.now,
        limits=make_limits(settings),
        pace=settings.pace,
        options=TurnOptions(
            persona=read_persona(settings.persona_file).text(),
            thread_posts=settings.thread_context,
            reply_parts=settings.reply_parts,
            link_hosts=frozenset(settings.link_hosts),
            allowed_bots=frozenset(settings.allowed_bots),
            lease=timedelta(seconds=settings.lease),
            prompt_tokens=settings.prompt_tokens,
            vision=settings.vision,
            retain_turns=timedelta(days=settings.retain_turns),
            allow_tags=settings.allow_tags,
            consent=settings.consent,
            approve=settings.approve,
            review=settings.review,
            muted=frozenset(settings.muted),
            no_bots_words=frozenset(settings.no_bots_words),
        ),
        tracked=Tracked(network.did),
        direct_messages=network.direct_messages if settings.direct_messages else None,
    )


def make_handler(settings: Settings, services: Services) -> EventHandler:
    """The event handler. From now on, all people and posts that storage knows are tracked."""
    from bot.ingest.handler import EventHandler

    handler = EventHandler(
        memory=services.memory,
        ledger=services.ledger,
        journal=services.journal,
        bot_did=services.network.did,
        bot_handle=services.network.handle,
        limits=services.limits,
        pace=services.pace,
        tracked=services.tracked,
        counts=Counter(),
        purge_grace=timedelta(hours=settings.purge_grace),
        consent=settings.consent,
    )
    with services.db.read() as tx:
        handler.load_tracked(tx)
    return handler
