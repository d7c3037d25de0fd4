"""Statements that are built once. To build one takes several times as long as to run it."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Table

INSERTS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
)


def table_of(rows: Any) -> Table:
    """The table of a declarative class."""
    return cast("Table", rows.__table__)


def per_database(build: Callable[[Callable[[Any], Any]], Any]) -> Callable[[Connection], Any]:
    """Build the statement once for each kind of database.

    `build` is given that database's `insert`, which has ON CONFLICT. Without `values` it writes the columns
    that the parameters name.
    """

    @cache
    def built(dialect: str) -> Any:
        return build(INSERTS[dialect])

    return lambda tx: built(tx.dialect.name)
