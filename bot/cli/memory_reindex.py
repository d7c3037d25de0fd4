"""The command that computes the vectors of all passages again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, pass_app

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command()
@pass_app
def reindex(app: App) -> None:
    """Make the vectors of the encoder that is set; it goes on where it was stopped."""
    encoder, done = app.memory.retrieval.encoder.name, 0
    for done, _ in _with_progress(app.memory.retrieval.reindex(app.database)):  # noqa: B007 - the last one counts
        pass
    output.message(f"{done} passages have new vectors; all are by {encoder}.")


def _with_progress(steps: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield the steps; show a progress bar if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield from steps
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("vectors")
        for done, total in steps:
            progress.update(bar, completed=done, total=total)
            yield done, total
