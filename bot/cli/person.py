"""Commands about the people that the bot knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, pass_app, who_argument
from bot.domain.as_json import to_json

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
        output.print_json([_summary(person, notes) for person, notes in people])
    elif people:
        rows = [
            (_handle(person), str(notes), output.format_time(person.last_seen), person.did)
            for person, notes in people
        ]
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
        person = app.memory.people.get(tx, who)
        known = app.memory.recall(tx, person.did)
        handles = app.memory.people.handles(tx, person.did)
    if as_json:
        named = [{"handle": handle, "since": since} for since, handle in handles]
        output.print_json(_summary(person, len(known.notes)) | {"handles": to_json(named)})
        return
    items = [
        ("who", _handle(person)),
        ("did", person.did),
        ("profile", f"https://bsky.app/profile/{person.did}"),
        ("first seen", output.format_time(person.first_seen)),
        ("last seen", output.format_time(person.last_seen)),
        ("account", person.status or "active"),
        ("introduced", output.format_time(person.introduced_at)),
        ("notes", _count(len(known.notes), known.block.hidden)),
        ("handles", "\n".join(f"@{handle} since {output.format_time(since)}" for since, handle in handles)),
    ]
    output.Page().pairs(items)


def _summary(person: Person, notes: int) -> dict[str, object]:
    return {**to_json(person), "notes": notes}


def _count(notes: int, hidden: int) -> str:
    return f"{notes}, of which {hidden} do not fit a prompt" if hidden else str(notes)


def _handle(person: Person) -> str:
    return f"@{person.handle}" if person.handle else "-"
