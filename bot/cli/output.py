"""Prints data on stdout and messages on stderr. Text of strangers cannot control the terminal."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import click

from bot.domain.as_json import dumps, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji and Persian need them
LATIN = 0x9F  # up to this code point, a space other than blank is a control character
PIPE_WIDTH = 100_000  # without a terminal no line is broken, so that grep finds whole lines
STYLES = {
    **dict.fromkeys(("answered", "reply", "same"), "green"),
    **dict.fromkeys(("failed", "trouble", "refused", "stumbled"), "bold red"),
    **dict.fromkeys(("declined", "expired", "changed"), "yellow"),
}


def message(text: str) -> None:
    click.echo(text, err=True)


def escape(text: str) -> str:
    """Return the text with control and bidi characters as escapes: they could change the text around them."""
    return "".join(char if char.isprintable() or char in f"\n{JOINERS}" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return " " if char.isspace() and ord(char) > LATIN else escaped(char)


def print_json(value: Any, file: TextIO | None = None) -> None:
    """Print `value` as one JSON document, dataclasses and times included."""
    click.echo(dumps(value, indent=2), file=file)


def format_time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%MZ}" if at else "-"


class Page:
    """Prints tables, pairs and cards on stdout, as wide as the terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self._console: Console = Console(
            file=sys.stdout, width=width, markup=False, highlight=False, emoji=False
        )

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], fold: Sequence[str]) -> None:
        """Print a table; only the columns in `fold` may be broken into lines."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, no_wrap=column not in fold, overflow="fold")
        for row in rows:
            table.add_row(*(Text(escape(" ".join(cell.split()))) for cell in row))
        with self._console.capture() as captured:
            self._console.print(table)
        for line in captured.get().splitlines():
            self._console.file.write(f"{line.rstrip()}\n")

    def pairs(self, items: Iterable[tuple[str, str]]) -> None:
        """Print a line (or more) for each name and value, without the empty ones."""
        shown = [(name, value) for name, value in items if value]
        indent = max((len(name) for name, _ in shown), default=0) + 2
        for name, value in shown:
            self._lines(name.ljust(indent), value, style=STYLES.get(value, ""), label="bold")

    def card(self, head: Sequence[str], body: Iterable[str]) -> None:
        """Print a head of some words, with what belongs to it below and indented."""
        from rich.text import Text

        first = Text(escape(head[0]).ljust(8), style=STYLES.get(head[0], "cyan"))
        self._console.print(first, escape("  ".join(filter(None, head[1:]))), sep="  ", soft_wrap=True)
        for text in body:
            self._lines("  ", text)

    def heading(self, text: str, note: str = "") -> None:
        """Print a heading below an empty line, with a note beside it."""
        from rich.text import Text

        parts = [(escape(text), "bold"), (f"  {escape(note)}" if note else "", "dim")]
        self._console.print()
        self._console.print(Text.assemble(*parts), soft_wrap=True)

    def prose(self, text: str, indent: int = 2) -> None:
        """Print lines of text, indented."""
        self._lines(" " * indent, text)

    def _lines(self, label_text: str, value: str, style: str = "", label: str = "") -> None:
        from rich.text import Text

        for number, line in enumerate(self._wrapped(escape(value), len(label_text))):
            start = label_text if number == 0 else " " * len(label_text)
            line.stylize(style)
            self._console.print(Text.assemble((start, label), line), soft_wrap=True)

    def _wrapped(self, value: str, indent: int) -> list[Any]:
        """Break a value into lines; a URI stays whole, so that it can be copied."""
        from rich.text import Text

        room = max(self._console.width - indent, 20)
        lines: list[Any] = []
        for part in value.split("\n"):
            lines += Text(part).wrap(self._console, room) if " " in part else [Text(part)]
        return lines
