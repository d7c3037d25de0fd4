"""To run the bot, to talk to it, to see it work, and to find out why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from bot.cli import out
from bot.cli.common import App, json_option, pass_app
from bot.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.doctor import Check


@click.command()
@click.option(
    "--role",
    type=click.Choice(["all", "listen", "work"]),
    default="all",
    show_default=True,
    help="Only listen, or only work.",
)
@pass_app
def run(app: App, role: Literal["all", "listen", "work"]) -> None:
    """Run the bot until it is told to stop."""
    import asyncio

    settings = app.settings
    settings.require_account()
    from bot import app as bot
    from bot import log

    log.configure(settings.log_level, settings.log_format)
    asyncio.run(bot.run(settings, role))


@click.command()
@pass_app
@click.pass_context
def chat(context: click.Context, app: App) -> None:
    """Talk to the bot in this terminal."""
    from bot import chat as chatting
    from bot import log

    log.configure("warning", app.settings.log_format)
    context.exit(chatting.run(app.settings))


@click.command()
@json_option
@click.option("--keep", is_flag=True, help="Keep the network's and the bot's data afterwards.")
@click.option("--kill", "kills", type=click.IntRange(0, 50), default=0, help="Kill the daemon this often.")
@click.option("--seed", type=int, help="When it is killed, repeatably.")
@click.pass_context
def demo(context: click.Context, *, as_json: bool, keep: bool, kills: int, seed: int | None) -> None:
    """Watch it at work on a network of its own."""
    from bot import demo as demonstration

    context.exit(demonstration.run(as_json=as_json, keep=keep, kills=kills, seed=seed))


@click.command()
@json_option
@pass_app
@click.pass_context
def doctor(context: click.Context, app: App, *, as_json: bool) -> None:
    """Check all it needs, and tell what mends it."""
    found = []
    for check in _checks(app):
        found.append(check)
        if not as_json:
            _print(check)
    if as_json:
        out.document(found)
    bad = sum(not check.ok for check in found)
    if bad:
        out.message(f"{bad} of {len(found)} checks failed.")
    context.exit(1 if bad else 0)


def _checks(app: App) -> Iterator[Check]:
    from bot import doctor as checking

    try:
        settings = app.settings
    except SettingsError as error:
        yield from checking.unset(error)
    else:
        yield from checking.checks(settings)


def _print(check: Check) -> None:
    mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
    click.echo(f"{mark}  {check.name:<9} {out.clean(check.detail)}")
    if check.mend:
        click.echo(f"      {'':<9} mend: {out.clean(check.mend)}")
