"""Mentions that wait in a filled store, and are removed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, text

from benchmarks.store import did_of
from bot.domain.mention import State
from bot.storage import mentions
from bot.storage.tables import MentionRow, PersonQueueRow

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Claim
    from memory.db import Database

KEY = "app.bsky.feed.post/3w"


def add(db: Database, now: datetime, count: int, did: str | None) -> None:
    """Let so many mentions wait: all of this person, or (None) each of another, who never spoke before."""
    dids = [did or did_of(-number - 1) for number in range(count)]
    rows = [{"uri": f"at://{each}/{KEY}{number}", "did": each} for number, each in enumerate(dids)]
    same = {"cid": "bafy", "reason": "mention", "text": "hi", "langs": "en", "state": State.WAITING}
    same |= dict.fromkeys(("fence", "attempts", "post_failures", "tokens_in", "tokens_out"), 0)
    times = dict.fromkeys(("said_at", "seen_at", "due_at"), now)
    mention = insert(MentionRow).values(
        **same, **times, root_cid="bafy", root_uri=bindparam("uri"), uri=bindparam("uri")
    )
    queued = insert(PersonQueueRow).values(newcomer=did is None, turn_at=now, served=0, held=False)
    with db.write() as tx:
        tx.execute(mention, rows)
        tx.execute(queued, [{"did": each} for each in dict.fromkeys(dids)])
        if not db.is_sqlite:  # the server does so by itself within a minute (migration 0025)
            tx.execute(text("ANALYZE mention, person_queue"))


def give_back(db: Database, claim: Claim, now: datetime) -> None:
    with db.write() as tx:
        mentions.postpone(tx, claim, now, None, failed=False)


def remove(db: Database) -> None:
    with db.write() as tx:
        tx.execute(delete(PersonQueueRow))
        tx.execute(delete(MentionRow).where(MentionRow.state == State.WAITING))
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM mention, person_queue"))
