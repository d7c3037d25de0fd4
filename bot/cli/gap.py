"""Commands about gaps: stretches in which a stream was disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, pass_app
from bot.domain.as_json import to_json

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
        output.print_json([{**to_json(known), "closed_by": known.closed_by} for known in found])
    elif found:
        head = ("over", "stream", "why", "since", "until", "closed", "by")
        output.Page().table(head, map(_row, found), fold=("why",))
    else:
        output.message("There is none open." if still_open else "Nothing has disturbed its streams yet.")


def _row(known: RecordedGap) -> tuple[str, ...]:
    since, until = ("-" if place is None else str(place) for place in (known.since, known.until))
    return (
        output.format_time(known.at),
        known.host,
        known.why,
        since,
        until,
        output.format_time(known.closed_at),
        known.closed_by or "(open)",
    )
