"""What people declare about AI, in records of `community.lexicon.preference.ai`. Pure.

A record has a `scope` (everybody, a collection, or an entity: the DID or domain of who reads) and
`preferences` by use, each with `allow` (https://github.com/lexicon-community/lexicon). Two uses matter here:
`inference` covers text in a prompt, `embedding` covers vectors. A use that is not set is undeclared.

Anybody can write anything into their record. Only an explicit yes is a yes; what else stands there is a no.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from bot.domain.embeds import as_mapping
from bot.domain.uris import POST, PREFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_RECORDS = 100
YES = (True, "true", "yes", "allow", "allowed")


class Level(IntEnum):
    """Whom a record is about. A higher level decides before a lower one."""

    GLOBAL = 1
    COLLECTION = 2
    ENTITY = 3


@dataclass(frozen=True, slots=True)
class Declared:
    """What holds for the bot; None: undeclared."""

    inference: bool | None = None
    embedding: bool | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """The bot, as the entity that reads."""

    did: str
    handle: str

    def is_named(self, entity: str) -> bool:
        """Whether this DID or domain is the bot. A handle is a domain, and so is the end of a did:web."""
        name = entity.strip().lower().removeprefix("https://").removeprefix("@").rstrip("/")
        return name in {self.did.lower(), self.did.lower().removeprefix("did:web:"), self.handle.lower()}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one record says of the bot. `level` None: it is about something else.

    Of a record whose scope is not clear only a no counts: it may be about the bot.
    """

    level: Level | None
    is_clear: bool
    inference: bool | None
    embedding: bool | None


def read(record: object, reader: Reader) -> Statement:
    """What a record of PREFERENCE says to this reader about its author's posts."""
    level, is_clear = _scope(as_mapping(record), reader)
    preferences = as_mapping(as_mapping(record).get("preferences"))
    return Statement(level, is_clear, *(_answer(preferences.get(use)) for use in ("inference", "embedding")))


def resolve(statements: Iterable[Statement]) -> Declared:
    """What one person's statements come to.

    The highest level that has an answer decides. Of several answers on one level a no wins, because nobody
    can tell which one was meant.
    """
    said = [one for one in islice(statements, MAX_RECORDS) if one.level is not None]
    return Declared(
        _highest((one.level, one.is_clear, one.inference) for one in said),
        _highest((one.level, one.is_clear, one.embedding) for one in said),
    )


def _highest(said: Iterable[tuple[Level | None, bool, bool | None]]) -> bool | None:
    found: dict[Level, bool] = {}
    for level, is_clear, answer in said:
        if level is not None and (answer is False or (answer and is_clear)):
            found[level] = found.get(level, True) and answer
    return found[max(found)] if found else None


def _answer(preference: Any) -> bool | None:
    allow = preference.get("allow") if hasattr(preference, "get") else preference
    if allow is None:
        return None
    return any(allow is yes or allow == yes for yes in YES if type(allow) is type(yes))


def _scope(record: Mapping[str, Any], reader: Reader) -> tuple[Level | None, bool]:
    """The level (None: it is about something else), and whether the scope is understood.

    One that is not may include the bot: then only a no counts.
    """
    scope = record.get("scope")
    if scope in (None, {}, "global"):
        return Level.GLOBAL, True
    fields = as_mapping(scope)
    match str(fields.get("$type", "")).removeprefix(PREFERENCE).removeprefix("#"), fields:
        case "globalScope", _:
            return Level.GLOBAL, True
        case "collectionScope" | "", {"collection": str(name)}:
            return Level.COLLECTION if name.strip() == POST else None, True
        case "entityScope" | "", {"entity": str(name)}:
            return Level.ENTITY if reader.is_named(name) else None, True
        case _:
            return Level.GLOBAL, False
