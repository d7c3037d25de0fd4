"""What the bot did and spent, by day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, pass_app

if TYPE_CHECKING:
    from bot.domain.meters import Voice
    from bot.storage.stats import Day


@click.command()
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="Today and before.")
@click.option("--voice", is_flag=True, help="How its own answers are, of late and by week, instead.")
@json_option
@pass_app
def stats(app: App, days: int, *, voice: bool, as_json: bool) -> None:
    """What it answered, refused and spent, day by day in UTC, the latest first."""
    from bot.clock import now
    from bot.storage import pauses
    from bot.storage import stats as storage

    if voice:
        _show_voice(app, as_json=as_json)
        return
    with app.database.read() as tx:
        found = storage.by_day(tx, now() - timedelta(days=days - 1))
        pause = pauses.current(tx, now())
    if pause:
        output.message(f"It is {pause.told()}.")
    if as_json:
        output.print_json(found)
    elif found:
        head = ("day", "replies", "posts", "calls", "tokens", "dollars", "refused")
        output.Page().table(head, map(_row, found), fold=("refused",))
    else:
        output.message("Nothing happened in these days.")


def _row(day: Day) -> tuple[str, ...]:
    refused = ", ".join(f"{reason}: {count}" for reason, count in sorted(day.refusals.items()))
    amounts = day.replies, day.posts, day.calls, day.tokens_in + day.tokens_out
    return (day.day, *map(str, amounts), f"{day.money / 1_000_000:.4f}", refused or "-")


def _show_voice(app: App, *, as_json: bool) -> None:
    from bot.clock import now
    from bot.storage import voice

    with app.database.read() as tx:
        last, weeks = voice.last(tx), voice.by_week(tx, now())
    if as_json:
        output.print_json({"last": last, "weeks": [{"from": begin, "voice": one} for begin, one in weeks]})
    elif last is None:
        output.message("No turn record has an answer. See SCRUBJAY_RETAIN_TURNS.")
    else:
        head = ("", "answers", "variety", "agree", "praise", "use memory", "characters")
        rows = [(f"week from {begin:%Y-%m-%d}", *_told(one)) for begin, one in weeks]
        output.Page().table(head, [("the last ones", *_told(last)), *rows], fold=())


def _told(voice: Voice) -> tuple[str, ...]:
    shares = (f"{share:.0%}" for share in (voice.agrees, voice.praises, voice.remembers))
    return str(voice.answers), f"{voice.variety:.2f}", *shares, f"{voice.length:.0f}"
