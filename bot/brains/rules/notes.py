"""The notes that the rules brain has in one turn: it adds, corrects and erases them by the tools."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.facts import Fact, Mode, alike, concerns, ended_line, fold, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.brains.rules.understanding import Topic
    from bot.ports import Toolbox
    from memory.model import Note

NOTE_NAME = regex.compile(r"\b(?:new|n)\d+\b")
IS_A = regex.compile(r"is an? ")
STOPWORDS = frozenset(
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


class FactOutcome(StrEnum):
    """What became of a fact that was applied to the notes."""

    KEPT = "kept"
    CHANGED = "changed"
    KNOWN = "known"
    DROPPED = "dropped"
    NOTHING = "nothing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class KnownNote:
    """A note, with its name. `fact` is None if the rules cannot parse its text."""

    name: str
    text: str
    fact: Fact | None


class Notes:
    """The notes of one person, as they are after each call. Without tools they can only be searched."""

    def __init__(self, notes: Iterable[Note], tools: Toolbox | None = None) -> None:
        self.known = [KnownNote(note.name, note.text, parse_line(note.text)) for note in notes]
        self._tools = tools

    @property
    def person_name(self) -> str:
        """The person's name; empty if it is not known."""
        for note in reversed(self.known):
            if note.fact and note.fact.kind == "name" and note.fact.mode is Mode.CURRENT:
                return note.fact.value
        return ""

    async def apply(self, fact: Fact, denied: Fact | None = None) -> tuple[FactOutcome, str]:
        """Add the fact, or correct or close the note that it concerns. Returns the outcome and the text.

        `denied` is the fact that the post says is not true, if this one takes its place.
        """
        if fact.mode is not Mode.CURRENT:
            return await self._close(fact)
        if any(note.text.casefold() == fact.line.casefold() for note in self.known):
            return FactOutcome.KNOWN, fact.line
        matching = [note for note in self.known if note.fact and concerns(fact, note.fact)]
        if (
            matching
            and fact.kind == "thing"
            and not fact.value
            and all(note.fact.mode is Mode.CURRENT for note in matching if note.fact)
        ):
            return FactOutcome.KNOWN, matching[-1].text
        old = self._find_replaced(fact, matching) or (self._latest_match(denied) if denied else None)
        return await self._write(fact.line, old)

    async def erase(self, note: KnownNote) -> bool:
        """Erase the note; False if the tool refuses."""
        assert self._tools is not None
        answer = await self._tools.call("forget", {"note": note.name})
        if answer.ok:
            self.known.remove(note)
        return answer.ok

    def find(self, topic: Topic) -> list[KnownNote]:
        """Return the notes about a topic."""
        if topic.fact:
            return [note for note in self.known if note.fact and _is_about(topic.fact, note.fact)]
        found = [note for note in self.known if note.fact and _is_on_topic(topic, note.fact)]
        if found or (topic.kinds and not topic.key):
            return found
        return self._containing(topic.key or topic.words)

    def _containing(self, words: str) -> list[KnownNote]:
        wanted = {word for word in regex.findall(r"\w+", fold(words)) if word not in STOPWORDS}
        return [
            note for note in self.known if wanted and wanted <= set(regex.findall(r"\w+", fold(note.text)))
        ]

    async def _close(self, fact: Fact) -> tuple[FactOutcome, str]:
        old = self._latest_match(fact)
        if old is None:
            return FactOutcome.NOTHING, ""
        if fact.mode is Mode.DENIED:
            return (FactOutcome.DROPPED if await self.erase(old) else FactOutcome.REFUSED), old.text
        return await self._write(ended_line(old.text), old)

    async def _write(self, line: str, old: KnownNote | None) -> tuple[FactOutcome, str]:
        call = ("revise", {"note": old.name, "text": line}) if old else ("remember", {"text": line})
        assert self._tools is not None
        answer = await self._tools.call(*call)
        if not answer.ok:
            return FactOutcome.REFUSED, line
        if old:
            self.known.remove(old)
        made = NOTE_NAME.search(answer.text)
        self.known.append(KnownNote(made[0] if made else "", line, parse_line(line)))
        return (FactOutcome.CHANGED if old else FactOutcome.KEPT), line

    def _find_replaced(self, fact: Fact, matching: list[KnownNote]) -> KnownNote | None:
        for note in reversed(matching):
            assert note.fact is not None
            nameless = bool(fact.value) and not note.fact.value and fact.kind == "thing"
            if fact.definite or nameless or note.fact.mode is Mode.ENDED:
                return note
        if not fact.corrects or fact.kind != "being":
            return None
        others = [note for note in self.known if IS_A.match(note.text) and _is_being(note)]
        return others[0] if len(others) == 1 and IS_A.match(fact.line) else None

    def _latest_match(self, fact: Fact) -> KnownNote | None:
        matching = [
            note
            for note in self.known
            if note.fact and note.fact.mode is Mode.CURRENT and concerns(fact, note.fact)
        ]
        return matching[-1] if matching else None


def _is_being(note: KnownNote) -> bool:
    return note.fact is not None and note.fact.kind == "being"


def _is_about(fact: Fact, known: Fact) -> bool:
    values = not (fact.value and known.value) or alike(fact.value, known.value)
    return fact.kind == known.kind and values and _same_key(fact.key, known.key)


def _is_on_topic(topic: Topic, known: Fact) -> bool:
    begins = not topic.words or known.line.split()[0] in topic.words.split()
    return known.kind in topic.kinds and begins and (not topic.key or _same_key(topic.key, known.key))


def _same_key(note: str, other: str) -> bool:
    return fold(note) == fold(other) or alike(note, other)
