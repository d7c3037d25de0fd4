"""A claimed mention: lock it, change it, end it. Each fails with FenceLost if another worker has it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy import update as sql_update

from bot.errors import FenceLost
from bot.storage.tables import DirectMessageRow, IntroductionRow, MentionRow, OutboxRow
from memory.prepared import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.sql.dml import ReturningUpdate

    from bot.domain.mention import Claim
    from memory.db import Tx

MENTION = table_of(MentionRow)
THIS: ColumnElement[str] = literal_column("mention.uri")  # of a RETURNING, where SQLAlchemy names no table


def _has(table: Any) -> ColumnElement[bool]:
    return select(table.mention_uri).where(table.mention_uri == THIS).exists()


INTRODUCES = _has(IntroductionRow).label("introduces")
ENDING = (  # what an ending needs to know of a mention
    MENTION,
    INTRODUCES,
    _has(DirectMessageRow).label("messages"),
    select(func.count()).where(OutboxRow.mention_uri == THIS).scalar_subquery().label("parts"),
)
# They change no row if another worker has the mention meanwhile. What they set is named by the parameters.
FENCED = MENTION.c.fence == bindparam("my_fence"), MENTION.c.state == bindparam("my_state")
CLAIMED = MENTION.c.uri == bindparam("my_uri"), *FENCED
IS_MINE = select(MENTION.c.uri).where(*CLAIMED)
MINE = sql_update(MENTION).where(*CLAIMED)
CHANGE = MINE.returning(MENTION.c.answer_forgotten, INTRODUCES)
LOCK = CHANGE.values(worker=MENTION.c.worker)
END = MINE.returning(*ENDING)


@dataclass(frozen=True, slots=True)
class Locked:
    """A mention that nobody else changes until the transaction ends.

    `marked`: something was erased that its answer may repeat. `introduces`: something waits for its reply,
    which tells the person what the bot is (`bot.storage.introductions`).
    """

    marked: bool
    introduces: bool


def update(tx: Tx, claim: Claim, **values: object) -> Locked:
    """Change columns of the claimed mention. Raises FenceLost if the claim is no longer this worker's."""
    return change(tx, claim, CHANGE, values)


def change(tx: Tx, claim: Claim, statement: ReturningUpdate[Any], values: Mapping[str, object]) -> Locked:
    """The same, by `CHANGE` with columns that are computed."""
    row = _written(tx, claim, statement, values)
    return Locked(marked=row.answer_forgotten, introduces=row.introduces)


def end(tx: Tx, claim: Claim, **values: object) -> Row[Any]:
    """The same, for the last time. Returns the row, with `ENDING`. Raises FenceLost."""
    return _written(tx, claim, END, values)


def _written(tx: Tx, claim: Claim, statement: ReturningUpdate[Any], values: Mapping[str, object]) -> Row[Any]:
    row = tx.execute(statement, {**values, **_names(claim)}).first()
    if row is None:
        raise FenceLost(claim.mention.uri)
    return row


def _names(claim: Claim) -> dict[str, object]:
    return {"my_uri": claim.mention.uri, "my_fence": claim.fence, "my_state": claim.state}


def require(tx: Tx, claim: Claim) -> None:
    """Raise FenceLost if the claim is no longer this worker's. Locks nothing."""
    if tx.execute(IS_MINE, _names(claim)).first() is None:
        raise FenceLost(claim.mention.uri)


def lock(tx: Tx, claim: Claim) -> Locked:
    """Lock the claimed mention until the transaction ends. Raises FenceLost."""
    return change(tx, claim, LOCK, {})
