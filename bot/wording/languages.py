"""The files of the languages, read once: how commands are worded, and the answers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import regex

from bot.wording.grammar import Grammar
from bot.wording.nodes import Repeated, choice
from bot.wording.tokens import fold
from bot.wording.typos import known, mended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.wording.nodes import Node, Pattern
    from bot.wording.tokens import Token

BEFORE, AFTER, ASIDES = "before", "after", "asides"  # what may stand around a command
LAUGHS = "laughs"  # what may stand around one that is plain by itself
EVERYWHERE = ("bot", "please", "pls", "thanks")  # around a command in any language
BLOCKS = "blocks"  # never within a gap
CLEAR, PLAIN, ARGUED = "clear", "plain", "argued"  # kinds of patterns
WORD = regex.compile(r"(?<!<)\b[^\W\d_]+\b(?!>)")
DEFAULT = "en"


@dataclass(frozen=True)
class Language:
    """One language's file. `answers` are templates by name.

    `script`: a letter of it stands in whatever is said in this language. `words`: those that join wishes
    (`splits`), tell of somebody's words (`reported`), or make a question a request (`asking`). `past`: forms
    that tell of what somebody did and that only an accent tells from a wish, in lower case. `slips`: a
    letter that is wrong is no other form of the word, and is taken for a slip of the finger.
    """

    code: str
    name: str
    script: regex.Pattern[str]
    words: Mapping[str, frozenset[str]]
    grammar: Grammar
    commands: Mapping[str, Mapping[str, list[str]]]
    answers: Mapping[str, str]
    past: frozenset[str] = frozenset()
    slips: bool = False

    @property
    def spaced(self) -> bool:
        return self.grammar.spaced

    def command(self, words: list[str]) -> tuple[str, bool] | None:
        """The command that this clause is, and whether it is plain also within other talk."""
        line = self.grammar.line(words)
        around = {False: (self._before.ends(line, 0), self._after)}
        around[True] = (self._before_clear.ends(line, 0), self._after_clear)
        for name, clear, node in self._commands:
            starts, after = around[clear]
            if any(len(line) in after.ends(line, end) for at in starts for end in node.ends(line, at)):
                return name, clear
        return None

    def is_beside(self, words: list[str]) -> bool:
        """Whether this clause may stand beside a command: thanks, a name, a complaint."""
        line = self.grammar.line(words)
        return any(len(line) in self._after.ends(line, at) for at in self._before.ends(line, 0))

    def argued(self, words: list[str]) -> tuple[str, int, int] | None:
        """The command that the whole post is, and from which to which unit stands what it is about."""
        line = self.grammar.line(words)
        starts = sorted(self._before.ends(line, 0))
        for name, pattern in self._argued:
            for places in (pattern.places(line, at) for at in starts):
                if places:
                    return name, *places
        return None

    def told(self, line: Sequence[Token], text: str) -> Sequence[Token]:
        """The same line, in which forms of `past` keep their accent, so that no pattern matches them."""
        if not self.past:
            return line
        written = [text[token.start : token.end].casefold() for token in line]
        return [
            replace(token, text=word) if word in self.past else token
            for token, word in zip(line, written, strict=True)
        ]

    def mended(self, line: Sequence[Token]) -> Sequence[Token]:
        """The same line without slips of the finger in words of the patterns, if the language has `slips`."""
        if not self.slips:
            return line
        return tuple(replace(token, text=mended(token.text, self._known)) for token in line)

    def has(self, kind: str, words: Iterable[str]) -> bool:
        """Whether one of these words is among those of this kind: `splits`, `reported`, `asking`."""
        listed, line = self.words.get(kind, frozenset()), self.grammar.line(words)
        return not listed.isdisjoint(line) if self.spaced else any(one in "".join(line) for one in listed)

    @cached_property
    def _known(self) -> Mapping[tuple[str, str], frozenset[str]]:
        """Every word of the patterns."""
        patterns = (text for kinds in self.commands.values() for texts in kinds.values() for text in texts)
        listed = (text for texts in self.grammar.lists.values() for text in texts)
        return known(fold(word) for text in (*patterns, *listed) for word in WORD.findall(text))

    @cached_property
    def _before(self) -> Node:
        return Repeated(self.grammar.listed(BEFORE))

    @cached_property
    def _after(self) -> Node:
        return Repeated(choice((self.grammar.listed(AFTER), self.grammar.listed(ASIDES))))

    @cached_property
    def _before_clear(self) -> Node:
        return Repeated(choice(self.grammar.listed(name) for name in (BEFORE, LAUGHS)))

    @cached_property
    def _after_clear(self) -> Node:
        return Repeated(choice(self.grammar.listed(name) for name in (AFTER, ASIDES, LAUGHS)))

    @cached_property
    def _commands(self) -> list[tuple[str, bool, Node]]:
        return [
            (name, kind == CLEAR, choice(self.grammar.node(text) for text in kinds[kind]))
            for name, kinds in self.commands.items()
            for kind in (CLEAR, PLAIN)
            if kind in kinds
        ]

    @cached_property
    def _argued(self) -> list[tuple[str, Pattern]]:
        return [
            (name, self.grammar.pattern(text))
            for name, kinds in self.commands.items()
            for text in kinds.get(ARGUED, ())
        ]


def _read(code: str) -> Language:
    document: dict[str, Any] = tomllib.loads(
        resources.files("bot.wording").joinpath(f"{code}.toml").read_text("utf-8")
    )
    lists = {name: tuple(words) for name, words in document["lists"].items()}
    for name in (BEFORE, AFTER, ASIDES, LAUGHS, BLOCKS):
        lists.setdefault(name, ())
    for name in (BEFORE, AFTER):
        lists[name] += EVERYWHERE
    lists[BLOCKS] += tuple(document["words"]["reported"])
    past = frozenset(document["words"].pop("past", ()))
    return Language(
        code,
        document["name"],
        regex.compile(document["script"]),
        {
            kind: frozenset(fold(word).replace(" ", "") for word in words)
            for kind, words in document["words"].items()
        },
        Grammar(lists, document["spaced"], document.get("elides", False)),
        document["commands"],
        document["answers"],
        past,
        document.get("slips", False),
    )


@lru_cache(maxsize=1)
def languages() -> Mapping[str, Language]:
    """Every language by its code (ISO 639-1)."""
    files = resources.files("bot.wording").iterdir()
    codes = sorted(one.name.removesuffix(".toml") for one in files if one.name.endswith(".toml"))
    return {code: _read(code) for code in codes}
