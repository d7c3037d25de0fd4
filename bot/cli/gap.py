"""Where its streams were disturbed, and what was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, pass_app

if TYPE_CHECKING:
    from bot.storage.gaps import RecordedGap


@click.group()
def gap() -> None:
    """Where its streams were disturbed, and what was done about it."""


@gap.command("list")
@click.option("--open", "still_open", is_flag=True, help="Only those in which something may be missing.")
@limit_option
@json_option
@pass_app
def list_(app: App, limit: int, *, still_open: bool, as_json: bool) -> None:
    """The gaps in what it heard, the latest first: from where to where, and what closed them."""
    from bot.storage import gaps

    with app.database.read() as tx:
        found = gaps.latest(tx, limit=limit, still_open=still_open)
    if as_json:
        output.document([{**output.plain(one), "closed_by": one.closed_by} for one in found])
    elif found:
        head = ("over", "stream", "why", "since", "until", "closed", "by")
        output.Page().table(head, map(_row, found), fold=("why",))
    else:
        output.message("There is none open." if still_open else "Nothing has disturbed its streams yet.")


def _row(one: RecordedGap) -> tuple[str, ...]:
    since, until = ("-" if place is None else str(place) for place in (one.since, one.until))
    return (
        output.when(one.at),
        one.host,
        one.why,
        since,
        until,
        output.when(one.closed_at),
        one.closed_by or "(open)",
    )
