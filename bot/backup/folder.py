"""A folder with all that a bot needs to go on but secrets: database, ledger, journal, persona, settings."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bot.backup import making, manifest
from bot.config.settings import without_secrets
from bot.errors import StoreRefused
from bot.storage import journal
from memory.files import make_private, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from bot.backup.manifest import Manifest
    from bot.config.settings import Settings
    from memory.db import Database

DATABASES = ("scrubjay.db", "scrubjay.dump")
LEDGER, JOURNAL, PERSONA, SETTINGS, README = "ledger", "journal", "persona.md", "scrubjay.toml", "README.txt"
NAMES = (
    *(name + end for name in DATABASES for end in ("", making.PARTIAL, manifest.END)),
    *(LEDGER, JOURNAL, PERSONA, SETTINGS, README),
)
TOLD = """\
A backup of a scrubjay bot, made {at:%Y-%m-%d %H:%M} UTC by scrubjay {version}. `scrubjay db restore --all
FOLDER` puts it back, `scrubjay db restore --all FOLDER --check` only looks whether it could.

{database}: what the bot knows of people, their posts, its answers. With it {database}.json, by which the
restoration is checked.
ledger, journal: salted hashes of what was answered, and of what was erased and when. They are merged into
those that stand, and never replace them.
persona.md: the persona, if there is one of your own. scrubjay.toml: the settings that are not the default.

Not in here: the app password, keys of models, the database's URL, and the account's session. Keep those
elsewhere. Whoever has this folder can read what people wrote, so delete it within 7 days: a backup keeps
what people have asked to be forgotten since.
"""


def make(
    db: Database,
    settings: Settings,
    folder: Path,
    now: datetime,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Manifest:
    """Write the new folder, for its owner only. It has its name only once it is whole.

    `progress` is that of `making.make`. Raises StoreRefused.
    """
    if folder.exists():
        raise StoreRefused(f"{folder} exists already; name a new folder")
    partial = folder.with_name(f"{folder.name}{making.PARTIAL}")
    _remove(partial)
    make_private_folder(partial)
    with making.begun(partial, _remove) as require_ours:
        made = making.make(db, partial / DATABASES[not db.is_sqlite], now, progress)
        _add_files(db, settings, partial, made)
        manifest.sync(partial)
        require_ours()
        partial.rename(folder)
    manifest.sync(folder.absolute().parent)
    return made


def database_in(folder: Path) -> Path:
    """The backup of the database in this folder. Raises StoreRefused."""
    found = [folder / name for name in DATABASES if (folder / name).is_file()]
    if len(found) != 1:
        raise StoreRefused(
            f"{folder} is no folder of `scrubjay db backup --all`: it has no {' or '.join(DATABASES)}"
        )
    return found[0]


def _add_files(db: Database, settings: Settings, folder: Path, made: Manifest) -> None:
    """Ledger and journal after the database: they know at least what it knows."""
    for name in (LEDGER, JOURNAL):
        if (source := settings.data_dir / name).is_file():
            _copy(source, folder / name)
    if not db.is_sqlite:
        with db.read() as tx:
            journal.merge_database(folder / JOURNAL, tx)
    if settings.persona_file is not None:
        _copy(settings.persona_file, folder / PERSONA)  # whatever is in it
    _write(folder / SETTINGS, without_secrets(settings))
    told = TOLD.format(at=made.made_at, version=made.scrubjay, database=DATABASES[not db.is_sqlite])
    _write(folder / README, told)
    for path in folder.iterdir():
        manifest.sync(path)


def _copy(source: Path, path: Path) -> None:
    make_private(path)
    shutil.copyfile(source, path)


def _write(path: Path, content: str) -> None:
    make_private(path)
    path.write_text(content, "utf-8")


def _remove(partial: Path) -> None:
    """Remove a folder that is not whole, if nothing but a backup's files is in it."""
    if not partial.is_dir():
        return
    for name in NAMES:
        (partial / name).unlink(missing_ok=True)
    partial.rmdir()
