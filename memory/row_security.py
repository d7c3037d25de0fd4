"""Row-level security: whose rows a transaction reads and writes.

A transaction is the whole store's until it is bound to one person. On PostgreSQL the server then shows it no
row of anybody else, whatever condition a statement forgets: each table with rows of people has a policy that
compares the row's DID with the transaction's setting `scrubjay.did` (migration 0016). A superuser passes any
policy, so a bound transaction also takes a role that has no other rights, if there is one. SQLite has no such
thing: there only the binding to a second person is refused.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from memory.errors import AnotherPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")
Store = TypeVar("Store")
Did = TypeVar("Did", bound=str | None)

PERSON, ROLE = "person", "role of row-level security"  # in `Connection.info`
# SET is what PostgreSQL 16 calls the right to take a role, and earlier ones do not know
FIND_ROLE = text(
    "SELECT role.rolname FROM pg_class AS class CROSS JOIN LATERAL aclexplode(class.relacl) AS entry "
    "JOIN pg_roles AS role ON role.oid = entry.grantee "
    "WHERE class.oid = to_regclass('note') AND starts_with(role.rolname, 'scrubjay_person') "
    "AND NOT role.rolsuper AND NOT role.rolbypassrls AND pg_has_role(role.oid, "
    "CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) "
    # a copy of a database has rights of the other one's role, too, which may lack those of later tables
    "ORDER BY role.rolname = ('scrubjay_person_' || current_database())::name DESC LIMIT 1"
)
BIND = text(
    "SELECT current_setting('role'), set_config('scrubjay.did', :did, true), "
    "set_config('role', coalesce(:role, current_setting('role')), true)"
)
RELEASE = text("SELECT set_config('role', :role, true), set_config('scrubjay.did', '', true)")


def bind(tx: Connection, did: str) -> str | None:
    """Bind the transaction to this person until it ends. Returns the role it had; None on SQLite.

    Raises AnotherPerson if it is bound to somebody else, or if the DID is empty.
    """
    if not did or tx.info.get(PERSON, did) != did:
        raise AnotherPerson(did)
    tx.info[PERSON] = did
    if tx.dialect.name != "postgresql":
        return None
    return str(tx.execute(BIND, {"did": did, "role": role_of(tx)}).one()[0])


def role_of(tx: Connection) -> str | None:
    """The role that bound transactions of this connection take; None if there is none it may take."""
    if ROLE not in tx.info:
        tx.info[ROLE] = tx.scalar(FIND_ROLE)
    role: str | None = tx.info[ROLE]
    return role


@contextmanager
def only(tx: Connection, did: str | None) -> Iterator[None]:
    """Bind the transaction to this person within the block. None: leave it as it is.

    Raises AnotherPerson.
    """
    if did is None or tx.info.get(PERSON) == did:
        yield
        return
    role = bind(tx, did)
    try:
        yield
    except BaseException:
        with suppress(DBAPIError):  # after an error of SQL the binding ends with the transaction
            _release(tx, role)
        raise
    _release(tx, role)


def _release(tx: Connection, role: str | None) -> None:
    tx.info.pop(PERSON, None)
    if role is not None:
        tx.execute(RELEASE, {"role": role})


def for_person(
    method: Callable[Concatenate[Store, Connection, Did, P], T],
) -> Callable[Concatenate[Store, Connection, Did, P], T]:
    """Bind the method's transaction to the person whose DID is its next argument (None: to nobody)."""

    @wraps(method)
    def bound(self: Store, tx: Connection, did: Did, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with only(tx, did):
            return method(self, tx, did, *args, **kwargs)

    return bound
