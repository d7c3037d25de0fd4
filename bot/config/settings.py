"""Every setting, where it may be set, and what is wrong with one.

Looked for in this order: the environment (`SCRUBJAY_HANDLE`), `.env`, `scrubjay.toml` (`handle = ...`;
another file with `SCRUBJAY_CONFIG`), a file of its own (`SCRUBJAY_PASSWORD_FILE`), a directory
with one file a setting (`SCRUBJAY_SECRETS_DIR`, or systemd's `CREDENTIALS_DIRECTORY`).
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config import loading as sources
from bot.config.types import (
    MOST,
    Count,
    DatabaseUrl,
    Days,
    Dids,
    Handle,
    Hosts,
    HttpUrl,
    ModelName,
    Pause,
    Seconds,
    SocketUrls,
    SourceName,
)
from bot.domain.limits import Limits, Pace
from bot.errors import SettingsError
from memory.model import Limits as MemoryLimits
from memory.model import RetentionPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POINTS_PER_POST = 2  # of a putRecord

ACCOUNT = {
    "handle": "SCRUBJAY_HANDLE is not set: the bot's account. Example: SCRUBJAY_HANDLE=scrubjay.bsky.social",
    "password": "SCRUBJAY_PASSWORD is not set: an app password of that account. Make one in Bluesky under "
    "Settings > Privacy and security > App passwords. Example: SCRUBJAY_PASSWORD=abcd-efgh-ijkl-mnop, or "
    "SCRUBJAY_PASSWORD_FILE=/run/secrets/scrubjay, a file with nothing else in it",
}


def _is(default: object, description: str, example: object, **rules: Any) -> Any:
    return Field(default, description=description, examples=[example], **rules)


class Settings(BaseSettings):
    """All settings, checked. `load` makes one."""

    model_config = SettingsConfigDict(
        env_prefix="SCRUBJAY_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    handle: Handle | None = _is(None, "The bot's account", "scrubjay.bsky.social")
    password: SecretStr | None = _is(None, "An app password of that account", "abcd-efgh-ijkl-mnop")
    pds_url: HttpUrl = _is("https://bsky.social", "Where the account lives", "https://pds.example.org")
    plc_url: HttpUrl = _is("https://plc.directory", "Where DIDs are looked up", "https://plc.directory")
    source: SourceName = _is(
        "jetstream", "What to listen to: jetstream, firehose, or replay:FILE", "firehose"
    )
    jetstream_url: SocketUrls = _is(
        ("wss://jetstream.us-east.bsky.network", "wss://jetstream.us-west.bsky.network"),
        "Hosts of Jetstream; each is there for the one before it",
        ["wss://jetstream.us-east.bsky.network"],
    )
    firehose_url: SocketUrls = _is(
        ("wss://bsky.network",), "Hosts of the firehose, likewise", ["wss://pds.example.org"]
    )
    firehose_start: Literal["now", "oldest"] = _is(
        "now", "Where to begin on a stream never heard before", "oldest"
    )
    replay_speed: Pause = _is(0.0, "How many times faster than it was a recording runs; 0: at once", 1.0)
    reconcile_every: Seconds = _is(
        300.0, "Seconds between looks at the notifications, for what the stream did not bring", 300.0
    )
    purge_grace: Pause = _is(24.0, "Hours for which the memory of a deleted account is kept, hidden", 24.0)

    data_dir: Path = _is(Path("data"), "Where the database and the ledgers are kept", "/var/lib/scrubjay")
    database_url: DatabaseUrl | None = _is(
        None, "Another database than `data_dir`/scrubjay.db", "postgresql://scrubjay@localhost/scrubjay"
    )

    brain: str = _is("rules", "What thinks: letta, model or rules", "letta", min_length=1)
    letta_url: HttpUrl = _is(
        "https://api.letta.com", "Where Letta is: hosted, or yours", "http://localhost:8283"
    )
    letta_key: SecretStr | None = _is(None, "Letta's API key, or your server's password", "sk-let-abcd")
    letta_agent: str = _is(
        "scrubjay", "The agent that scrubjay makes for itself there", "scrubjay", min_length=1
    )
    letta_model: str | None = _is(
        None, "What thinks there, as Letta names it", "anthropic/claude-sonnet-4-5", min_length=1
    )
    model: ModelName | None = _is(
        None, "What the `model` brain asks: provider:model", "anthropic:claude-sonnet-5-5"
    )
    model_url: HttpUrl | None = _is(
        None, "Where that model is served, if not at its provider's own address", "http://127.0.0.1:8080/v1"
    )
    model_key: SecretStr | None = _is(None, "The provider's API key", "sk-ant-api03-abc")
    model_max_tokens: Annotated[int, Field(ge=16, le=100_000)] = _is(
        400, "Tokens of one answer of the model, its reasoning included", 400
    )

    persona_file: Path | None = _is(None, "Who the bot is; none: a dry little bird", "persona.md")
    prompt_tokens: Annotated[int, Field(ge=3000, le=MOST)] = _is(12_000, "Tokens of a whole prompt", 12_000)
    vision: bool = _is(False, "Show up to 4 images to a model that sees; alt texts are shown always", True)
    retain_turns: Annotated[int, Field(ge=0, le=36_500)] = _is(
        30, "Days that each turn's prompt, calls and answer are kept; 0: not at all", 30
    )

    think_delay: Pause = _is(2.0, "Seconds from hearing a mention to thinking about it", 2.0)
    post_delay: Pause = _is(5.0, "Seconds from a draft to its post", 5.0)
    person_spacing: Pause = _is(15.0, "Seconds between two replies to one person", 15.0)
    spacing: Pause = _is(5.0, "Seconds between any two replies", 5.0)

    person_per_hour: Count = _is(10, "Replies to one person in an hour", 10)
    person_per_day: Count = _is(30, "Replies to one person in a day", 30)
    person_tokens_per_day: Count = _is(60_000, "Tokens spent on one person in a day", 60_000)
    thread_posts: Count = _is(8, "Posts of the bot in one thread", 8)
    partner_posts: Count = _is(3, "Replies to one person in one thread within `partner_window`", 3)
    partner_window: Seconds = _is(600.0, "Seconds over which `partner_posts` are counted", 600.0)
    per_hour: Count = _is(60, "Replies to all in an hour", 60)
    per_day: Count = _is(300, "Replies to all in a day", 300)
    max_age: Seconds = _is(86_400.0, "Seconds after which a mention is not answered any more", 86_400.0)
    allowed_bots: Dids = _is(
        (), "DIDs of labelled bots that are answered all the same", ["did:plc:ewvi7nxzyoun6zhxrhs64oiz"]
    )

    reply_parts: Annotated[int, Field(ge=1, le=10)] = _is(3, "Posts that one reply may be split over", 3)
    note_chars: Annotated[int, Field(ge=20, le=2000)] = _is(280, "Characters of one note", 280)
    notes_per_person: Count = _is(60, "Notes kept about one person", 60)
    notes_per_exchange: Count = _is(3, "New notes from one mention", 3)
    notes_per_day: Count = _is(20, "New notes about one person in a day", 20)
    block_tokens: Count = _is(2000, "Tokens of a prompt that notes may take", 2000)
    keep_text: Days = _is(30, "Days after which posts and answers are erased; notes stay", 30)
    keep_idle: Days = _is(180, "Days of silence after which a person is forgotten", 180)
    encoder: Literal["wordllama", "none", "e5"] = _is(
        "wordllama", "What makes vectors for search; e5 needs scrubjay[e5]", "e5"
    )
    thread_context: Annotated[int, Field(ge=0, le=80)] = _is(20, "Posts above a mention that are read", 20)
    link_hosts: Hosts = _is(("bsky.app",), "Hosts that a reply may link to", ["bsky.app", "example.org"])

    workers: Annotated[int, Field(ge=1, le=64)] = _is(2, "Mentions worked on at the same time", 2)
    lease: Seconds = _is(30.0, "Seconds after which the mention of a dead worker is taken over", 30.0)
    brain_timeout: Seconds = _is(60.0, "Seconds a brain may think in one turn", 60.0)
    drain: Seconds = _is(25.0, "Seconds to finish what was begun when told to stop", 25.0)
    sweep: Seconds = _is(1.0, "Seconds between looks for work that no bell announced", 1.0)

    log_level: Literal["debug", "info", "warning", "error"] = _is("info", "How much is logged", "debug")
    log_format: Literal["auto", "console", "json"] = _is(
        "auto", "How it is logged; auto: readable on a terminal, JSON otherwise", "json"
    )

    @property
    def limits(self) -> Limits:
        return Limits(
            person_hour=self.person_per_hour,
            person_day=self.person_per_day,
            person_day_tokens=self.person_tokens_per_day,
            thread_posts=self.thread_posts,
            partner_posts=self.partner_posts,
            partner_window=timedelta(seconds=self.partner_window),
            hour=self.per_hour,
            day=self.per_day,
            max_age=timedelta(seconds=self.max_age),
        )

    @property
    def pace(self) -> Pace:
        return Pace(
            think_delay=timedelta(seconds=self.think_delay),
            post_delay=timedelta(seconds=self.post_delay),
            person_spacing=timedelta(seconds=self.person_spacing),
            spacing=timedelta(seconds=self.spacing),
        )

    @property
    def memory_limits(self) -> MemoryLimits:
        return MemoryLimits(
            note_chars=self.note_chars,
            notes=self.notes_per_person,
            per_exchange=self.notes_per_exchange,
            per_day=self.notes_per_day,
        )

    @property
    def keep(self) -> RetentionPolicy:
        return RetentionPolicy(text=timedelta(days=self.keep_text), idle=timedelta(days=self.keep_idle))

    @property
    def replayed(self) -> str | None:
        """The path of the recording to replay, if that is the source."""
        return self.source.removeprefix("replay:") if self.source.startswith("replay:") else None

    @property
    def stream_url(self) -> tuple[str, ...]:
        """The hosts of the source."""
        return self.jetstream_url if self.source == "jetstream" else self.firehose_url

    @property
    def database(self) -> str:
        """SQLAlchemy's URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'scrubjay.db'}"

    def require_account(self) -> tuple[str, str]:
        """The handle and the app password.

        Raises SettingsError that tells what to set and how.
        """
        if self.handle is None or self.password is None:
            raise SettingsError(*(how for field, how in ACCOUNT.items() if getattr(self, field) is None))
        return self.handle, self.password.get_secret_value()


