"""Commands about the database's schema."""

from __future__ import annotations

import click

from bot.cli import output
from bot.cli.context import App, json_option, pass_app


@click.group()
def db() -> None:
    """The database's schema."""


@db.command()
@pass_app
def upgrade(app: App) -> None:
    """Bring the schema to this version (`run` does so too)."""
    found, head = app.make_database().check()
    assert found == head
    output.message(f"The schema is at {head}.")


@db.command()
@json_option
@pass_app
@click.pass_context
def check(context: click.Context, app: App, *, as_json: bool) -> None:
    """Tell whether the schema is this version's; exit 1 if not."""
    from contextlib import closing

    from memory.db import Database

    with closing(Database(app.settings.database)) as database:
        found, head = database.check()
    if as_json:
        output.print_json({"found": found, "wanted": head, "ok": found == head})
    else:
        click.echo(f"found {found or 'none'}, wanted {head}")
    if found != head:
        output.message("Run `scrubjay db upgrade`.")
        context.exit(1)
