"""Real parts for the tests: SQLite, a real PostgreSQL, a real PDS on loopback."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url
from support import templates

import memory.db
from bot.devnet.localnet import LocalNet
from bot.devnet.node import APPVIEW
from memory.db import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = itertools.count()
COSTS = ("slow", "postgres", "network", "realmodel", "wheel")  # marks, from seconds to minutes

# nobody pulls the plug of a test
memory.db.PRAGMAS = tuple(name.replace("=FULL", "=OFF") for name in memory.db.PRAGMAS)

settings.register_profile("whole", deadline=None)  # time is measured in benchmarks/
settings.load_profile("whole")
settings.register_profile("quick", max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--templates", type=Path, help="a folder with the databases to copy, made before")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL; the fast ones first, so that a mistake shows early."""
    for item in items:
        if "postgres" in item.nodeid or "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
    items.sort(key=cost)


def cost(item: pytest.Item) -> tuple[int, bool]:
    """How dear a test is: by the dearest of its marks, then whether it writes to the disk."""
    marks = [COSTS.index(mark.name) for mark in item.iter_markers() if mark.name in COSTS]
    return max(marks, default=-1), "tmp_path" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def folder_for_postgres() -> Iterator[Path]:
    """Not one of pytest's. For root, PostgreSQL runs as another user, and the next pytest of root closes
    pytest's folders to others."""
    with tempfile.TemporaryDirectory(prefix="scrubjay-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A real server. A call returns the URL of a new, migrated database; `drop` removes that again."""

    run: Callable[[str], None]
    url: Callable[[str], str]

    def __call__(self) -> str:
        name = f"t{os.getpid()}_{next(NAMES)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {templates.NAME}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """A thousand databases that are left take minutes to delete in the end."""
        self.run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest, folder_for_postgres: Path) -> Iterator[Postgres]:
    """A PostgreSQL with a migrated database to copy."""
    made: Path | None = request.config.getoption("templates")
    server = templates.server(made or folder_for_postgres, None if made else "stop")
    if made is None:
        templates.fill_postgres(server)
    root = str(server.get_uri())
    yield Postgres(partial(templates.run, root), lambda name: str(server.get_uri(database=name)))
    if made is None:
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/scrubjay.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server()
    yield url
    server.drop(url)


@pytest.fixture(scope="session")
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database to copy."""
    made: Path | None = request.config.getoption("templates")
    file = (made or tmp_path_factory.mktemp("migrated")) / "scrubjay.db"
    if made is None:
        templates.make_sqlite(file)
    return file


@pytest.fixture(scope="session")
def sqlite(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Database]:
    """Makes the same database new for each test: its engine compiles a statement once."""
    file = tmp_path_factory.mktemp("sqlite") / "scrubjay.db"
    database = Database(f"sqlite:///{file}")

    def fresh() -> Database:
        for log in file.parent.glob("*-*"):
            log.unlink()
        shutil.copy(migrated, file.with_suffix(".new")).replace(file)  # a thread left over keeps the old file
        database.engine.dispose()  # which that thread may have opened again
        database.needs_scrub = False
        return database

    return fresh


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty, migrated database: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        database: Database = request.getfixturevalue("sqlite")()
        yield database
        database.close()
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server()
    database = Database(url)
    yield database
    database.close()
    server.drop(url)


@pytest.fixture(scope="session")
def appview_net(folder_for_postgres: Path) -> Iterator[LocalNet]:
    """A network of its own with a real AppView."""
    if not (APPVIEW / "node_modules").is_dir():
        pytest.skip("no AppView here: python -m bot.devnet.localnet install appview")
    with LocalNet(folder_for_postgres / "appview", appview=True) as net:
        yield net


@pytest.fixture(scope="session")
def localnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNet]:
    """A real PDS and PLC directory, one for all tests: everybody on it needs a name of their own."""
    with LocalNet(tmp_path_factory.mktemp("localnet")) as net:
        yield net