def load(env: Mapping[str, str] | None = None, config: Path | None = None, home: Path = Path()) -> Settings:
    """The settings as found. `env` stands for os.environ, `config` for SCRUBJAY_CONFIG; `home` holds `.env`.

    Raises SettingsError with one argument a problem: each names the setting, what is wrong, and an example.
    """
    layers = sources.gather(Settings, os.environ if env is None else env, config, home)
    unknown = sources.unknown_variables(Settings, layers)
    try:
        settings = Settings(_build_sources=(tuple(layer.source for layer in layers), {}))  # type: ignore[call-arg]  # BaseSettings takes it; mypy sees the fields only
    except ValidationError as error:
        raise SettingsError(*unknown, *sources.problems(Settings, layers, error)) from None
    wrong = [*unknown, *_too_many_writes(settings)]
    if wrong:
        raise SettingsError(*wrong)
    return settings


def _too_many_writes(settings: Settings) -> Iterator[str]:
    """The bot takes a fifth of what its PDS lets an account write (docs.bsky.app, rate limits)."""
    for name, window, points in (("per_hour", "an hour", 5_000), ("per_day", "a day", 35_000)):
        most = points // 5 // (POINTS_PER_POST * settings.reply_parts)
        if (given := getattr(settings, name)) > most:
            yield (
                f"SCRUBJAY_{name.upper()}={given} with SCRUBJAY_REPLY_PARTS={settings.reply_parts} may take "
                f"more than a fifth of the {points} points {window} that a PDS allows. At most: {most}"
            )


def table() -> str:
    """The settings as docs/settings.md shows them, in Markdown."""
    return sources.table(Settings)


if __name__ == "__main__":  # what docs/settings.md and deploy/scrubjay.example.toml are made from
    print(sources.example_toml(Settings) if "toml" in sys.argv else table(), end="")  # noqa: T201
