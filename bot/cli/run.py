"""Commands that run the bot: run, record, chat, demo, doctor."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bot.cli import output
from bot.cli.context import App, json_option, pass_app
from bot.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.config.settings import Settings
    from bot.doctor.check import Check


@click.command()
@click.option(
    "--role",
    type=click.Choice(["all", "listen", "work"]),
    default="all",
    show_default=True,
    help="Only listen, or only work.",
)
@click.option("--source", metavar="SOURCE", help="jetstream, firehose, or replay:FILE.")
@click.option("--speed", type=click.FloatRange(min=0), help="Replay so many times faster; 0: at once.")
@pass_app
def run(app: App, role: Literal["all", "listen", "work"], source: str | None, speed: float | None) -> None:
    """Run the bot until it is told to stop."""
    import asyncio

    settings = _with_source(app.settings, source, speed)
    settings.require_account()
    from bot import app as bot
    from bot import log

    log.configure(settings.log_level, settings.log_format)
    asyncio.run(bot.run(settings, role))


def _with_source(settings: Settings, source: str | None, speed: float | None = None) -> Settings:
    """Return the settings with another source, and another speed, if they are given."""
    from bot.config.types import check_source

    try:
        changes = {"source": source and check_source(source), "replay_speed": speed}
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--source") from None
    return settings.model_copy(update={name: value for name, value in changes.items() if value is not None})


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="For so long; else until ^C.")
@click.option("--source", type=click.Choice(["jetstream", "firehose"]), help="Another than is set.")
@pass_app
@click.pass_context
def record(context: click.Context, app: App, file: Path, seconds: float | None, source: str | None) -> None:
    """Write what the stream sends to FILE, to be replayed (`run --source replay:FILE`)."""
    import asyncio

    from bot import factory, log
    from bot.streams import recording

    settings = _with_source(app.settings, source)
    if settings.replay_path is not None:
        raise click.UsageError("A recording cannot be recorded: give --source.")
    log.configure(settings.log_level, settings.log_format)
    with file.open("wb") as target:
        stream, recorder = factory.make_recorder(settings, target)
        with suppress(KeyboardInterrupt):
            asyncio.run(recording.record(stream, seconds))
    output.message(f"{recorder.count} messages written to {file}; {stream.counts['gaps']} gaps.")
    context.exit(0 if stream.counts["connected"] else 1)


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
    from bot.demo import demo as playing

    context.exit(playing.run(as_json=as_json, keep=keep, kills=kills, seed=seed))


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
        output.print_json(found)
    bad = sum(not check.ok for check in found)
    if bad:
        output.message(f"{bad} of {len(found)} checks failed.")
    context.exit(1 if bad else 0)


def _checks(app: App) -> Iterator[Check]:
    from bot import doctor as checking

    try:
        settings = app.settings
    except SettingsError as error:
        yield from checking.settings_checks(error)
    else:
        yield from checking.checks(settings)


def _print(check: Check) -> None:
    mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red", bold=True)
    click.echo(f"{mark}  {check.name:<9} {output.escape(check.detail)}")
    if check.mend:
        click.echo(f"      {'':<9} mend: {output.escape(check.mend)}")
