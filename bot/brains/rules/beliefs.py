"""What the rules brain knows of a person in one turn, and how it keeps, corrects and erases it by tools."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.facts import Fact, Mode, alike, no_longer, read, same, stem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.brains.rules.understanding import Topic
    from bot.ports import Toolbox
    from memory.model import Note

NAMED = regex.compile(r"\b(?:new|n)\d+\b")
CALLING = regex.compile(r"is an? ")
IDLE = frozenset(
    [
        "a",
        "an",
        "the",
        "my",
        "i",
        "is",
        "are",
        "am",
        "that",
        "what",
        "who",
        "of",
        "in",
        "at",
        "on",
        "to",
        "about",
        "do",
        "does",
        "did",
        "name",
        "called",
        "and",
    ]
)


class Outcome(StrEnum):
    """What became of a fact."""

    KEPT = "kept"
    CHANGED = "changed"
    KNOWN = "known"
    DROPPED = "dropped"
    NOTHING = "nothing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Known:
    """A note by its name; `fact` is None if it is in words that the rules do not read."""

    name: str
    text: str
    fact: Fact | None


class Beliefs:
    """The notes as they are after each call."""

    def __init__(self, notes: Iterable[Note], tools: Toolbox) -> None:
        self.known = [Known(note.name, note.text, read(note.text)) for note in notes]
        self._tools = tools

    @property
    def name(self) -> str:
        """What the person is called, if they said so."""
        for one in reversed(self.known):
            if one.fact and one.fact.kind == "name" and one.fact.mode is Mode.SO:
                return one.fact.value
        return ""

    async def keep(self, fact: Fact, instead: Fact | None = None) -> tuple[Outcome, str]:
        """Keep, correct or cross out; `instead` is what was said not to be so. Returns the note."""
        if fact.mode is not Mode.SO:
            return await self._end(fact)
        if any(one.text.casefold() == fact.line.casefold() for one in self.known):
            return Outcome.KNOWN, fact.line
        like = [one for one in self.known if one.fact and same(fact, one.fact)]
        if (
            like
            and fact.kind == "thing"
            and not fact.value
            and all(one.fact.mode is Mode.SO for one in like if one.fact)
        ):
            return Outcome.KNOWN, like[-1].text
        old = self._replaced(fact, like) or (self._last(instead) if instead else None)
        return await self._write(fact.line, old)

    async def erase(self, one: Known) -> bool:
        answer = await self._tools.call("forget", {"note": one.name})
        if answer.ok:
            self.known.remove(one)
        return answer.ok

    def find(self, topic: Topic) -> list[Known]:
        """The notes about a topic."""
        if topic.fact:
            return [one for one in self.known if one.fact and _about(topic.fact, one.fact)]
        found = [one for one in self.known if one.fact and _on(topic, one.fact)]
        if found or (topic.kinds and not topic.key):
            return found
        return self._with(topic.key or topic.words)

    def _with(self, words: str) -> list[Known]:
        wanted = {word for word in regex.findall(r"\w+", stem(words)) if word not in IDLE}
        return [one for one in self.known if wanted and wanted <= set(regex.findall(r"\w+", stem(one.text)))]

    async def _end(self, fact: Fact) -> tuple[Outcome, str]:
        old = self._last(fact)
        if old is None:
            return Outcome.NOTHING, ""
        if fact.mode is Mode.DENIED:
            return (Outcome.DROPPED if await self.erase(old) else Outcome.REFUSED), old.text
        return await self._write(no_longer(old.text), old)

    async def _write(self, line: str, old: Known | None) -> tuple[Outcome, str]:
        call = ("revise", {"note": old.name, "text": line}) if old else ("remember", {"text": line})
        answer = await self._tools.call(*call)
        if not answer.ok:
            return Outcome.REFUSED, line
        if old:
            self.known.remove(old)
        made = NAMED.search(answer.text)
        self.known.append(Known(made[0] if made else "", line, read(line)))
        return (Outcome.CHANGED if old else Outcome.KEPT), line

    def _replaced(self, fact: Fact, like: list[Known]) -> Known | None:
        for one in reversed(like):
            assert one.fact is not None
            nameless = bool(fact.value) and not one.fact.value and fact.kind == "thing"
            if fact.definite or nameless or one.fact.mode is Mode.ENDED:
                return one
        if not fact.corrects or fact.kind != "being":
            return None
        callings = [one for one in self.known if CALLING.match(one.text) and _is_being(one)]
        return callings[0] if len(callings) == 1 and CALLING.match(fact.line) else None

    def _last(self, fact: Fact) -> Known | None:
        like = [one for one in self.known if one.fact and one.fact.mode is Mode.SO and same(fact, one.fact)]
        return like[-1] if like else None


def _is_being(one: Known) -> bool:
    return one.fact is not None and one.fact.kind == "being"


def _about(fact: Fact, known: Fact) -> bool:
    values = not (fact.value and known.value) or alike(fact.value, known.value)
    return fact.kind == known.kind and values and _keyed(fact.key, known.key)


def _on(topic: Topic, known: Fact) -> bool:
    begins = not topic.words or known.line.split()[0] in topic.words.split()
    return known.kind in topic.kinds and begins and (not topic.key or _keyed(topic.key, known.key))


def _keyed(one: str, other: str) -> bool:
    return stem(one) == stem(other) or alike(one, other)
