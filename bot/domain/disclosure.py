"""What the bot says of itself to programs, in records of its own repo. Pure.

Two records that others use: `studio.voyager.account.autonomy` and `network.comind.agent.profile`. Neither has
a place for what a bot remembers, so the second has the fields `memory` and `schedule` of our own besides:
a reader that does not know them passes over them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.consent import Consent
from bot.domain.embeds import as_mapping
from bot.domain.limits import Tempo
from bot.domain.profiles import has_word

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.domain.mention import Profile, Record

AUTONOMY = "studio.voyager.account.autonomy"
AGENT = "network.comind.agent.profile"
COLLECTIONS = (AUTONOMY, AGENT)
KEEPS: Mapping[Consent, str] = MappingProxyType(
    {
        Consent.ASK: "notes about people who talk to it, once it has told them so; each has its post",
        Consent.OPT_IN: "notes about people who wrote “remember me”; each has its post",
        Consent.OFF: "no notes about people",
    }
)
SOON: Mapping[Tempo, str] = MappingProxyType(
    {
        Tempo.HUMAN: "mostly within a minute, seldom after four, later if much is asked of it",
        Tempo.BRISK: "after 5 to 20 seconds, later if much is asked of it",
        Tempo.AT_ONCE: "as soon as it can",
    }
)
BOT_WORDS = (
    "bot",
    "bots",
    "chatbot",
    "robot",
    "roboter",
    "robô",
    "бот",
    "чат-бот",
    "automated",
    "ai",
    "ia",
    "ki",
)
BOT_SIGNS = ("ボット", "봇", "บอต", "บอท", "机器人", "機器人")  # of scripts without spaces between words
NAME = re.compile(r"[\w.:-]+")
WISHES = (
    "Write to it in public: “what do you know about me”, “why”, “correct: …”, “forget …”, “forget me”, "
    "“don't remember me”, “export”, “stop”."
)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the bot. `contact` is a mail address or a URL."""

    did: str
    handle: str
    contact: str | None


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept: of how many people how many notes; for how many days texts, and people who are silent."""

    consent: Consent
    people: int
    notes: int
    text_days: int
    idle_days: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When it answers: how soon, between which hours of which zone (None: any), and at most so often."""

    tempo: Tempo
    hours: str | None
    zone: str
    quiet: tuple[str, ...]
    per_hour: int
    per_day: int


@dataclass(frozen=True, slots=True)
class Bot:
    """What the records tell. `services` are those that read what people write; none: no model is used."""

    handle: str
    name: str
    description: str
    operator: Operator
    services: tuple[str, ...]
    keeping: Keeping
    rhythm: Rhythm
    url: str | None


def records(bot: Bot, now: datetime, before: Mapping[str, Record]) -> dict[str, Record]:
    """The records by collection. One that stands there `before` keeps its time of creation."""
    made = {AUTONOMY: _autonomy(bot), AGENT: _agent(bot)}
    return {
        collection: {
            "$type": collection,
            **_filled(fields),
            "createdAt": _created(before.get(collection), now),
        }
        for collection, fields in made.items()
    }


def _created(before: Record | None, now: datetime) -> str:
    made = before.get("createdAt") if before else None
    return made if isinstance(made, str) else now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _filled(fields: Record) -> Record:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _autonomy(bot: Bot) -> Record:
    responsible = {"did": bot.operator.did, "name": bot.operator.handle, "contact": bot.operator.contact}
    return {
        "usesGenerativeAI": bool(bot.services),
        "automationLevel": "bot",
        "responsibleParty": _filled(responsible),
        "externalServices": list(bot.services),
        "description": bot.description,
        "disclosureUrl": bot.url,
    }


def _agent(bot: Bot) -> Record:
    return {
        "handle": bot.handle,
        "name": bot.name,
        "description": bot.description,
        "operator": {"did": bot.operator.did, "handle": bot.operator.handle, "name": bot.operator.handle},
        "automationLevel": "bot",
        "usesGenerativeAI": bool(bot.services),
        "infrastructure": ["scrubjay", *bot.services],
        "capabilities": ["conversation"] + ["memory"] * (bot.keeping.consent is not Consent.OFF),
        "constraints": ["mention-only-engagement", "no-unsolicited-dm"],
        "memory": _memory(bot.keeping),
        "schedule": _schedule(bot.rhythm),
        "disclosureUrl": bot.url,
    }


def _memory(keeping: Keeping) -> Record:
    return {
        "keeps": KEEPS[keeping.consent],
        "consent": keeping.consent.value,
        "people": keeping.people,
        "notes": keeping.notes,
        "daysOfText": keeping.text_days,
        "daysOfSilence": keeping.idle_days,
        "seeAndErase": WISHES,
    }


def _schedule(rhythm: Rhythm) -> str:
    when = f"between {rhythm.hours.replace('-', ' and ')} {rhythm.zone}" if rhythm.hours else "at any hour"
    quiet = f", on no {', '.join(rhythm.quiet)}" if rhythm.quiet else ""
    return (
        f"Answers mentions and replies {when}{quiet}, {SOON[rhythm.tempo]}; at most {rhythm.per_hour} an "
        f"hour and {rhythm.per_day} a day. The moment is drawn by lot, for good manners, not to pass for a "
        "person. Posts nothing unasked."
    )


def differs(stands: Record | None, wanted: Record) -> bool:
    """Whether the record that stands says something else. Its counts may be old."""
    return stands is None or _without_counts(stands) != _without_counts(wanted)


def _without_counts(record: Record) -> Record:
    memory = as_mapping(record.get("memory"))
    return {**record, "memory": {name: memory[name] for name in memory if name not in {"people", "notes"}}}


def operator_of(record: Record) -> object:
    """The DID of who runs the bot, by a record of either collection."""
    return as_mapping(record.get("operator") or record.get("responsibleParty")).get("did")


def confirms(operator: Profile, handle: str, did: str) -> bool:
    """Whether the operator's bio names the bot, by its handle or its DID."""
    names = {name.strip(".:-") for name in NAME.findall(operator.description.casefold())}
    return not names.isdisjoint((handle.casefold(), did.casefold()))


def says_bot(profile: Profile) -> bool:
    """Whether a bio says that it is a bot's."""
    return has_word(profile.description, BOT_WORDS) or any(sign in profile.description for sign in BOT_SIGNS)
