"""The result of a demo, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of the demo. It is good if nothing is double, lost or wrong."""

    mentions: int
    answered: int
    double: int
    lost: int
    notes: int
    seconds: float
    kills: int
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not (self.double or self.lost or self.wrong)


def print_verdict(console: Console, summary: Summary, kept: Path | None) -> None:
    """Print what went wrong, the figures, and where to look if the data is `kept`."""
    console.print()
    for problem in summary.wrong:
        console.print(Text(f"✗ {problem}", style="red"))
    console.print(
        Text(
            f"{'✓' if summary.good else '✗'} {summary.mentions} mentions: {summary.answered} answered, "
            f"{summary.double} twice, {summary.lost} lost; {summary.notes} notes; {summary.seconds} s",
            style="bold green" if summary.good else "bold red",
        )
    )
    if kept is not None:
        console.print(f"Look around: scrubjay --config {kept / 'scrubjay.toml'} memory list ana.test")
