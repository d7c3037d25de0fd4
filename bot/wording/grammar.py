"""The patterns of a language's file, and what they match. Pure.

A pattern is a row of words. `[x]` and `(x)?` may be missing, `(x|y)` is one of several, `<list>` is an entry
of a list, `*` any words, `:` that mark, `#` a note's name (n12), `{x}` is what the command is about.

A line is a row of units: words, or the characters of a language that puts no spaces between words. A node
tells at which places it can end, if it begins at one. So all readings of a line are followed at once, and no
pattern is slow. Compiling the same patterns to regular expressions took seconds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import regex

from bot.wording.tokens import fold, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PART = regex.compile(r"<(?P<list>\w+)>|(?P<sign>[][(){}|*:#?])|(?P<word>[^][(){}|*:#<>?\s]+)|\s+")
NOTE_NAME = regex.compile(r"n\d+")
CLOSING = {"(": ")", "[": "]"}
MAX_INSIDE = 3  # words that may be inserted at one place

Line: TypeAlias = "Sequence[str]"
Places: TypeAlias = "set[int]"
Parts: TypeAlias = "list[tuple[str, str]]"


class PatternFault(ValueError):
    """a pattern of a language's file is malformed"""


class Node:
    """Part of a pattern. `first`: the units that it can begin with; None: any, or it can be empty."""

    first: frozenset[str] | None = None

    def ends(self, line: Line, at: int) -> Places:
        """Where it can end, if it begins at this place."""
        raise NotImplementedError


