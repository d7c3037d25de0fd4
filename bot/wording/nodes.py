"""What a pattern is made of, and what each part matches. Pure.

A line is a row of units: words, or the characters of a language that puts no spaces between words. A node
tells at which places it can end, if it begins at one. So all readings of a line are followed at once, and no
pattern is slow. Compiling the same patterns to regular expressions took seconds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import regex

from bot.wording.tokens import QUOTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NOTE_NAME = regex.compile(r"n\d+")
MAX_INSIDE = 3  # words that may be inserted at one place

Places: TypeAlias = "set[int]"


class Line(list[str]):
    """The units of a line. `known`: where nodes can end in it, by node and place."""

    def __init__(self, units: Iterable[str] = ()) -> None:
        super().__init__(units)
        self.known: dict[tuple[int, int], Places] = {}


class Node:
    """Part of a pattern.

    `first`: the units that it can begin with; None: any. `empty`: whether it can match nothing.
    """

    first: frozenset[str] | None = None
    empty: bool = False

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

    @property
    def empty(self) -> bool:  # type: ignore[override]
        return not self.units

    def ends(self, line: Line, at: int) -> Places:
        end = at + len(self.units)
        if tuple(line[at:end]) != self.units:
            return set()
        found = fresh = {end}
        for _ in range(MAX_INSIDE if self.inside else 0):
            assert self.inside is not None
            fresh = {each for place in fresh for each in self.inside.ends(line, place)} - found
            if not fresh:
                break
            found = found | fresh
        return found


@dataclass(frozen=True)
class Row(Node):
    nodes: tuple[Node, ...]

    @property
    def first(self) -> frozenset[str] | None:  # type: ignore[override]
        found: frozenset[str] = frozenset()
        for node in self.nodes:
            if node.first is None:
                return None
            found |= node.first
            if not node.empty:
                break
        return found

    @property
    def empty(self) -> bool:  # type: ignore[override]
        return all(node.empty for node in self.nodes)

    def ends(self, line: Line, at: int) -> Places:
        places = {at}
        for node in self.nodes:
            places = {end for place in places for end in node.ends(line, place)}
            if not places:
                break
        return places


@dataclass(frozen=True)
class Choice(Node):
    """One of several, found by the unit that it begins with. `others` can begin with any."""

    begun: Mapping[str, Sequence[Node]]
    others: Sequence[Node]
    first: frozenset[str] | None
    empty: bool

    def ends(self, line: Line, at: int) -> Places:
        begun = self.begun.get(line[at], ()) if at < len(line) else ()
        found = {end for node in (*begun, *self.others) for end in node.ends(line, at)}
        return found | {at} if self.empty else found


def choice(nodes: Iterable[Node]) -> Node:
    begun: dict[str, list[Node]] = defaultdict(list)
    others, empty = [], False
    for node in nodes:
        empty = empty or node.empty
        if node.first is None:
            others.append(node)
        for unit in node.first or ():
            begun[unit].append(node)
    return Choice(dict(begun), others, None if others else frozenset(begun), empty)


@dataclass(frozen=True)
class Around(Node):
    """Begins as the node that it has."""

    node: Node

    @property
    def first(self) -> frozenset[str] | None:  # type: ignore[override]
        return self.node.first


@dataclass(frozen=True)
class Known(Around):
    """Looks each place of a line up once: without spaces, gaps lead to the same places many times."""

    @property
    def empty(self) -> bool:  # type: ignore[override]
        return self.node.empty

    def ends(self, line: Line, at: int) -> Places:
        key = id(self), at
        if key not in line.known:
            line.known[key] = self.node.ends(line, at)
        return line.known[key]


@dataclass(frozen=True)
class Optional(Around):
    empty: bool = True

    def ends(self, line: Line, at: int) -> Places:
        return {at, *self.node.ends(line, at)}


@dataclass(frozen=True)
class Repeated(Around):
    """Any number of times, also none."""

    empty: bool = True

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


@dataclass(frozen=True)
class Gap(Node):
    """At most so many units. None of the `blocks` begins in it, and nothing is quoted in it."""

    most: int
    blocks: Node
    empty: bool = True

    def ends(self, line: Line, at: int) -> Places:
        end = at
        last = min(len(line), at + self.most)
        while end < last and line[end] != QUOTED and not self.blocks.ends(line, end):
            end += 1
        return set(range(at, end + 1))


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
