"""Makes nodes of the patterns of a language's file. Pure.

A pattern is a row of words. `[x]` and `(x)?` may be missing, `(x|y)` is one of several, `<list>` is an entry
of a list, `*` any words, `~` a few words or none, but none of the list `blocks`, `:` that mark, `#` a note's
name (n12), `{x}` is what the command is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import regex

from bot.wording.nodes import Anything, Gap, Known, Line, Node, NoteName, Optional, Pattern, Row, Word, choice
from bot.wording.tokens import fold, units

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PART = regex.compile(r"<(?P<list>\w+)>|(?P<sign>[][(){}|*:#?~])|(?P<word>[^][(){}|*:#<>?~\s]+)|\s+")
CLOSING = {"(": ")", "[": "]"}
MAX_GAP, MAX_GAP_SPACELESS = 3, 8  # units of a gap

Parts: TypeAlias = "list[tuple[str, str]]"


class PatternFault(ValueError):
    """a pattern of a language's file is malformed"""


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
            listed = choice(self.node(text) for text in self.lists[name])
            self._made[name] = listed if self.spaced else Known(listed)
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

    def line(self, words: Iterable[str]) -> Line:
        """The units of these folded words."""
        return Line(unit for word in words for unit in self.units(word))

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
        if what in "([":
            return self._group(what, parts, text)
        return self._sign(what, text), parts

    def _sign(self, sign: str, text: str) -> Node:
        match sign:
            case "*":
                return Anything()
            case "~":
                return Gap(MAX_GAP if self.spaced else MAX_GAP_SPACELESS, self.listed("blocks"))
            case ":":
                return Word((":",), None)
            case "#":
                return NoteName()
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
