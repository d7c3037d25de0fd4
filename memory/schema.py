"""The schema: which revision a database has, which one this program wants, and whether the two fit.

A migration can say `oldest = "0023"`: then programs that want revision 0023 or a later one run on its schema.
The database has it in the column `programs` of `alembic_version`, as `0023-0024`: from the oldest on to that
which made the schema. So an older program can tell, though it does not have the migration.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from memory.errors import DatabaseUnavailable, SchemaNewer

if TYPE_CHECKING:
    from sqlalchemy import Connection

TABLE, COLUMN = "alembic_version", "programs"
READ = text(f"SELECT {COLUMN} FROM {TABLE}")  # noqa: S608 - names of ours
WRITE = text(f"UPDATE {TABLE} SET {COLUMN} = :programs")  # noqa: S608 - names of ours


class Revisions(NamedTuple):
    """The revision that was found (None: no schema), and the one that this program wants."""

    found: str | None
    head: str

    @property
    def fit(self) -> bool:
        """Whether this program runs on it. A newer one that was read lets it."""
        return self.found is not None and self.found >= self.head


def head() -> str:
    """The revision that this program wants."""
    return _head(_scripts())


def read(tx: Connection) -> Revisions:
    """Raises SchemaNewer if the database is ahead, and does not let this program run on it.

    Raises DatabaseUnavailable if it names several revisions, as no migration leaves it.
    """
    scripts = _scripts()
    found, wanted = _found(tx), _head(scripts)
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        _require_let(tx, found, wanted)
    return Revisions(found, wanted)


def upgrade(tx: Connection) -> bool:
    """Bring the schema to this version. False if it fits already. Raises SchemaNewer."""
    if read(tx).fit:
        return False
    configuration = config()
    configuration.attributes["connection"] = tx
    command.upgrade(configuration, "head")
    scripts = _scripts()
    tx.execute(WRITE, {"programs": f"{_oldest(scripts)}-{_head(scripts)}"})
    return True


def config() -> Config:
    """Alembic's settings. Whoever runs a command sets `attributes["connection"]`."""
    made = Config()
    made.set_main_option("script_location", str(folder()).replace("%", "%%"))
    return made


def folder() -> Path:
    """Inside this package once it is installed, beside it in a checkout; never looked for on sys.path."""
    here = Path(__file__).resolve().parent
    return next(one for one in (here / "migrations", here.parent / "migrations") if one.is_dir())


def _found(tx: Connection) -> str | None:
    heads = MigrationContext.configure(tx).get_current_heads()
    if len(heads) > 1:
        named = ", ".join(sorted(map(str, heads)))
        raise DatabaseUnavailable(f"its table {TABLE} names several revisions ({named}). Restore a backup")
    return heads[0] if heads else None


def _require_let(tx: Connection, found: str, wanted: str) -> None:
    columns = {column["name"] for column in inspect(tx).get_columns(TABLE)}
    programs = str(tx.scalar(READ)) if COLUMN in columns else ""
    oldest, _, newest = programs.partition("-")
    if newest != found:  # nothing is said of this one
        raise SchemaNewer(found)
    if oldest > wanted:
        raise SchemaNewer(f"{found}, on which programs of {oldest} and later run; this one is of {wanted}")


def _oldest(scripts: ScriptDirectory) -> str:
    """The oldest program that all migrations together let run. One that says nothing lets no older one."""
    said = (getattr(script.module, "oldest", script.revision) for script in scripts.walk_revisions())
    return max(said)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(config())


def _head(scripts: ScriptDirectory) -> str:
    found = scripts.get_current_head()
    assert found is not None
    return found