@dataclass(frozen=True)
class Word(Node):
    """A word, and words that may be inserted after it."""

    units: tuple[str, ...]
    inside: Node | None

    @property
    def first(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset(self.units[:1])

    def ends(self, line: Line, at: int) -> Places:
        end = at + len(self.units)
        if tuple(line[at:end]) != self.units:
            return set()
        found = fresh = {end}
        for _ in range(MAX_INSIDE if self.inside else 0):
            assert self.inside is not None
            fresh = {each for place in fresh for each in self.inside.ends(line, place)} - found
            found = found | fresh
        return found


@dataclass(frozen=True)
class Row(Node):
    nodes: tuple[Node, ...]

    @property
    def first(self) -> frozenset[str] | None:  # type: ignore[override]
        return self.nodes[0].first if self.nodes else None

    def ends(self, line: Line, at: int) -> Places:
        places = {at}
        for node in self.nodes:
            places = {end for place in places for end in node.ends(line, place)}
            if not places:
                break
        return places


@dataclass(frozen=True)
class Choice(Node):
    """One of several, found by the unit that it begins with."""

    begun: Mapping[str, Sequence[Node]]
    others: Sequence[Node]
    first: frozenset[str] | None

    def ends(self, line: Line, at: int) -> Places:
        begun = self.begun.get(line[at], ()) if at < len(line) else ()
        return {end for node in (*begun, *self.others) for end in node.ends(line, at)}


def choice(nodes: Iterable[Node]) -> Node:
    begun: dict[str, list[Node]] = defaultdict(list)
    others = []
    for node in nodes:
        if node.first is None:
            others.append(node)
        for unit in node.first or ():
            begun[unit].append(node)
    return Choice(dict(begun), others, None if others else frozenset(begun))


@dataclass(frozen=True)
class Optional(Node):
    node: Node

    def ends(self, line: Line, at: int) -> Places:
        return {at, *self.node.ends(line, at)}


@dataclass(frozen=True)
class Repeated(Node):
    """Any number of times, also none."""

    node: Node

    def ends(self, line: Line, at: int) -> Places:
        found = fresh = {at}
        while fresh:
            fresh = {each for place in fresh for each in self.node.ends(line, place)} - found
            found = found | fresh
        return found


class Anything(Node):
    """One unit or more."""

    def ends(self, line: Line, at: int) -> Places:
        return set(range(at + 1, len(line) + 1))


class NoteName(Node):
    """The name of a note: n12."""

    def ends(self, line: Line, at: int) -> Places:
        for end in range(len(line), at, -1):
            if NOTE_NAME.fullmatch("".join(line[at:end])):
                return {end}
        return set()


@dataclass(frozen=True)
class Pattern:
    """What comes before what the command is about, that itself, and what comes after it."""

    before: Node
    argument: Node
    after: Node

    def places(self, line: Line, at: int) -> tuple[int, int] | None:
        """Where the argument begins and ends, if the pattern matches from this place to the end."""
        for start in sorted(self.before.ends(line, at)):
            for end in sorted(self.argument.ends(line, start), reverse=True):
                if len(line) in self.after.ends(line, end):
                    return start, end
        return None


@dataclass
class Grammar:
    """Makes patterns of texts. `lists` are those of the file.

    `spaced`: units are words, else characters. `elides`: an apostrophe divides words.
    """

    lists: Mapping[str, Sequence[str]]
    spaced: bool
    elides: bool
    _made: dict[str, Node] = field(default_factory=dict)

    def listed(self, name: str) -> Node:
        """Any entry of this list. Raises PatternFault."""
        if name not in self._made:
            self._made[name] = choice(self.node(text) for text in self.lists[name])
        return self._made[name]

    def node(self, text: str) -> Node:
        """A pattern without an argument. Raises PatternFault."""
        node, rest = self._options(_parts(text), text)
        if rest:
            raise PatternFault(text)
        return node

    def pattern(self, text: str) -> Pattern:
        """A pattern with an argument. Raises PatternFault."""
        before, rest = self._options(_parts(text), text)
        argument, rest = self._options(_expect("{", rest, text), text)
        after, rest = self._options(_expect("}", rest, text), text)
        if rest:
            raise PatternFault(text)
        return Pattern(before, argument, after)

    def line(self, words: Iterable[str]) -> list[str]:
        """The units of these folded words."""
        return [unit for word in words for unit in self.units(word)]

    def units(self, word: str) -> tuple[str, ...]:
        return units(word, spaced=self.spaced, elides=self.elides)

    def _written(self, text: str) -> tuple[str, ...]:
        """The units of a word in the file, which may have hyphens."""
        return tuple(self.line(map(fold, filter(None, text.split("-")))))

    def _options(self, parts: Parts, text: str) -> tuple[Node, Parts]:
        """What stands up to a closing sign, or to the argument; and the rest."""
        options, row = [], list[Node]()
        while parts and parts[0] not in {("sign", sign) for sign in ")]}{"}:
            kind, what = parts[0]
            if (kind, what) == ("sign", "|"):
                options.append(Row(tuple(row)))
                row, parts = [], parts[1:]
                continue
            node, parts = self._node(parts, text)
            row.append(node)
        options.append(Row(tuple(row)))
        return (options[0] if len(options) == 1 else choice(options)), parts

    def _node(self, parts: Parts, text: str) -> tuple[Node, Parts]:
        (kind, what), parts = parts[0], parts[1:]
        if kind == "word":
            return Word(self._written(what), self._inside()), parts
        if kind == "list":
            if what not in self.lists:
                raise PatternFault(f"{text}: there is no list {what}")
            return self.listed(what), parts
        match what:
            case "*":
                return Anything(), parts
            case ":":
                return Word((":",), None), parts
            case "#":
                return NoteName(), parts
            case "(" | "[":
                return self._group(what, parts, text)
            case _:
                raise PatternFault(text)

    def _group(self, sign: str, parts: Parts, text: str) -> tuple[Node, Parts]:
        node, parts = self._options(parts, text)
        parts = _expect(CLOSING[sign], parts, text)
        if parts and parts[0] == ("sign", "?"):
            return Optional(node), parts[1:]
        return (Optional(node) if sign == "[" else node), parts

    def _inside(self) -> Node | None:
        if "inside" not in self._made and self.lists.get("inside"):
            inserted = (
                Row(tuple(Word(self._written(part), None) for part in text.split()))
                for text in self.lists["inside"]
            )
            self._made["inside"] = choice(inserted)
        return self._made.get("inside")


def _parts(text: str) -> Parts:
    parts, end = [], 0
    for part in PART.finditer(text):
        if part.start() != end:
            raise PatternFault(text)
        end = part.end()
        if part.lastgroup:
            parts.append((part.lastgroup, part[part.lastgroup]))
    if end != len(text):
        raise PatternFault(text)
    return parts


def _expect(sign: str, parts: Parts, text: str) -> Parts:
    """What comes after this sign. Raises PatternFault."""
    if not parts or parts[0] != ("sign", sign):
        raise PatternFault(text)
    return parts[1:]
