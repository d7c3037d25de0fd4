"""pg_dump and pg_restore: which ones fit the server, and how they are called without showing a password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, cast

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

import bot.storage.tables  # noqa: F401 - registers its tables
from bot.backup.rows import SECRET, Contents, read_contents
from bot.errors import StoreRefused
from memory.files import make_private
from memory.tables import tables_of_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from sqlalchemy import Engine

    from memory.db import Database, Tx

DEBIAN = Path("/usr/lib/postgresql")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
BINARIES = "SELECT setting FROM pg_config WHERE name = 'BINDIR'"
EXTENSION = " EXTENSION "  # in the lines of a dump's list that are about one
NOT_PERMITTED, THERE_ALREADY = "42501", "42710"
ROLE = text(
    "SELECT quote_ident(('scrubjay_person_' || current_database())::name), quote_ident(current_schema())"
)


def dump(db: Database, target: Path) -> Contents:
    """Dump the database into the new file `target`, without the account's session. Returns what it holds."""
    make_private(target)
    with db.read() as tx:  # open as long as pg_dump runs: it is what both read
        tx.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        snapshot = tx.scalar(text("SELECT pg_export_snapshot()"))
        without = [f"--exclude-table-data={table}" for table in sorted(SECRET)]
        options = ["--format=custom", "--enable-row-security", f"--snapshot={snapshot}", *without]
        _run(db, "pg_dump", *options, f"--file={target}")
        contents = read_contents(tx, SECRET)
    read_through(db, target)
    return contents


def read_through(db: Database, dump_file: Path) -> None:
    """Read all of a dump. Raises StoreRefused if it is cut or damaged."""
    command = [find_tool(db, "pg_restore"), f"--file={os.devnull}", str(dump_file)]
    _call("pg_restore", command, dict(os.environ))


def load(db: Database, dump_file: Path) -> None:
    """Restore a dump into an empty database, whole or not at all.

    Without extensions: mostly only a superuser may make them, and nothing here needs one.
    """
    listed = _call("pg_restore", [find_tool(db, "pg_restore"), "--list", str(dump_file)], dict(os.environ))
    options = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    with NamedTemporaryFile("w", encoding="utf-8", prefix="scrubjay-") as wanted:
        wanted.writelines(line for line in listed.splitlines(keepends=True) if EXTENSION not in line)
        wanted.flush()
        _run(db, "pg_restore", *options, f"--use-list={wanted.name}", str(dump_file))


def find_tool(db: Database, name: str) -> str:
    """The program that is nearest to the server's version, and not older. Raises StoreRefused."""
    with db.read() as tx:
        wanted = int(tx.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    found = {path: _major(path) for path in map(str, _candidates(db, name))}
    fitting = [path for path, major in found.items() if major >= wanted]
    if fitting:
        return min(fitting, key=lambda path: found[path])
    older = ", ".join(f"{path} is of {major}" for path, major in found.items() if major)
    raise StoreRefused(
        f"{name} of PostgreSQL {wanted} (the server's version) or newer is needed, and is not in PATH"
        f"{f' ({older})' if older else ''}. Install postgresql-client-{wanted} (Debian, Ubuntu; from "
        f"https://www.postgresql.org/download/ if they have none) or postgresql@{wanted} (Homebrew)"
    )


def _candidates(db: Database, name: str) -> Iterator[Path]:
    """Beside the server, if it runs here and tells; in PATH; where Debian keeps one for each version."""
    try:
        with db.read() as tx:
            beside = [Path(str(tx.exec_driver_sql(BINARIES).scalar()))]
    except ProgrammingError:  # not permitted
        beside = []
    folders = [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each]
    for folder in chain(beside, folders, sorted(DEBIAN.glob("*/bin"))):
        if found := shutil.which(name, path=folder):
            yield Path(found)


def _major(path: str) -> int:
    """The major version that this program tells of itself; 0 if it tells none."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - found above
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = VERSION.search(told.stdout)
    return int(version[1]) if version else 0


def _run(db: Database, name: str, *options: str) -> None:
    """Run the program on this database. The password goes by the environment: others see command lines."""
    with db.read() as tx:
        password = cast("psycopg.Connection", tx.connection.driver_connection).info.password
    place = given_place(db.engine)
    if "sslpassword" in place:
        raise StoreRefused(f"the URL has an sslpassword, which {name} cannot be given unseen")
    environment = dict(os.environ) | ({"PGPASSWORD": password} if password else {})
    where = " ".join(f"{key}={_escaped(value)}" for key, value in place.items())
    _call(name, [find_tool(db, name), "--no-password", f"--dbname={where}", *options], environment)


def given_place(engine: Engine) -> dict[str, str]:
    """What the URL says of the place, by libpq's keywords, without the password.

    Only that: of what a connection has got besides, an older program may not know the keywords.
    """
    from psycopg import pq

    _, given = engine.dialect.create_connect_args(engine.url)
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - {"password"}
    return {name: str(value) for name, value in given.items() if name in known}


def _escaped(value: str) -> str:
    """As PostgreSQL's keyword/value connection strings want it (its manual, 34.1.1.1)."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


def _call(name: str, command: list[str], environment: dict[str, str]) -> str:
    """What the program writes. Raises StoreRefused if it fails."""
    done = subprocess.run(  # noqa: S603 - found by `find_tool`
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        told = (line for line in done.stderr.splitlines() if "error:" in line)  # below may be people's words
        raise StoreRefused(next(told, f"{name} ended with exit code {done.returncode}"))
    return done.stdout


def make_role(tx: Tx) -> None:
    """Make the role of row security for this database, as migration 0016 does: a dump brings no rights."""
    role, schema = tx.execute(ROLE).one()
    tables = ", ".join(table.name for table in tables_of_people())
    for statement in (
        f"CREATE ROLE {role} NOLOGIN",
        f"GRANT {role} TO CURRENT_USER",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    ):
        try:
            with tx.begin_nested():
                tx.exec_driver_sql(statement)
        except ProgrammingError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state == NOT_PERMITTED:  # `scrubjay doctor` tells what a superuser has to do
                return
            if state != THERE_ALREADY:
                raise
