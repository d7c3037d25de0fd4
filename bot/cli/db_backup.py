"""Commands that make, check and restore backups, and move a store to PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, confirm, json_option, now, pass_app, yes_option
from bot.cli.db import print_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.backup.restoring import Report, Site

place_argument = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
all_option = click.option(
    "--all", "everything", is_flag=True, help="FILE is a folder, with ledger, journal, persona and settings."
)


@click.command()
@place_argument
@all_option
@pass_app
def backup(app: App, file: Path, *, everything: bool) -> None:
    """Write a backup to the new FILE, also while the bot runs, with a manifest beside it."""
    from bot.backup import folder, making
    from memory.db import Database

    with closing(Database(app.settings.database)) as database, _progress("pages") as told:
        if everything:
            made = folder.make(database, app.settings, file, now(), lambda *done: told("pages", *done))
        else:
            made = making.make(database, file, now(), lambda *done: told("pages", *done))
    rows = sum(rows.count for rows in made.contents.tables.values())
    output.message(f"Written to {file}, readable only by you: {rows} rows, {made.size} bytes, no secrets.")
    output.message(
        "It has what people wrote. Delete it within 7 days: what is forgotten from now on is in it."
    )


@click.command()
@place_argument
@all_option
@click.option("--check", "only_check", is_flag=True, help="Restore into a scratch place, and change nothing.")
@json_option
@yes_option
@pass_app
@click.pass_context
def restore(
    context: click.Context,
    app: App,
    file: Path,
    *,
    everything: bool,
    only_check: bool,
    as_json: bool,
    yes: bool,
) -> None:
    """Restore the backup FILE; the database that stands is kept under another name."""
    from bot.backup import folder, restoring
    from memory.db import Database

    if not file.exists():
        raise click.UsageError(f"There is no {file}.")
    if file.is_dir() and not everything:
        raise click.UsageError(f"{file} is a folder. If `db backup --all` made it, add --all.")
    database = folder.database_in(file) if everything else file
    kept = file if everything else None
    if only_check:
        report = restoring.check(database, _site(app), kept)
    else:
        with _settings_of(app, kept):
            site = _site(app)
            confirm(f"Put {file} into the place of {Database(site.database).shown_url}?", yes=yes)
            report = restoring.restore(database, site, kept)
        if everything:
            _place_persona(app, file)
    if as_json:
        output.print_json({"ok": report.ok, "report": report})
    else:
        _print(report)
    context.exit(not report.ok)


def _site(app: App) -> Site:
    from bot import clock, log
    from bot.backup.restoring import Site

    log.configure(app.settings.log_level, app.settings.log_format)
    return Site(app.settings.database, app.settings.data_dir, app.memory, clock.now)


def _print(report: Report) -> None:
    made = report.manifest
    if made is not None:
        output.message(f"Made {output.format_time(made.made_at)} by scrubjay {made.scrubjay}.")
    print_findings(report.findings)
    for name, lines in report.merged.items():
        output.message(f"{name}: {lines} lines of the backup's were not here.")
    if (erased := report.erased) is not None:
        output.message(
            f"Erased from it, as the journal says: {erased.people} people, {erased.posts} posts, "
            f"{erased.notes} notes, {erased.answers} answers."
        )
    if report.replaced is not None:
        output.message(f"What stood there is kept as {report.replaced}. Delete it once all is well.")


@contextmanager
def _settings_of(app: App, source: Path | None) -> Iterator[None]:
    """Put the settings file of this folder here if there is none; not if the block fails.

    What it says holds for the rest of the command.
    """
    from bot.backup import folder
    from bot.config.loading import CONFIG

    saved, here = (source or Path()) / folder.SETTINGS, Path(folder.SETTINGS)
    if source is None or not saved.is_file():
        yield
        return
    if app.config is not None or CONFIG in os.environ or os.path.lexists(here):
        output.message(f"Your settings are left alone; those of the backup are in {saved}.")
        yield
        return
    shutil.copyfile(saved, here)
    try:
        here.chmod(0o600)
        yield
    except BaseException:
        here.unlink()
        raise
    output.message(f"Settings written to {here.absolute()}. Set the secrets that it names.")


def _place_persona(app: App, source: Path) -> None:
    from bot.backup import folder

    saved, wanted = source / folder.PERSONA, app.settings.persona_file
    if wanted is None or not saved.is_file():
        return
    if not wanted.exists():
        shutil.copyfile(saved, wanted)
        output.message(f"Persona written to {wanted}.")
    elif wanted.read_bytes() != saved.read_bytes():
        output.message(f"{wanted} is left alone; the persona of the backup is in {saved}.")


@click.command()
@click.option("--to", "url", required=True, metavar="URL", help="postgresql://user@host/database, empty.")
@pass_app
def move(app: App, url: str) -> None:
    """Move the SQLite database to PostgreSQL, whole. Run it again if it was killed.

    The daemon must be stopped. A password is better not in the URL: PGPASSWORD and ~/.pgpass are read.
    """
    from bot import clock
    from bot.backup import moving
    from memory.db import Database

    source, target = Database(app.settings.database), Database(url)
    with closing(source), closing(target), _progress("rows") as told:
        for step in moving.move(source, target, app.settings.data_dir / "journal", clock.now):
            told(step.table, step.copied, step.count)
    output.message(f"All rows are in {target.shown_url}, and the same. Set SCRUBJAY_DATABASE_URL to it.")
    output.message(f"{source.shown_url} is as it was, and marked as moved: no daemon starts on it.")


@contextmanager
def _progress(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that shows how many of all are done: a bar on a terminal, else a line at each end."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: output.message(f"{name}: {done} {unit}") if done == total else None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(unit)
        yield lambda name, done, total: progress.update(bar, description=name, completed=done, total=total)
