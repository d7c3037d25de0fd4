"""What a turn wants remembered, until its reply is posted: it is dropped if that never happens.

It waits if the reply has to tell the person that the bot remembers, or if the operator has to approve it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from bot.domain.turn import Lesson
from bot.storage.tables import IntroductionRow
from bot.storage.turns import dump_edits, load_edits
from memory.db import insert, mark_erased

if TYPE_CHECKING:
    from collections.abc import Collection

    from memory.db import Tx


@dataclass(frozen=True, slots=True)
class Introduction:
    """`lesson`: what is learned with the reply; None: nothing. `tells`: it says what the bot is."""

    lesson: Lesson | None
    tells: bool = True


def put(tx: Tx, uri: str, lesson: Lesson | None, *, tells: bool = True) -> None:
    """Let this wait for the reply to this mention (AT URI). None: the person is told, but not remembered."""
    columns = {
        "key": lesson.key if lesson else None,
        "edits": dump_edits(lesson.edits if lesson else ()),
        "answer": lesson.answer if lesson else "",
        "tells": tells,
    }
    row = insert(tx, IntroductionRow).values(mention_uri=uri, **columns)
    tx.execute(row.on_conflict_do_update(index_elements=["mention_uri"], set_=columns))


def take(tx: Tx, uri: str) -> Introduction | None:
    """What waited for the reply to this mention, and does not wait any more; None if that tells nothing."""
    waiting = delete(IntroductionRow).where(IntroductionRow.mention_uri == uri)
    row = tx.execute(waiting.returning(IntroductionRow.__table__)).first()
    if row is None:
        return None
    lesson = Lesson(row.key, load_edits(row.edits), row.answer) if row.key else None
    return Introduction(lesson, row.tells)


def tells(tx: Tx, uri: str) -> bool:
    """Whether the reply to this mention has to tell the person what the bot is."""
    waiting = select(IntroductionRow.tells).where(IntroductionRow.mention_uri == uri)
    return bool(tx.scalar(waiting))


def set_answer(tx: Tx, uri: str, answer: str) -> None:
    """The reply to this mention is another one."""
    waiting = update(IntroductionRow).where(
        IntroductionRow.mention_uri == uri, IntroductionRow.key.is_not(None)
    )
    tx.execute(waiting.values(answer=answer))


def drop(tx: Tx, uris: Collection[str]) -> None:
    """Drop what waits for the replies to these mentions: they will not be posted, or be others."""
    waiting = delete(IntroductionRow).where(IntroductionRow.mention_uri.in_(uris))
    if tx.execute(waiting).rowcount:
        mark_erased(tx)
