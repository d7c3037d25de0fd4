"""The types of settings. Each says what is wrong with a bad value."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from bot.config.address import Address
from bot.domain.hours import SHORTEST, WEEKDAYS
from bot.domain.uris import LIST, AtUri

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLE = re.compile(r"(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
DID = re.compile(r"did:(plc:[a-z2-7]{24}|web:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-])")
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")
HOST = re.compile(r"([a-z0-9-]+\.)*[a-z0-9-]+")


def check_handle(value: str) -> str:
    handle = value.removeprefix("@").lower()
    if not HANDLE.fullmatch(handle):
        raise ValueError("should be a handle: a name with dots")
    return handle


def check_did(value: str) -> str:
    if not DID.fullmatch(value):
        raise ValueError("should be DIDs, which never change, not handles")
    return value


def check_name(value: str) -> str:
    """A DID or the AT URI of a list as it is, a handle as `check_handle` returns it. Raises ValueError."""
    place = AtUri.parse(value)
    if DID.fullmatch(value) or (place is not None and place.collection == LIST):
        return value
    if value.startswith(("at:", "did:", "https:")) or not HANDLE.fullmatch(value.removeprefix("@").lower()):
        raise ValueError(f"should be DIDs, handles, or AT URIs of lists (at://did:plc:.../{LIST}/...)")
    return check_handle(value)


def check_host(value: str) -> str:
    if not HOST.fullmatch(value.lower()):
        raise ValueError("should be bare host names, without https:// and paths")
    return value.lower()


def _url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in schemes or not url.hostname:
            raise ValueError(f"should be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value.rstrip("/")

    return check


def check_source(value: str) -> str:
    """Return it as it is. Raises ValueError."""
    if not re.fullmatch(r"jetstream|firehose|replay:.+", value):
        raise ValueError("should be jetstream, firehose, or replay: and the path of a recording")
    return value


def check_database_url(value: SecretStr) -> SecretStr:
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", value.get_secret_value()):
        raise ValueError("should begin with sqlite:/// or postgresql://")
    return value


def check_model(value: str) -> str:
    provider, _, name = value.partition(":")
    if not (provider and name):
        raise ValueError("should be a provider and its model, with a colon between")
    return value


def check_address(value: str) -> str:
    """Return it as it is. Raises ValueError."""
    Address.parse(value)
    return value


def check_time_zone(value: str) -> str:
    """Return it as it is. Raises ValueError."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("should be a time zone by its name in the IANA database") from error
    return value


def check_hours(value: str) -> str:
    """Return it as it is. Raises ValueError."""
    wake, sleep = (timedelta(hours=at.hour, minutes=at.minute) for at in parse_hours(value))
    if (sleep - wake) % timedelta(days=1) < SHORTEST:
        raise ValueError("should be an hour or more, between two times that differ")
    return value


def parse_hours(value: str) -> tuple[time, time]:
    """The two times of `08:00-23:00`. Raises ValueError."""
    found = HOURS.fullmatch(value)
    if not found:
        raise ValueError("should be two times with a hyphen between")
    begin, end = (time(int(hour), int(minute)) for hour, minute in (found.groups()[:2], found.groups()[2:]))
    return begin, end


def check_day(value: str) -> str:
    """A weekday in English, or a date with or without its year. Raises ValueError."""
    day = value.lower()
    if day in WEEKDAYS:
        return day
    try:
        date.fromisoformat(day if len(day) > len("12-25") else f"2024-{day}")
    except ValueError:
        raise ValueError("should be weekdays, or dates such as 12-25 or 2026-12-25") from None
    return day


def _split(value: object) -> object:
    """Split the list in a variable at its commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


MAX_NUMBER = 10**9  # keeps times within what a datetime can hold
Seconds = Annotated[float, Field(gt=0, le=MAX_NUMBER, allow_inf_nan=False)]
Pause = Annotated[float, Field(ge=0, le=MAX_NUMBER, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=1, le=36_500)]
HttpUrl = Annotated[str, AfterValidator(_url("https", "http"))]
SocketUrl = Annotated[str, AfterValidator(_url("wss", "ws"))]
SocketUrls = Annotated[
    tuple[SocketUrl, ...], NoDecode, BeforeValidator(_split), Field(min_length=1, max_length=16)
]
TimeZone = Annotated[str, AfterValidator(check_time_zone)]
HoursOfDay = Annotated[str, AfterValidator(check_hours)]
QuietDays = Annotated[
    tuple[Annotated[str, AfterValidator(check_day)], ...], NoDecode, BeforeValidator(_split)
]
Handle = Annotated[str, AfterValidator(check_handle)]
SourceName = Annotated[str, AfterValidator(check_source)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(check_database_url)]
ListenAddress = Annotated[str, AfterValidator(check_address)]
ModelName = Annotated[str, AfterValidator(check_model)]
Dids = Annotated[tuple[Annotated[str, AfterValidator(check_did)], ...], NoDecode, BeforeValidator(_split)]
Hosts = Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], NoDecode, BeforeValidator(_split)]
Names = Annotated[tuple[Annotated[str, AfterValidator(check_name)], ...], NoDecode, BeforeValidator(_split)]
Words = Annotated[
    tuple[Annotated[str, Field(min_length=2, max_length=100)], ...], NoDecode, BeforeValidator(_split)
]
