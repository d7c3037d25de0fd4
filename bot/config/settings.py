"""Every setting, with its default, description and example.

The first source that has a setting wins: the environment (`SCRUBJAY_HANDLE`), `.env`, `scrubjay.toml`
(`handle = ...`; or the file that `SCRUBJAY_CONFIG` names), a file for one setting (`SCRUBJAY_PASSWORD_FILE`),
a directory with one file for each setting (`SCRUBJAY_SECRETS_DIR`, or systemd's `CREDENTIALS_DIRECTORY`).
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.config import loading
from bot.config.address import Address
from bot.config.types import (
    MAX_NUMBER,
    Count,
    DatabaseUrl,
    Days,
    Dids,
    Dollars,
    Handle,
    Hosts,
    HoursOfDay,
    HttpUrl,
    ListenAddress,
    ModelName,
    Names,
    Pause,
    QuietDays,
    Seconds,
    SocketUrls,
    SourceName,
    TimeZone,
    Words,
    parse_hours,
)
from bot.domain.approval import Approve
from bot.domain.consent import Consent
from bot.domain.hours import WEEKDAYS, Hours
from bot.domain.limits import POINTS_PER_POST, Limits, Pace, Price, Tempo
from bot.errors import SettingsError
from memory.files import sqlite_url
from memory.model import Limits as MemoryLimits
from memory.model import RetentionPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALL_DAY = "00:00-00:00"
POINTS_PER_PUT = 2  # rate limit points of one putRecord

ACCOUNT_HELP = {
    "handle": "SCRUBJAY_HANDLE is not set: the bot's account. Example: SCRUBJAY_HANDLE=scrubjay.bsky.social",
    "password": "SCRUBJAY_PASSWORD is not set: an app password of that account. Make one in Bluesky under "
    "Settings > Privacy and security > App passwords. Example: SCRUBJAY_PASSWORD=abcd-efgh-ijkl-mnop, or "
    "SCRUBJAY_PASSWORD_FILE=/run/secrets/scrubjay, a file with nothing else in it",
}

OPERATOR_HELP = (
    "SCRUBJAY_OPERATOR is not set: your own account, which answers for the bot. Example: "
    "SCRUBJAY_OPERATOR=ana.example.org"
)


def _field(default: object, description: str, example: object, **rules: Any) -> Any:
    return Field(default, description=description, examples=[example], **rules)


class Settings(BaseSettings):
    """All settings, checked. `load` makes one."""

    model_config = SettingsConfigDict(
        env_prefix="SCRUBJAY_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    _secret_files: tuple[Path, ...] = ()

    handle: Handle | None = _field(None, "The bot's account", "scrubjay.bsky.social")
    password: SecretStr | None = _field(None, "An app password of that account", "abcd-efgh-ijkl-mnop")
    operator: Handle | None = _field(
        None, "The account of who runs the bot, for `scrubjay declare`", "ana.example.org"
    )
    operator_contact: str | None = _field(
        None, "Their mail address, or a URL", "ana@example.org", min_length=3
    )
    disclosure_url: HttpUrl | None = _field(
        None, "A page about the bot, for `scrubjay declare`", "https://example.org/jay"
    )
    pds_url: HttpUrl = _field("https://bsky.social", "Where the account lives", "https://pds.example.org")
    plc_url: HttpUrl = _field("https://plc.directory", "Where DIDs are looked up", "https://plc.directory")
    source: SourceName = _field("jetstream", "The stream: jetstream, firehose, or replay:FILE", "firehose")
    jetstream_url: SocketUrls = _field(
        ("wss://jetstream.us-east.bsky.network", "wss://jetstream.us-west.bsky.network"),
        "Hosts of Jetstream; each is used if the one before it fails",
        ["wss://jetstream.us-east.bsky.network"],
    )
    firehose_url: SocketUrls = _field(
        ("wss://bsky.network",), "Hosts of the firehose, likewise", ["wss://pds.example.org"]
    )
    firehose_start: Literal["now", "oldest"] = _field(
        "now", "Where to begin on a stream without a cursor", "oldest"
    )
    replay_speed: Pause = _field(
        0.0, "Speed of a replay, as a multiple of real time; 0: as fast as possible", 1.0
    )
    reconcile_every: Seconds = _field(
        300.0, "Seconds between readings of the notifications, for what the stream missed", 300.0
    )
    purge_grace: Pause = _field(24.0, "Hours that the memory of a deleted account is kept, hidden", 24.0)

    data_dir: Path = _field(Path("data"), "Where the database and the ledgers are kept", "/var/lib/scrubjay")
    database_url: DatabaseUrl | None = _field(
        None, "Another database than `data_dir`/scrubjay.db", "postgresql://scrubjay@localhost/scrubjay"
    )

    brain: str = _field("rules", "What thinks: letta, model or rules", "letta", min_length=1)
    letta_url: HttpUrl = _field(
        "https://api.letta.com", "Where Letta is: hosted, or yours", "http://localhost:8283"
    )
    letta_key: SecretStr | None = _field(None, "Letta's API key, or your server's password", "sk-let-abcd")
    letta_agent: str = _field(
        "scrubjay", "The agent that scrubjay makes for itself there", "scrubjay", min_length=1
    )
    letta_model: str | None = _field(
        None, "The model there, by Letta's name for it", "anthropic/claude-sonnet-4-5", min_length=1
    )
    model: ModelName | None = _field(
        None, "The model of the `model` brain: provider:model", "anthropic:claude-sonnet-5-5"
    )
    model_url: HttpUrl | None = _field(
        None, "The URL of that model, if not its provider's own", "http://127.0.0.1:8080/v1"
    )
    model_key: SecretStr | None = _field(None, "The provider's API key", "sk-ant-api03-abc")
    model_max_tokens: Annotated[int, Field(ge=16, le=100_000)] = _field(
        400, "Tokens of one answer of the model, its reasoning included", 400
    )

    persona_file: Path | None = _field(None, "The persona's file; none: the default persona", "persona.md")
    prompt_tokens: Annotated[int, Field(ge=3000, le=MAX_NUMBER)] = _field(
        12_000, "Tokens of a whole prompt", 12_000
    )
    vision: bool = _field(False, "Send up to 4 images to the model; alt texts are always sent", True)
    retain_turns: Annotated[int, Field(ge=0, le=36_500)] = _field(
        30, "Days that turn records are kept; 0: they are not kept", 30
    )

    tempo: Tempo = _field(
        Tempo.HUMAN,
        "How soon it answers: `human`: mostly within a minute, seldom after four; `brisk`: within 5 to 20 "
        "seconds; `at once`",
        "brisk",
    )
    think_delay: Pause = _field(2.0, "Seconds from a mention to thinking about it, at the least", 2.0)
    post_delay: Pause = _field(0.0, "Seconds from a draft to its post, at the least", 5.0)
    time_zone: TimeZone = _field("UTC", "The time zone of `active_hours` and `quiet_days`", "Europe/Vienna")
    active_hours: HoursOfDay | None = _field(
        None, "When it answers; what comes at other times waits. None: at any hour", "08:00-23:00"
    )
    quiet_days: QuietDays = _field(
        (), "Days on which it answers nothing: weekdays, dates", ["sunday", "12-25", "2027-01-01"]
    )
    person_spacing: Pause = _field(15.0, "Seconds between two replies to one person", 15.0)
    spacing: Pause = _field(5.0, "Seconds between any two replies", 5.0)

    person_per_hour: Count = _field(10, "Replies to one person in an hour", 10)
    person_per_day: Count = _field(30, "Replies to one person in a day", 30)
    person_tokens_per_day: Count = _field(60_000, "Tokens spent on one person in a day", 60_000)
    person_calls_per_hour: Count = _field(20, "Calls of the brain for one person in an hour", 20)
    calls_per_hour: Count = _field(120, "Calls of the brain in an hour, whatever comes of them", 120)
    tokens_per_day: Count = _field(3_000_000, "Tokens spent on all in a day", 3_000_000)
    money_per_day: Dollars | None = _field(None, "US dollars spent in a day; none: tokens are the limit", 2.0)
    price_in: Dollars | None = _field(
        None, "US dollars for a million tokens of a prompt, if the model's price is not known", 3.0
    )
    price_out: Dollars | None = _field(None, "US dollars for a million tokens of an answer, likewise", 15.0)
    thread_posts: Count = _field(8, "Posts of the bot in one thread", 8)
    partner_posts: Count = _field(3, "Replies to one person in one thread within `partner_window`", 3)
    partner_window: Seconds = _field(600.0, "Seconds over which `partner_posts` are counted", 600.0)
    heated_thread: Count = _field(
        10,
        "Mentions in a thread within `partner_window` after which each person gets one answer in it",
        10,
    )
    per_hour: Count = _field(60, "Replies to all in an hour", 60)
    per_day: Count = _field(300, "Replies to all in a day", 300)
    max_age: Seconds = _field(86_400.0, "Seconds after which a mention is not answered any more", 86_400.0)
    automatic_answers: Count = _field(
        4, "Answers a day, too quick or alike, after which an account counts as a bot", 4
    )
    allowed_bots: Dids = _field(
        (), "DIDs of labelled bots that are answered nevertheless", ["did:plc:ewvi7nxzyoun6zhxrhs64oiz"]
    )

    muted: Names = _field(
        (),
        "Who is not answered: DIDs, handles, AT URIs of lists",
        ["did:plc:ewvi7nxzyoun6zhxrhs64oiz", "spam.example.org"],
    )
    no_bots_words: Words = _field(
        ("#nobot", "#nobots"),
        "Who has one of these in their bio is left alone; a comma only: nobody",
        ["#nobot"],
    )

    reply_parts: Annotated[int, Field(ge=1, le=10)] = _field(3, "Posts that one reply may be split over", 3)
    direct_messages: bool = _field(
        True, "Answer `memory`, `why` and `export` in direct messages to people who allow them", False
    )
    consent: Consent = _field(
        Consent.ASK,
        "When people are remembered: `ask`: from the reply on that tells them; `opt-in`: once they write "
        "“remember me”; `off`: never",
        "opt-in",
    )
    approve: Approve = _field(
        Approve.NONE,
        "Whose drafts wait for `scrubjay post approve`: `none`; `new-people`: who had no answer yet; `all`",
        "new-people",
    )
    review: Approve = _field(
        Approve.NONE,
        "Whose new notes wait for `scrubjay memory review`: `none`, `new-people` or `all`, as in `approve`",
        "new-people",
    )
    note_chars: Annotated[int, Field(ge=20, le=2000)] = _field(280, "Characters of one note", 280)
    notes_per_person: Count = _field(60, "Notes kept about one person", 60)
    notes_per_exchange: Count = _field(3, "New notes from one mention", 3)
    notes_per_day: Count = _field(20, "New notes about one person in a day", 20)
    block_tokens: Count = _field(2000, "Tokens of a prompt that notes may take", 2000)
    keep_text: Days = _field(30, "Days after which posts and answers are erased; notes stay", 30)
    keep_idle: Days = _field(180, "Days of silence after which a person is forgotten", 180)
    encoder: Literal["wordllama", "none", "e5"] = _field(
        "wordllama", "The encoder for search; e5 needs scrubjay[e5]", "e5"
    )
    thread_context: Annotated[int, Field(ge=0, le=80)] = _field(20, "Posts above a mention that are read", 20)
    link_hosts: Hosts = _field(
        ("bsky.app",),
        "Hosts that a reply may link to, exactly; a subdomain is another host",
        ["bsky.app", "example.org"],
    )
    allow_tags: bool = _field(False, "Let replies have tags, such as #birds", True)

    workers: Annotated[int, Field(ge=1, le=64)] = _field(2, "Mentions worked on at the same time", 2)
    lease: Seconds = _field(30.0, "Seconds after which the mention of a dead worker is taken over", 30.0)
    brain_timeout: Seconds = _field(60.0, "Seconds a brain may think in one turn", 60.0)
    drain: Seconds = _field(25.0, "Seconds to finish the current steps when stopping", 25.0)
    sweep: Seconds = _field(1.0, "Seconds between checks for work that was not announced", 1.0)

    health: ListenAddress | None = _field(
        None,
        "Where `/livez`, `/readyz` and `/metrics` are served: an IP address with a port, or `unix:` and a "
        "path; none: nowhere",
        "127.0.0.1:9464",
    )
    health_public: bool = _field(False, "Let `health` be an address that others can reach", True)

    log_level: Literal["debug", "info", "warning", "error"] = _field("info", "How much is logged", "debug")
    log_format: Literal["auto", "console", "json"] = _field(
        "auto", "How it is logged; auto: readable on a terminal, JSON otherwise", "json"
    )

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files that secrets were read from."""
        return self._secret_files

    @property
    def limits(self) -> Limits:
        """All limits; those of money by the price that is set (see `bot.factory.make_limits`)."""
        price = self.price or Price(0, 0)
        tokens = min(self.prompt_tokens + self.model_max_tokens, self.person_tokens_per_day)
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
            automatic_answers=self.automatic_answers,
            person_hour_calls=self.person_calls_per_hour,
            hour_calls=self.calls_per_hour,
            day_tokens=self.tokens_per_day,
            day_money=None if self.money_per_day is None else int(self.money_per_day * 1_000_000),
            price=price,
            turn_tokens=min(tokens, self.tokens_per_day),
            turn_money=price.of(self.prompt_tokens, self.model_max_tokens),
            reply_points=self.reply_parts * POINTS_PER_POST,
            hours=self.hours,
            heated_thread=self.heated_thread,
        )

    @property
    def price(self) -> Price | None:
        """The price that is set, if one is."""
        if self.price_in is None or self.price_out is None:
            return None
        return Price(self.price_in, self.price_out)

    @property
    def pace(self) -> Pace:
        return Pace(
            think_delay=timedelta(seconds=self.think_delay),
            post_delay=timedelta(seconds=self.post_delay),
            person_spacing=timedelta(seconds=self.person_spacing),
            spacing=timedelta(seconds=self.spacing),
            tempo=self.tempo,
        )

    @property
    def hours(self) -> Hours:
        """When it is awake."""
        wake, sleep = parse_hours(self.active_hours or ALL_DAY)
        return Hours(wake, sleep, ZoneInfo(self.time_zone), frozenset(self.quiet_days))

    @property
    def memory_limits(self) -> MemoryLimits:
        return MemoryLimits(
            note_chars=self.note_chars,
            notes=self.notes_per_person,
            per_exchange=self.notes_per_exchange,
            per_day=self.notes_per_day,
        )

    @property
    def retention(self) -> RetentionPolicy:
        return RetentionPolicy(text=timedelta(days=self.keep_text), idle=timedelta(days=self.keep_idle))

    @property
    def replay_path(self) -> str | None:
        """The path of the recording to replay, if `source` is one."""
        return self.source.removeprefix("replay:") if self.source.startswith("replay:") else None

    @property
    def health_address(self) -> Address | None:
        return None if self.health is None else Address.parse(self.health)

    @property
    def stream_urls(self) -> tuple[str, ...]:
        """The URLs of the stream's hosts."""
        return self.jetstream_url if self.source == "jetstream" else self.firehose_url

    @property
    def database(self) -> str:
        """The URL of the database, for SQLAlchemy."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return sqlite_url(self.data_dir / "scrubjay.db")

    def require_operator(self) -> str:
        """The operator's handle. Raises SettingsError, which says what to set and how."""
        if self.operator is None:
            raise SettingsError(OPERATOR_HELP)
        return self.operator

    def require_account(self) -> tuple[str, str]:
        """The handle and the app password. Raises SettingsError, which says what to set and how."""
        if self.handle is None or self.password is None:
            raise SettingsError(*(how for field, how in ACCOUNT_HELP.items() if getattr(self, field) is None))
        return self.handle, self.password.get_secret_value()


