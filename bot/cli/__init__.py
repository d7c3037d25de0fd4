"""The command line: parse, call, print. Data on stdout, messages on stderr. Exit codes: `bot.cli.exits`."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.context import App, RootGroup
from bot.cli.db import db
from bot.cli.db_backup import backup, move, restore
from bot.cli.declare import declare
from bot.cli.gap import gap
from bot.cli.memory import memory
from bot.cli.memory_reindex import reindex
from bot.cli.mention import mention
from bot.cli.pause import pause, resume, stop
from bot.cli.person import person
from bot.cli.persona import persona
from bot.cli.post import post
from bot.cli.probe import probe
from bot.cli.replay import replay
from bot.cli.run import chat, demo, doctor, record, run
from bot.cli.stats import stats
from bot.cli.turn import turn


@click.group(cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A scrubjay.toml elsewhere than here.",
)
@click.version_option(package_name="scrubjay", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """A Bluesky bot that remembers people.

    WHO is a handle (with or without @) or a DID; NOTE is a note's name, like n12; URI is a post's AT URI or
    its link to bsky.app.
    """
    context.obj = App(config)
    context.call_on_close(context.obj.close)


for command in (
    run,
    pause,
    resume,
    stop,
    record,
    chat,
    demo,
    doctor,
    declare,
    db,
    person,
    memory,
    mention,
    post,
    gap,
    turn,
    replay,
    probe,
    persona,
    stats,
):
    main.add_command(command)
memory.add_command(reindex)
for command in (backup, restore, move):
    db.add_command(command)
