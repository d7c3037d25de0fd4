"""Which posts each answer was made of: those that the bot was shown when it thought about a mention.

Whatever is kept of an answer is kept together with this list, so that it can go when one of the posts goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, tuple_

from bot.storage.queue import ANSWERED
from bot.storage.tables import MentionRow, OutboxRow, SourceRow
from memory.db import stream
from memory.prepared import per_database
from memory.tables import starts_with

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from bot.domain.mention import Mention
    from memory.db import Tx

UNKNOWN = ""  # stands in the list for posts that nobody knows: it may have been any


def add(tx: Tx, mention_uri: str, uris: Collection[str], now: datetime) -> None:
    """List these posts (AT URIs, or UNKNOWN) for the answer to this mention."""
    rows = [{"mention_uri": mention_uri, "uri": uri, "at": now} for uri in sorted(uris)]
    if rows:
        tx.execute(_adding(tx), rows)


@per_database
def _adding(insert: Any) -> Any:
    row = insert(SourceRow.__table__)
    return row.on_conflict_do_update(index_elements=["mention_uri", "uri"], set_={"at": row.excluded.at})


def shown(tx: Tx, uris: Collection[str]) -> frozenset[str]:
    """The AT URIs of the mentions whose answers were made of one of these posts."""
    return frozenset(tx.scalars(select(SourceRow.mention_uri).where(SourceRow.uri.in_(uris)).distinct()))


def of_last_answer(tx: Tx, mention: Mention) -> frozenset[str]:
    """The posts of the answer that this mention replies to; else of the last one to this person."""
    theirs = select(MentionRow.uri).where(MentionRow.did == mention.did, MentionRow.uri != mention.uri)
    last = theirs.where(ANSWERED).order_by(MentionRow.ended_at.desc()).limit(1)
    parent = mention.parent.uri if mention.parent else ""
    replied = theirs.join(OutboxRow, OutboxRow.mention_uri == MentionRow.uri).where(OutboxRow.uri == parent)
    answered = tx.scalar(replied) or tx.scalar(last)
    listed = select(SourceRow.uri).where(SourceRow.mention_uri == answered, SourceRow.uri != answered)
    return frozenset(tx.scalars(listed))


def all_uris(tx: Tx, since: datetime | None = None) -> Iterator[str]:
    """The AT URIs of all posts that were shown (`since` then). One may come more than once."""
    found = select(SourceRow.uri).where(SourceRow.uri != UNKNOWN)
    if since is not None:
        found = found.where(SourceRow.at >= since)
    return (row.uri for row in stream(tx, found))


def with_times(tx: Tx) -> Iterator[tuple[str, datetime]]:
    """The AT URI of each post that was shown, and when."""
    for row in stream(tx, select(SourceRow.uri, SourceRow.at).where(SourceRow.uri != UNKNOWN)):
        yield row.uri, row.at


def by_author(tx: Tx, did: str) -> list[str]:
    """The AT URIs of this person's posts that were shown."""
    theirs = starts_with(tx, SourceRow.uri, f"at://{did}/")
    return list(tx.scalars(select(SourceRow.uri).where(theirs).distinct()))


def drop_lists(tx: Tx, mention_uris: Collection[str]) -> None:
    """Drop the lists of these mentions, of whose answers nothing is kept any more."""
    tx.execute(delete(SourceRow).where(SourceRow.mention_uri.in_(mention_uris)))


def erase(tx: Tx, did: str) -> None:
    """Drop the lists of this person's mentions, and their posts from all lists."""
    for column in (SourceRow.mention_uri, SourceRow.uri):
        tx.execute(delete(SourceRow).where(starts_with(tx, column, f"at://{did}/")))


def expire(tx: Tx, before: datetime, limit: int | None = None) -> int:
    """Drop rows of lists from before this time, unless texts of the mention are still kept.

    At most `limit`, the oldest. Returns how many.
    """
    cid = select(MentionRow.cid).where(MentionRow.uri == SourceRow.mention_uri).scalar_subquery()
    past = (SourceRow.at < before, func.coalesce(cid, "") == "")  # an anti-join might read all mentions
    oldest = select(SourceRow.mention_uri, SourceRow.uri).where(*past).order_by(SourceRow.at)
    rows = tx.execute(oldest.limit(limit)).all()
    old = tuple_(SourceRow.mention_uri, SourceRow.uri).in_([tuple(row) for row in rows])
    return tx.execute(delete(SourceRow).where(old)).rowcount if rows else 0
