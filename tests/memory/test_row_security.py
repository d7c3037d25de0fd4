"""A transaction for one person sees no row of another, whatever its statements forget."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError
from support.memory_people import ALICE, BOB, MEMORY, NOW
from support.migrating import migrate
from support.rows_of_people import add, fill, new_user

from memory.db import Database
from memory.errors import AnotherPerson
from memory.retrieval import Retrieval
from memory.row_security import PERSON, only, role_of
from memory.store import Memory
from memory.tables import Base, PersonRow, tables_of_people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Table

TABLES = tables_of_people()
NOBODYS = {  # tables without a person's rows: a bound transaction has no right to them
    *("cursor", "errand", "erasure", "erasure_salt", "gap", "gate", "ledger_line", "ledger_salt"),
    *("pause", "session", "spend", "spend_day"),
}


@pytest.fixture(params=["superuser", "owner", "owner without a role"])
def walled(request: pytest.FixtureRequest, postgres: Callable[[], str]) -> Iterator[Database]:
    """An empty database of each kind of user."""
    url = postgres()
    if request.param != "superuser":
        url = owned_by_a_plain_user(url, takes_role=request.param == "owner")
    db = Database(url)
    yield db
    db.close()


def owned_by_a_plain_user(url: str, *, takes_role: bool) -> str:
    server = Database(url)
    name = f"owner_of_{server.engine.url.database}"
    with server.write() as tx:
        tx.execute(text(f"CREATE ROLE {name} LOGIN"))
        for table in (*Base.metadata.tables, "alembic_version"):
            tx.execute(text(f"ALTER TABLE {table} OWNER TO {name}"))
        if takes_role:
            tx.execute(text(f"GRANT scrubjay_person_template_scrubjay TO {name}"))
    server.close()
    return server.engine.url.set(username=name).render_as_string(hide_password=False)


def all_rows(tx: Connection, table: Table) -> list[dict[str, Any]]:
    return [dict(row) for row in tx.execute(select(table)).mappings()]


# --- every table ---------------------------------------------------------------------------------


def test_every_table_is_either_peoples_or_nobodys():
    assert {table.name for table in TABLES} | NOBODYS == set(Base.metadata.tables)
    assert {table.name for table in TABLES} & NOBODYS == set()


def test_every_table_of_people_has_a_policy_that_holds_for_its_owner(postgres: Callable[[], str]):
    db = Database(postgres())
    with db.read() as tx:
        found = tx.execute(
            text(
                "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid "
                "WHERE polname = 'person' AND relrowsecurity AND relforcerowsecurity"
            )
        )
        assert set(found.scalars()) == {table.name for table in TABLES}
    db.close()


def test_a_statement_without_any_condition_is_about_the_bound_person_only(walled: Database):
    alices, bobs = fill(walled, ALICE, BOB).values()
    for table in TABLES:
        key = next(iter(table.primary_key))
        with walled.read() as tx:
            assert all_rows(tx, table) == [alices[table], bobs[table]]
        with walled.read(BOB) as tx:
            assert all_rows(tx, table) == [bobs[table]]
        with walled.write(ALICE) as tx:
            assert tx.execute(update(table).values({key.name: key})).rowcount == 1
    for table in reversed(TABLES):
        with walled.write(ALICE) as tx:
            assert tx.execute(delete(table)).rowcount == 1
        with walled.read() as tx:
            assert all_rows(tx, table) == [bobs[table]]


def test_no_row_of_another_person_can_be_written(walled: Database):
    bobs = fill(walled, ALICE, BOB)[BOB]
    for table in TABLES:
        with pytest.raises(ProgrammingError, match="row-level security"), walled.write(ALICE) as tx:
            add(tx, table, BOB, bobs)
    for table in (each for each in TABLES if "did" in each.c):
        with pytest.raises(ProgrammingError, match="row-level security"), walled.write(ALICE) as tx:
            tx.execute(update(table).values(did="did:plc:somebody"))


def test_a_bound_transaction_has_no_right_to_what_is_nobodys(postgres: Callable[[], str]):
    db = Database(postgres())
    for name in NOBODYS:
        with pytest.raises(ProgrammingError, match="permission denied"), db.read(ALICE) as tx:
            tx.execute(select(Base.metadata.tables[name]))
    db.close()


# --- the role ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "takes_role"), [("CREATEROLE", True), ("NOCREATEROLE", False), ("BYPASSRLS", False)]
)
def test_whoever_may_make_no_role_upgrades_and_downgrades_all_the_same(postgres, rights, takes_role):
    db = Database(new_user(postgres, rights))
    db.upgrade()
    alices = fill(db, ALICE, BOB)[ALICE]
    with db.read(ALICE) as tx:
        assert bool(role_of(tx)) is takes_role
        assert (all_rows(tx, PersonRow.__table__) == [alices[PersonRow.__table__]]) is (rights != "BYPASSRLS")
    for direction in ("0013", "head"):
        migrate(db, direction)
        with db.read() as tx:
            assert whose(tx) == {ALICE, BOB}
    db.close()


def test_a_role_that_was_made_before_is_used(postgres):
    url = new_user(postgres, "NOCREATEROLE")
    name = make_url(url).database
    server, db = Database(postgres()), Database(url)
    with server.write() as tx:
        tx.execute(text(f"CREATE ROLE scrubjay_person_{name}"))
        tx.execute(text(f"GRANT scrubjay_person_{name} TO {name}"))
    db.upgrade()
    with db.read(ALICE) as tx:
        assert tx.scalar(text("SELECT current_user")) == f"scrubjay_person_{name}"
    server.close()
    db.close()


def test_a_downgrade_takes_the_role_away_that_no_other_database_uses(postgres):
    of_two = Database(postgres())  # it has the role of its template, as all the others
    migrate(of_two, "0013")
    alone = Database(new_user(postgres, "CREATEROLE"))
    alone.upgrade()
    with of_two.read() as tx:
        before = roles(tx)
    migrate(alone, "0013")
    with of_two.read() as tx:
        assert before - roles(tx) == {f"scrubjay_person_{alone.engine.url.database}"}
        assert "scrubjay_person_template_scrubjay" in before
    of_two.close()
    alone.close()


def roles(tx: Connection) -> set[str]:
    return set(tx.scalars(text("SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'scrubjay_person')")))


# --- the binding ---------------------------------------------------------------------------------


@pytest.fixture
def both(walled: Database) -> Database:
    """A database in which Alice and Bob were met."""
    with walled.write() as tx:
        MEMORY.people.meet(tx, ALICE, NOW)
        MEMORY.people.meet(tx, BOB, NOW)
    return walled


def whose(tx: Connection) -> set[str]:
    return set(tx.scalars(select(PersonRow.did)))


def test_a_binding_ends_with_its_block_and_with_its_transaction(both: Database):
    with both.write() as tx:
        with only(tx, ALICE):
            assert whose(tx) == {ALICE}
            with only(tx, ALICE), only(tx, None):
                assert whose(tx) == {ALICE}
            assert whose(tx) == {ALICE}
        assert whose(tx) == {ALICE, BOB}
        with only(tx, BOB):
            assert whose(tx) == {BOB}
    with both.write(ALICE) as tx:
        assert whose(tx) == {ALICE}
    for _ in range(8):  # more than the pool has
        with both.read() as tx:
            assert whose(tx) == {ALICE, BOB}


def test_a_binding_ends_with_an_error(both: Database):
    with both.write() as tx:
        with pytest.raises(KeyError), only(tx, ALICE):
            raise KeyError
        assert whose(tx) == {ALICE, BOB}
        with pytest.raises(DBAPIError), tx.begin_nested(), only(tx, ALICE):
            tx.execute(text("SELECT 1 / 0"))
        assert whose(tx) == {ALICE, BOB}
        with only(tx, ALICE):
            with pytest.raises(DBAPIError), tx.begin_nested():
                tx.execute(text("SELECT 1 / 0"))
            assert whose(tx) == {ALICE}
    with pytest.raises(DBAPIError, match="division"), both.write() as tx, only(tx, ALICE):
        tx.execute(text("SELECT 1 / 0"))
    with pytest.raises(RuntimeError), both.write(ALICE) as tx:
        raise RuntimeError
    with both.write() as tx:
        assert whose(tx) == {ALICE, BOB}


def test_transactions_at_once_are_each_their_own_persons(both: Database):
    wrong: list[object] = []

    def look(did: str | None, expected: set[str]) -> None:
        for _ in range(20):
            with both.read(did) as tx:
                found = whose(tx)
            if found != expected:
                wrong.append((did, found))

    whom = ((ALICE, {ALICE}), (BOB, {BOB}), (None, {ALICE, BOB}))
    threads = [threading.Thread(target=look, args=each) for each in whom * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nobody_is_bound_to_two_people_or_to_none(db: Database):
    with db.read(ALICE) as tx:
        with pytest.raises(AnotherPerson), only(tx, BOB):
            pass
        assert tx.info[PERSON] == ALICE
    with db.read() as tx, pytest.raises(AnotherPerson), only(tx, ""):
        pass
    with db.read() as tx:
        assert PERSON not in tx.info


# --- memory --------------------------------------------------------------------------------------


def test_all_that_memory_does_for_one_person_is_bound_to_them():
    """Each method that is given a DID. Of those that are not, `compile` binds itself after the zeitgeist."""
    methods = {
        f"{store.__name__}.{name}": method
        for store in (Memory, Retrieval)
        for name, method in inspect.getmembers(store, inspect.isfunction)
        if list(inspect.signature(method).parameters)[1:3] == ["tx", "did"]
    }
    free = {name for name, method in methods.items() if not hasattr(method, "__wrapped__")}
    assert free == {"Memory.compile", "Memory.held_posts", "Retrieval.is_others"}
    assert len(methods) > 12
