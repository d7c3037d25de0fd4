"""Mentions of one person that end in the turn of a later one of theirs, in the same thread.

Only what waits is merged: a mention that is thought about already gets its own answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select, update

from bot.domain import bursts
from bot.domain.mention import State
from bot.storage import outcomes
from bot.storage.claimed import MENTION, THIS
from bot.storage.queue import WAITING, enqueue
from bot.storage.rows import to_mention

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row

    from bot.domain.limits import Limits
    from bot.domain.mention import Mention
    from memory.db import Tx

OTHER = MENTION.alias("other")
THIS_DID: ColumnElement[str] = literal_column("mention.did")
THIS_ROOT: ColumnElement[str] = literal_column("mention.root_uri")
# What an accepted mention meets: whether more of the same person waits in the thread, and how many are there.
HAS_SIBLINGS: ColumnElement[bool] = (
    select(OTHER.c.uri)
    .where(OTHER.c.did == THIS_DID, OTHER.c.state == literal_column("'waiting'"))
    .where(OTHER.c.root_uri == THIS_ROOT, OTHER.c.uri != THIS)
    .exists()
    .label("siblings")
)
SIBLINGS = (
    select(MENTION)
    .where(MENTION.c.did == bindparam("who"), WAITING, MENTION.c.command.is_(None))
    .where(MENTION.c.root_uri == bindparam("root"), MENTION.c.uri != bindparam("this"))
    .with_for_update()
)


def heard_besides(uri: ColumnElement[str], root: ColumnElement[str]) -> ColumnElement[int]:
    """How many other mentions were heard in this thread within the `window`; no more than its `hot`."""
    heard = select(OTHER.c.uri).where(OTHER.c.root_uri == root, OTHER.c.seen_at > bindparam("hot_since"))
    counted = heard.where(OTHER.c.uri != uri).limit(bindparam("hot")).subquery()
    return select(func.count()).select_from(counted).scalar_subquery()


HEAT = heard_besides(THIS, THIS_ROOT).label("heat")


def window(limits: Limits | None, now: datetime) -> dict[str, Any]:
    """From how many on, and since when, mentions in a thread make it a heated one."""
    if limits is None:
        return {"hot": 1, "hot_since": now}
    return {"hot": limits.heated_thread, "hot_since": now - limits.partner_window}


def merge(tx: Tx, mention: Mention, now: datetime, *, heated: bool) -> int:
    """End in this mention's turn what its author said just before it in the thread. Returns how many.

    In a `heated` thread it is all that waits of theirs.
    """
    found = tx.execute(SIBLINGS, {"who": mention.did, "root": mention.root.uri, "this": mention.uri}).all()
    uris = [row.uri for row in found if _belongs(tx, row, now, heated=heated)]
    if uris:
        tx.execute(update(MENTION).where(MENTION.c.merged_into.in_(uris)).values(merged_into=mention.uri))
        outcomes.merge_all(tx, uris, mention.uri, now)
    return len(uris)


def _belongs(tx: Tx, row: Row[Any], now: datetime, *, heated: bool) -> bool:
    earlier = select(func.min(MENTION.c.seen_at)).where(MENTION.c.merged_into == row.uri)
    first = min(filter(None, (row.seen_at, tx.scalar(earlier))))
    unfinished = bursts.is_unfinished(row.text)
    return bursts.merges(first, row.seen_at, now, unfinished=unfinished, heated=heated)


def merged(tx: Tx, uri: str) -> tuple[Mention, ...]:
    """What ended in this mention's turn and still has its text, in the order in which it was said.

    Of a flood only the last: all of them may be read from the network, shown to a brain and remembered.
    """
    found = select(MENTION).where(MENTION.c.merged_into == uri, MENTION.c.text != "")
    last = found.order_by(MENTION.c.said_at.desc(), MENTION.c.uri.desc()).limit(bursts.MOST_SHOWN)
    return tuple(map(to_mention, tx.execute(last).all()[::-1]))


def uris(tx: Tx, mention: Mention) -> tuple[str, ...]:
    """The mention and all that ended in its turn."""
    more = select(MENTION.c.uri).where(MENTION.c.merged_into == mention.uri)
    return mention.uri, *(tx.scalars(more) if mention.is_burst else ())


def merged_into(tx: Tx, uri: str) -> str | None:
    """The mention in whose turn this one ended."""
    return tx.scalar(select(MENTION.c.merged_into).where(MENTION.c.uri == uri))


def is_awaited(tx: Tx, mention: Mention) -> bool:
    """Whether the post that this one continues waits for the next part of its series."""
    before = mention.parent.uri if mention.parent else ""
    waits = tx.scalar(select(MENTION.c.text).where(MENTION.c.uri == before, WAITING))
    return waits is not None and bursts.follows(mention.text, waits)


def release(tx: Tx, uri: str, now: datetime) -> None:
    """This mention is gone without an answer: what had ended in its turn gets one of its own, by its last."""
    left = merged(tx, uri)
    if not left:
        return
    last = left[-1]
    again = {"state": State.WAITING, "due_at": now, "ended_at": None, "merged_into": None}
    again_waits = update(MENTION).where(MENTION.c.uri == last.uri)
    tx.execute(again_waits.values(fence=MENTION.c.fence + 1, attempts=0, **again))
    tx.execute(update(MENTION).where(MENTION.c.merged_into == uri).values(merged_into=last.uri))
    enqueue(tx, last.did, now)
