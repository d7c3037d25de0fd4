"""Commands about the history of notes: at a point, between two points, and back to one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import OPERATOR, App, confirm, json_option, now, pass_app, who_argument, yes_option
from bot.domain.as_json import to_json

if TYPE_CHECKING:
    from memory.model import Diff, Note, Point

REVISION = re.compile(r"[rR]?(\d{1,9})")
DATE = re.compile(r"\d{4}-\d\d-\d\d")


class PointType(click.ParamType["int | datetime"]):
    """A revision's number, or a time. A time without a zone is UTC; a date alone is the end of that day."""

    name = "point"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Point:
        text = str(value).strip()
        if found := REVISION.fullmatch(text):
            return int(found[1])
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            wrong = f"{output.escape(text)!r} is neither a revision (12) nor a time (2026-03-01T12:00)."
            self.fail(wrong, param, ctx)
        if DATE.fullmatch(text):
            at = datetime.combine(at, time.max)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


POINT = PointType()


@click.command()
@who_argument
@click.argument("point", metavar="DATE", type=POINT)
@json_option
@pass_app
def at(app: App, who: str, point: Point, *, as_json: bool) -> None:
    """What it knew of a person then; DATE may be a revision, too."""
    with app.database.read() as tx:
        notes = app.memory.notes_at(tx, app.did(tx, who), point)
    if as_json:
        output.print_json([{"name": note.name, **to_json(note)} for note in notes])
    elif notes:
        rows = [(note.name, output.format_time(note.receipt.said_at), note.text) for note in notes]
        output.Page().table(("note", "said", "text"), rows, fold=("text",))
    if not notes:
        output.message(f"Nothing was remembered of {who} then, or it was forgotten since.")


@click.command()
@who_argument
@click.argument("a", type=POINT)
@click.argument("b", type=POINT)
@json_option
@pass_app
def diff(app: App, who: str, a: Point, b: Point, *, as_json: bool) -> None:
    """What changed between two dates or revisions."""
    with app.database.read() as tx:
        found = app.memory.diff(tx, app.did(tx, who), a, b)
    if as_json:
        output.print_json(found)
        return
    for line in _lines(found):
        click.echo(line)
    if not _lines(found):
        output.message("Nothing changed.")


@click.command()
@who_argument
@click.option("--to", "point", type=POINT, required=True, metavar="POINT", help="A date or a revision.")
@yes_option
@pass_app
def rollback(app: App, who: str, point: Point, *, yes: bool) -> None:
    """Bring back the notes that were active then.

    Nothing is erased: a rollback is a revision and can itself be rolled back. What was forgotten stays so.
    """
    with app.database.read() as tx:
        did = app.did(tx, who)
        changes = _lines(app.memory.diff(tx, did, now(), point))
    if not changes:
        output.message("Nothing to change: that is what holds.")
        return
    confirm("\n".join([f"For {output.escape(who)} this changes:", *changes, "Do it?"]), yes=yes)
    with app.database.write() as tx:
        done = app.memory.rollback(tx, did, point, actor=OPERATOR, at=now())
    output.message(f"Restored {len(done.restored)}, withdrew {len(done.withdrawn)}.")


def _lines(found: Diff) -> list[str]:
    def shown(note: Note) -> str:
        return f"{note.name} · {output.escape(note.text)}"

    return [
        *(f"- {shown(note)}" for note in found.dropped),
        *(f"~ {shown(old)} → {shown(new)}" for old, new in found.changed),
        *(f"+ {shown(note)}" for note in found.added),
    ]
