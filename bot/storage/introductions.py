"""What a turn wants remembered of a person who was not told yet that the bot remembers.

It waits for the reply that tells them: it is remembered once that is posted, and dropped if it never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete

from bot.domain.turn import Lesson
from bot.storage.tables import IntroductionRow
from bot.storage.turns import dump_edits, load_edits
from memory.db import insert, mark_erased

if TYPE_CHECKING:
    from collections.abc import Collection

    from memory.db import Tx


@dataclass(frozen=True, slots=True)
class Introduction:
    """A reply tells the person what the bot is. `lesson`: what is learned then; None: nothing."""

    lesson: Lesson | None


def put(tx: Tx, uri: str, lesson: Lesson | None) -> None:
    """Let this wait for the reply to this mention (AT URI). None: the person is told, but not remembered."""
    columns = {
        "key": lesson.key if lesson else None,
        "edits": dump_edits(lesson.edits if lesson else ()),
        "answer": lesson.answer if lesson else "",
    }
    row = insert(tx, IntroductionRow).values(mention_uri=uri, **columns)
    tx.execute(row.on_conflict_do_update(index_elements=["mention_uri"], set_=columns))


def take(tx: Tx, uri: str) -> Introduction | None:
    """What waited for the reply to this mention, and does not wait any more; None if that tells nothing."""
    waiting = delete(IntroductionRow).where(IntroductionRow.mention_uri == uri)
    row = tx.execute(waiting.returning(IntroductionRow.__table__)).first()
    if row is None:
        return None
    return Introduction(Lesson(row.key, load_edits(row.edits), row.answer) if row.key else None)


def drop(tx: Tx, uris: Collection[str]) -> None:
    """Drop what waits for the replies to these mentions: they will not be posted, or be others."""
    waiting = delete(IntroductionRow).where(IntroductionRow.mention_uri.in_(uris))
    if tx.execute(waiting).rowcount:
        mark_erased(tx)
