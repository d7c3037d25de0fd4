"""The people it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, pass_app, who_argument

if TYPE_CHECKING:
    from memory.model import Person


@click.group()
def person() -> None:
    """The people it knows."""


@person.command("list")
@limit_option
@json_option
@pass_app
def list_(app: App, limit: int, *, as_json: bool) -> None:
    """Who spoke to it, the latest first."""
    with app.database.read() as tx:
        people = app.memory.people.recent(tx, limit)
    if as_json:
        output.document([_summary(one, notes) for one, notes in people])
    elif people:
        rows = [(_handle(one), str(notes), output.when(one.last_seen), one.did) for one, notes in people]
        output.Page().table(("who", "notes", "last seen", "did"), rows, fold=("who",))
    if not people:
        output.message("Nobody has spoken to it yet.")


@person.command()
@who_argument
@json_option
@pass_app
def show(app: App, who: str, *, as_json: bool) -> None:
    """One person: names, dates, and how much is remembered."""
    with app.database.read() as tx:
        one = app.memory.people.get(tx, who)
        known = app.memory.recall(tx, one.did)
        handles = app.memory.people.handles(tx, one.did)
    if as_json:
        named = [{"handle": handle, "since": since} for since, handle in handles]
        output.document(_summary(one, len(known.notes)) | {"handles": output.plain(named)})
        return
    items = [
        ("who", _handle(one)),
        ("did", one.did),
        ("profile", f"https://bsky.app/profile/{one.did}"),
        ("first seen", output.when(one.first_seen)),
        ("last seen", output.when(one.last_seen)),
        ("account", one.status or "active"),
        ("introduced", output.when(one.introduced_at)),
        ("notes", _count(len(known.notes), known.block.hidden)),
        ("handles", "\n".join(f"@{handle} since {output.when(since)}" for since, handle in handles)),
    ]
    output.Page().pairs(items)


def _summary(one: Person, notes: int) -> dict[str, object]:
    return {**output.plain(one), "notes": notes}


def _count(notes: int, hidden: int) -> str:
    return f"{notes}, of which {hidden} do not fit a prompt" if hidden else str(notes)


def _handle(one: Person) -> str:
    return f"@{one.handle}" if one.handle else "-"
