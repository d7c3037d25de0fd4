"""Commands about the database: its schema, and whether it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, pass_app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.backup.findings import Finding

MARKS = {True: "ok", False: "WRONG", None: "not known"}


@click.group()
def db() -> None:
    """The database: schema, backups, moves."""


@db.command()
@pass_app
def upgrade(app: App) -> None:
    """Bring the schema to this version (`run` does so too)."""
    found, head = app.make_database().check()
    newer = "" if found == head else f", newer than {head}; it lets this version run"
    output.message(f"The schema is at {found}{newer}.")


@db.command()
@json_option
@pass_app
@click.pass_context
def check(context: click.Context, app: App, *, as_json: bool) -> None:
    """Tell whether this version can run on the schema; exit 1 if not."""
    from contextlib import closing

    from memory.db import Database

    with closing(Database(app.settings.database)) as database:
        revisions = database.check()
    if as_json:
        output.print_json({"found": revisions.found, "wanted": revisions.head, "ok": revisions.fit})
    else:
        click.echo(f"found {revisions.found or 'none'}, wanted {revisions.head}")
    if not revisions.fit:
        output.message("Run `scrubjay db upgrade`.")
        context.exit(1)


@db.command()
@json_option
@pass_app
@click.pass_context
def verify(context: click.Context, app: App, *, as_json: bool) -> None:
    """Read all of it, and tell what is not as it must be; exit 1 if anything is."""
    from contextlib import closing

    from bot.backup import verifying
    from memory.db import Database

    with closing(Database(app.settings.database)) as database:
        found = list(verifying.verify(database))
    if as_json:
        output.print_json(found)
    else:
        print_findings(found)
    context.exit(any(finding.ok is False for finding in found))


def print_findings(findings: Iterable[Finding]) -> None:
    rows = [(finding.name, MARKS[finding.ok], finding.detail) for finding in findings]
    output.Page().table(("what", "", "found"), rows, fold=("found",))
