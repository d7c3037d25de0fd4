"""The facts in SQL for a decision of policy about one mention."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, union_all

from bot.domain.behaviour import Answer, is_automatic
from bot.domain.mention import State
from bot.domain.policy import Facts
from bot.domain.uris import author
from bot.storage.consent import gate_of
from bot.storage.outbox import bot_posts_in_thread
from bot.storage.spending import with_spending
from bot.storage.tables import BlockRow, MentionRow, OutboxRow, StanceRow, StopRow, ThreadStopRow
from memory.tables import DenialRow

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.limits import Limits
    from bot.domain.mention import Mention
    from bot.storage.spending import Attempt
    from memory.db import Tx

DAY = timedelta(days=1)
RECENT = 30  # answers of one person; they are at most so many a day
COUNTED_STATES = (State.THINKING, State.DRAFTED, State.POSTING, State.ANSWERED)


def gather(tx: Tx, mention: Mention, who: Attempt, limits: Limits, now: datetime) -> Facts:
    """The facts for a decision about this mention. What it has reserved itself counts as well."""
    facts = Facts(
        age=_age(tx, mention, now),
        thread=_thread_posts(tx, mention.root.uri, who.thread),
        automatic=is_automatic(_answers(tx, mention, now)),
    )
    return with_consent(tx, mention, with_spending(tx, mention, who, facts, limits, now))


def _answers(tx: Tx, mention: Mention, now: datetime) -> list[Answer]:
    """What this person answered to posts of the bot in a day, in its order."""
    answered = (
        select(MentionRow.text, MentionRow.seen_at, OutboxRow.posted_at)
        .join(OutboxRow, OutboxRow.uri == MentionRow.parent_uri)
        .where(MentionRow.did == mention.did, MentionRow.seen_at > now - DAY)
        .where(OutboxRow.posted_at.is_not(None))
        .order_by(MentionRow.seen_at.desc())
        .limit(RECENT)
    )
    rows = tx.execute(answered).all()
    return [Answer(row.text, row.seen_at - row.posted_at) for row in reversed(rows)]


def _age(tx: Tx, mention: Mention, now: datetime) -> timedelta:
    """The time since the post was written, or since the operator asked for another try."""
    retried = tx.execute(select(MentionRow.retried_at).where(MentionRow.uri == mention.uri)).scalar()
    return now - (retried or mention.said_at)


def _thread_posts(tx: Tx, *roots: str) -> int:
    """Count the bot's posts in the thread with one of these names, planned ones included."""
    planned = (
        select(func.count())
        .select_from(OutboxRow)
        .join(MentionRow, MentionRow.uri == OutboxRow.mention_uri)
        .where(MentionRow.root_uri.in_(roots), MentionRow.state.in_(COUNTED_STATES))
    )
    return int(tx.execute(planned).scalar_one())


def is_withheld(tx: Tx, did: str) -> bool:
    """Whether what this person writes is not shown in anybody's prompt: they stopped, block or deny."""
    said_so = (
        select(StopRow.did).where(StopRow.did == did),
        select(BlockRow.did).where(BlockRow.did == did),
        select(StanceRow.did).where(StanceRow.did == did, StanceRow.blocks),
        select(DenialRow.did).where(DenialRow.did == did, DenialRow.inference),
    )
    return tx.execute(union_all(*said_so).limit(1)).first() is not None


def with_consent(tx: Tx, mention: Mention, facts: Facts) -> Facts:
    """`facts` with stops, blocks and the threadgate."""
    root = mention.root.uri
    gate = gate_of(tx, root)

    def any_of(column: Any, *values: str) -> bool:
        return tx.execute(select(column).where(column.in_(values)).limit(1)).first() is not None

    return replace(
        facts,
        stopped=any_of(StopRow.did, mention.did),
        thread_stopped=any_of(ThreadStopRow.root_uri, root),
        blocked=any_of(BlockRow.did, mention.did, author(root)),
        gated=gate is not None
        and gate.allows_reply(mentioned=None, posts=bot_posts_in_thread(tx, root) | {mention.uri}) is False,
    )


def with_stances(tx: Tx, mention: Mention, facts: Facts) -> Facts:
    """`facts` with what was read of the asker and the thread's first author: true while that is recent."""
    both = StanceRow.did.in_((mention.did, author(mention.root.uri)))
    stances = tx.execute(select(StanceRow.blocks, StanceRow.muted).where(both)).all()
    denied = tx.scalar(select(DenialRow.inference).where(DenialRow.did == mention.did))
    return replace(
        facts,
        blocked=facts.blocked or any(stance.blocks for stance in stances),
        muted=any(stance.muted for stance in stances),
        denied=denied is True,
    )
