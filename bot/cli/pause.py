"""The operator's brake: pause, resume, stop."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.context import App, confirm, now, pass_app, yes_option

if TYPE_CHECKING:
    from datetime import datetime

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=365)


class Span(click.ParamType[timedelta]):
    """A span of time such as 90m, 2h or 3d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", value)
        span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
        if span is None or span > LONGEST:
            self.fail(
                f"{output.escape(value)!r} is no span of at most a year, such as 90m, 2h or 3d.", param, ctx
            )
        return span


@click.command()
@click.option("--for", "span", type=Span(), metavar="SPAN", help="End it by itself: 90m, 2h, 3d.")
@click.option("--aging", is_flag=True, help="Let mentions grow too old meanwhile.")
@pass_app
def pause(app: App, span: timedelta | None, *, aging: bool) -> None:
    """Answer nothing for now; go on listening.

    It goes on obeying `stop` and `forget me`. Mentions wait, and are answered after the pause.
    """
    from bot.storage import pauses

    until = now() + span if span else None
    with app.database.write() as tx:
        pauses.begin(tx, now(), until, ages=aging)
    _tell_pause(until)


def _tell_pause(until: datetime | None) -> None:
    end = f"until {output.format_time(until)}" if until else "until `scrubjay resume`"
    output.message(f"It is paused {end}. It goes on listening, and obeys `stop` and `forget me`.")


@click.command()
@pass_app
def resume(app: App) -> None:
    """End the pause: answer what waits."""
    from bot.domain.mention import OPEN
    from bot.storage import pauses, vitals

    with app.database.write() as tx:
        ended = pauses.end(tx, now())
        waiting = vitals.read(tx, now()).mentions
    if ended is None:
        output.message("It was not paused.")
        return
    count = sum(waiting[state].count for state in OPEN)
    output.message(
        f"It answers again. Mentions that wait: {count}. The answers keep their distance from each other."
    )


@click.command()
@click.option("--now", "at_once", is_flag=True, required=True, help="There is no other way to stop so.")
@yes_option
@pass_app
def stop(app: App, *, at_once: bool, yes: bool) -> None:
    """Emergency stop: withdraw every draft, and pause.

    What is drafted is never posted, and leaves no memory; what is being posted just now is deleted. What
    waits to be thought about waits for `scrubjay resume`.
    """
    from bot.storage import drafts, pauses

    assert at_once
    confirm("Withdraw every draft, and pause?", yes=yes)
    with app.database.write() as tx:
        pauses.begin(tx, now(), None, ages=False)
        withdrawn = drafts.withdraw_all(tx, now())
    output.message(f"Drafts that are withdrawn: {withdrawn}.")
    _tell_pause(None)
