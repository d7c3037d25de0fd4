"""Each condition that names a person is needed; on PostgreSQL others stay hidden if one is forgotten."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, TypeAlias

import pytest
from support import one_persons_view
from support.conditions import Condition, conditions
from support.one_persons_view import OPERATIONS, READING, UNKNOWN

from memory.db import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType

    from memory.db import Tx
    from memory.store import Memory

Stores: TypeAlias = tuple[Database, Database]
CONDITIONS = conditions("memory", "bot/storage")
SPARE = {  # lines with a condition that has no effect of its own
    "tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update())",  # it only locks
}
MISTAKE = re.compile(r"(Type|Attribute|Key|Name|Statement)Error\(")  # of an operation here
NEEDED = [condition for condition in CONDITIONS if condition.source not in SPARE]
each_condition = pytest.mark.parametrize("condition", NEEDED, ids=str)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """A store with everybody, and one with Mia alone."""
    folder = tmp_path_factory.mktemp("stores")
    yield from filled(*(f"sqlite:///{folder}/{name}.db" for name in ("both", "alone")))


@pytest.fixture(scope="module")
def stores_on_postgres(postgres: Callable[[], str]) -> Iterator[Stores]:
    yield from filled(postgres(), postgres())


def filled(*urls: str) -> Iterator[Stores]:
    both, alone = map(Database, urls)
    for db in (both, alone):
        db.upgrade()
        one_persons_view.fill(db, alone=db is alone)
    yield both, alone
    both.close()
    alone.close()


@pytest.fixture(scope="module")
def executed(stores: Stores) -> Mapping[str, set[CodeType]]:
    """The code that each operation runs."""
    return {name: code_of(stores[0], name) for name in OPERATIONS}


def code_of(db: Database, name: str) -> set[CodeType]:
    seen: set[CodeType] = set()

    def traced(tx: Tx, memory: Memory) -> object:
        sys.setprofile(lambda frame, _event, _argument: seen.add(frame.f_code))
        try:
            return one_persons_view.run(tx, memory, OPERATIONS[name])
        finally:
            sys.setprofile(None)

    one_persons_view.outcome(db, traced)
    return seen


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_done_for_one_person_neither_shows_nor_changes_another(stores: Stores, name: str):
    seen, expected = one_persons_view.outcomes(*stores, name)
    assert seen == expected
    assert not seen.others_changed
    assert str(seen.result).startswith("UnknownPerson(") is (name == UNKNOWN)
    assert not MISTAKE.match(str(seen.result))


@pytest.mark.slow
@each_condition
def test_without_its_condition_on_the_person_somebody_else_is_shown_or_changed(
    stores: Stores, executed: Mapping[str, set[CodeType]], condition: Condition
):
    concerned = [name for name, code in executed.items() if not condition.users.isdisjoint(code)]
    with condition.removed():
        noticed = any(one_persons_view.interferes(*stores, name) for name in concerned)
    assert noticed, concerned


def shown_without_a_condition(stores: Stores, executed: Mapping[str, set[CodeType]]) -> set[str]:
    """What shows somebody else in a prompt or a search, if its condition is removed."""
    shown = set()
    for condition in NEEDED:
        concerned = [name for name in READING if not condition.users.isdisjoint(executed[name])]
        with condition.removed():
            if any(one_persons_view.interferes(*stores, name) for name in concerned):
                shown.add(f"{condition.path.stem}.{condition.owner}")
    return shown


@pytest.mark.slow
def test_on_postgres_nobody_else_is_shown_though_a_condition_is_forgotten(
    stores_on_postgres: Stores, executed: Mapping[str, set[CodeType]], monkeypatch: pytest.MonkeyPatch
):
    assert shown_without_a_condition(stores_on_postgres, executed) == set()
    monkeypatch.setattr("memory.row_security.bind", lambda _tx, _did: None)
    assert {"notes.MINE", "passages.MINE"} < shown_without_a_condition(stores_on_postgres, executed)


def test_the_conditions_are_found():
    owners = {condition.owner for condition in CONDITIONS}
    assert {"active", "MINE", "DENIED", "WHOSE", "latest"} <= owners
    assert len(CONDITIONS) > 50
    assert len(CONDITIONS) - len(NEEDED) == len(SPARE)
