"""Commands that export and import all that is held about people."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from bot.cli import output
from bot.cli.context import App, now, pass_app
from memory.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.privacy.reapplying import Imported

MAX_ROWS = 1_000_000


@click.command()
@click.argument("who", required=False)
@click.option("--all", "everyone", is_flag=True, help="Everyone, a line each.")
@click.option(
    "--output", "path", type=click.Path(dir_okay=False, path_type=Path), help="A new file, instead of stdout."
)
@pass_app
def export(app: App, who: str | None, path: Path | None, *, everyone: bool) -> None:
    """All that is held about a person, as JSON."""
    from bot.privacy.export import document

    if (who is None) is not everyone:
        raise click.UsageError("Name a person, or say --all.")
    with app.database.read() as tx, _open_output(path) as file:
        if who is not None:
            output.print_json(document(tx, app.memory, app.did(tx, who)), file)
        else:
            dids = [person.did for person, _ in app.memory.people.recent(tx, MAX_ROWS)]
            for did in _with_progress("exporting", dids):
                file.write(json.dumps(document(tx, app.memory, did)) + "\n")
    if path is not None:
        output.message(f"Written to {path}, readable only by you.")


@contextmanager
def _open_output(path: Path | None) -> Iterator[TextIO]:
    """Open stdout or a new file for the export. The file is deleted if the export fails."""
    if path is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{path} exists already; name a new file.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


@click.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@pass_app
def import_(app: App, file: TextIO) -> None:
    """Take in what `memory export` wrote; a person is taken in whole or not at all.

    Who is here already with the same memory is passed over, who is here with another is left alone. What was
    forgotten since the export is left out.
    """
    from bot.privacy.reapplying import import_person
    from memory import documents

    try:
        text = file.read()
    except UnicodeDecodeError:
        raise click.UsageError(f"{file.name} is no text in UTF-8.") from None
    found, broken = _valid_documents(documents.split(text))
    refused, left_out = [broken] if broken else [], []
    taken, known, database = 0, 0, app.make_database()
    for line, document in _with_progress("importing", found):
        try:
            with database.write() as tx:
                one = import_person(tx, app.memory, app.ledger, app.journal, document, now())
        except ImportRefused as error:
            refused.append(f"line {line}: {error}")
        else:
            taken, known = taken + one.fresh, known + one.known
            if one.left_out is not None:
                left_out.append(f"line {line}: {_told_left_out(one)}")
    output.message(f"Took in {taken}, {known} were here already, {len(refused)} refused.")
    for reason in (*refused, *left_out):
        output.message(output.escape(reason))
    if refused or left_out:
        raise click.exceptions.Exit(1)


def _told_left_out(imported: Imported) -> str:
    notes = f"{imported.left_out} {'note' if imported.left_out == 1 else 'notes'}"
    who = "they were" if imported.erased else "those notes or their posts were"
    return (
        f"{notes} of {imported.did} left out: {who} forgotten after the export was made, and the journal of "
        "erasures says so. What they tell the bot from now on is remembered."
    )


def _valid_documents(found: Iterable[tuple[int, str]]) -> tuple[list[tuple[int, str]], str]:
    """Return the documents before the first that is no JSON, and the error there ('' if there is none)."""
    documents: list[tuple[int, str]] = []
    try:
        documents.extend(found)
    except ImportRefused as error:
        return documents, str(error)
    return documents, ""


def _with_progress(what: str, items: Sequence[Any]) -> Iterator[Any]:
    """Yield the items; show a progress bar if stderr is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, what, console=console, transient=True, disable=not console.is_terminal)