def load(env: Mapping[str, str] | None = None, config: Path | None = None, home: Path = Path()) -> Settings:
    """Load the settings from all sources.

    `env` replaces os.environ, `config` replaces SCRUBJAY_CONFIG. `.env` and `scrubjay.toml` are in `home`.
    Raises SettingsError with one argument for each problem: the setting, what is wrong, an example.
    """
    layers = loading.load_layers(Settings, os.environ if env is None else env, config, home)
    unknown = loading.unknown_variables(Settings, layers)
    try:
        settings = Settings(_build_sources=(tuple(layer.source for layer in layers), {}))  # type: ignore[call-arg]  # BaseSettings takes it; mypy sees the fields only
    except ValidationError as error:
        raise SettingsError(*unknown, *loading.problems(Settings, layers, error)) from None
    wrong = [*unknown, *_too_many_writes(settings), *_open_to_others(settings), *_never_awake(settings)]
    if wrong:
        raise SettingsError(*wrong)
    settings._secret_files = loading.secret_files(Settings, layers)  # noqa: SLF001 - its own maker
    return settings


def _too_many_writes(settings: Settings) -> Iterator[str]:
    """The bot may use a fifth of the points that a PDS allows an account (docs.bsky.app, rate limits)."""
    for name, window, points in (("per_hour", "an hour", 5_000), ("per_day", "a day", 35_000)):
        most = points // 5 // (POINTS_PER_PUT * settings.reply_parts)
        if (given := getattr(settings, name)) > most:
            yield (
                f"SCRUBJAY_{name.upper()}={given} with SCRUBJAY_REPLY_PARTS={settings.reply_parts} may take "
                f"more than a fifth of the {points} points {window} that a PDS allows. At most: {most}"
            )


def _open_to_others(settings: Settings) -> Iterator[str]:
    """What is served tells what the bot spends. It has no password, so it is for this machine."""
    address = settings.health_address
    if address is not None and not address.is_loopback and not settings.health_public:
        yield (
            f"SCRUBJAY_HEALTH={settings.health} can be reached from other machines, by everybody. Choose "
            "127.0.0.1, or set SCRUBJAY_HEALTH_PUBLIC=true if a firewall keeps others away"
        )


def _never_awake(settings: Settings) -> Iterator[str]:
    if set(WEEKDAYS) <= set(settings.quiet_days):
        yield "SCRUBJAY_QUIET_DAYS has every day of the week: nothing would ever be answered. Leave one out"


def without_secrets(settings: Settings) -> str:
    """The settings that are not the default, as a TOML file without the secrets."""
    return loading.changed_toml(Settings, settings, "a secret, which is not kept here; set it again")


def table() -> str:
    """The settings as docs/settings.md shows them, in Markdown."""
    return loading.table(Settings)


if __name__ == "__main__":  # what docs/settings.md and deploy/scrubjay.example.toml are made from
    print(loading.example_toml(Settings) if "toml" in sys.argv else table(), end="")  # noqa: T201
