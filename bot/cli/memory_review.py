"""Commands about notes that wait for the operator's review."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.context import App, confirm, json_option, now, pass_app, yes_option
from bot.cli.memory_forget import note_id
from bot.domain.as_json import to_json

if TYPE_CHECKING:
    from memory.model import Note

notes_argument = click.argument("names", metavar="NOTE...", nargs=-1, required=True)


@click.command()
@click.argument("who", metavar="[WHO]", required=False)
@json_option
@pass_app
def review(app: App, who: str | None, *, as_json: bool) -> None:
    """Notes that wait for `accept`, `drop` or `edit`: no prompt shows them."""
    with app.database.read() as tx:
        notes = app.memory.reviews.waiting(tx, app.did(tx, who) if who else None)
        names = {did: app.name(tx, did) for did in {note.did for note in notes}}
    if as_json:
        output.print_json([note_json(note) for note in notes])
    elif notes:
        rows = [_row(note, names[note.did]) for note in notes]
        output.Page().table(("note", "who", "said", "text"), rows, fold=("who", "text"))
    else:
        output.message("No note waits.")


def _row(note: Note, who: str) -> tuple[str, ...]:
    return note.name, who, output.format_time(note.receipt.said_at), note.text


def note_json(note: Note) -> dict[str, Any]:
    return {"name": note.name, **to_json(note)}


@click.command()
@notes_argument
@pass_app
def accept(app: App, names: tuple[str, ...]) -> None:
    """Let prompts show notes that wait."""
    with app.database.write() as tx:
        accepted = [app.memory.reviews.accept(tx, each) for each in dict.fromkeys(map(note_id, names))]
    output.message(f"Accepted: {', '.join(note.name for note in accepted)}.")


@click.command()
@notes_argument
@yes_option
@pass_app
def drop(app: App, names: tuple[str, ...], *, yes: bool) -> None:
    """Erase notes that wait. What they had replaced holds again."""
    from bot.privacy.erasure import propagate_erasure

    confirm(f"Erase {', '.join(map(output.escape, names))}, for good?", yes=yes)
    at, ids = now(), dict.fromkeys(map(note_id, names))
    with app.database.write() as tx, ExitStack() as erasures:
        notes = [app.memory.note(tx, each) for each in ids]
        for did in {note.did for note in notes}:  # the journal is told once all are dropped
            erasures.enter_context(propagate_erasure(tx, app.memory, app.journal, did, at))
        for note in notes:
            app.memory.reviews.drop(tx, note.id, at)
    output.message(f"Dropped: {', '.join(note.name for note in notes)}.")
