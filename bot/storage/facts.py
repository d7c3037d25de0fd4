"""The facts in SQL for a decision of policy about one mention."""

from __future__ import annotations

from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, exists, func, or_, select, true, union_all

from bot.domain import pausing
from bot.domain.behaviour import Answer, is_automatic
from bot.domain.mention import State
from bot.domain.policy import Facts
from bot.domain.threadgate import Gate
from bot.domain.uris import author
from bot.storage import merging, pauses
from bot.storage.outbox import bot_posts_in_thread
from bot.storage.queue import ANSWERED
from bot.storage.spending import with_spending
from bot.storage.tables import (
    BlockRow,
    GateRow,
    MentionRow,
    OutboxRow,
    PauseRow,
    StanceRow,
    StopRow,
    ThreadStopRow,
)
from memory.tables import DenialRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import BindParameter, Row

    from bot.domain.limits import Limits
    from bot.domain.mention import Mention
    from bot.storage.spending import Attempt
    from memory.db import Tx

DAY = timedelta(days=1)
RECENT = 30  # answers of one person; they are at most so many a day
COUNTED_STATES = (State.THINKING, State.DRAFTED, State.POSTING, State.ANSWERED)


def gather(
    tx: Tx,
    mention: Mention,
    who: Attempt,
    limits: Limits,
    now: datetime,
    *,
    read: bool = False,
    spent: bool = True,
) -> Facts:
    """The facts for a decision about this mention. What it has reserved itself counts as well.

    `read`: what people wish was just read from the network, so that what is stored of it is true. Without
    `spent` the limits are not asked for.
    """
    root = mention.root.uri
    asked = {"uri": mention.uri, "did": mention.did, "root": root, "thread": who.thread}
    times = {"since": now - DAY, "now": now, "said_at": mention.said_at}
    asked |= {"author": author(root)} | merging.window(limits, now)
    rows = tx.execute(STANDING, asked | times).all()
    found = rows[0]
    facts = Facts(
        age=_age(tx, found, mention, limits, now),
        paused=found.paused,
        heated=found.heat >= limits.heated_thread,
        thread=found.posts,
        automatic=is_automatic(_answers(rows), limits.automatic_answers),
        stopped=found.stopped,
        thread_stopped=found.thread_stopped,
        blocked=found.blocked or (read and found.blocks),
        muted=read and found.muted,
        denied=read and found.denied,
        gated=_is_gated(tx, mention, found),
        hidden=found.status is not None,
    )
    return with_spending(tx, who, facts, limits, now, newcomer=not found.known) if spent else facts


def _age(tx: Tx, found: Row[Any], mention: Mention, limits: Limits, now: datetime) -> timedelta:
    since = found.retried_at or mention.said_at
    paused = pauses.since(tx, since) if found.pauses else ()
    return pausing.age(since, now, paused, limits.hours.asleep(since, now))


def _is_gated(tx: Tx, mention: Mention, found: Row[Any]) -> bool:
    if not found.gate:
        return False
    posts = bot_posts_in_thread(tx, mention.root.uri) | {mention.uri}
    return Gate.from_json(found.gate).allows_reply(mentioned=None, posts=posts) is False


def _answers(rows: Sequence[Row[Any]]) -> list[Answer]:
    """What this person answered to posts of the bot in a day, in its order."""
    answers = [row for row in rows if row.text is not None]
    answers.sort(key=attrgetter("seen_at"))
    return [Answer(row.text, row.seen_at - row.posted_at) for row in answers]


def is_withheld(tx: Tx, did: str) -> bool:
    """Whether what this person writes is not shown in anybody's prompt: they stopped, block or deny."""
    said_so = (
        select(StopRow.did).where(StopRow.did == did),
        select(BlockRow.did).where(BlockRow.did == did),
        select(StanceRow.did).where(StanceRow.did == did, StanceRow.blocks),
        select(DenialRow.did).where(DenialRow.did == did, DenialRow.inference),
    )
    return tx.execute(union_all(*said_so).limit(1)).first() is not None


def _standing() -> Any:
    """All that is known of one mention, its person and its thread, but for what was spent.

    A row for each answer of the person, or one without an answer.
    """
    names: dict[str, BindParameter[str]] = {name: bindparam(name) for name in ("did", "root", "author")}
    did, root, first = names.values()
    both = did, first
    planned = (
        select(func.count())
        .select_from(OutboxRow)
        .join(MentionRow, MentionRow.uri == OutboxRow.mention_uri)
        .where(MentionRow.root_uri.in_((root, bindparam("thread"))), MentionRow.state.in_(COUNTED_STATES))
    )
    retried = select(MentionRow.retried_at).where(MentionRow.uri == bindparam("uri"))
    stances = StanceRow.did.in_(both)
    columns: dict[str, Any] = {
        "retried_at": retried.scalar_subquery(),
        "paused": pauses.IS_PAUSED,
        "pauses": select(PauseRow.id)
        .where(or_(PauseRow.ended_at.is_(None), PauseRow.ended_at > bindparam("said_at")))
        .exists(),
        "posts": planned.scalar_subquery(),
        "heat": merging.heard_besides(bindparam("uri"), root),
        "known": exists().where(MentionRow.did == did, ANSWERED),
        "stopped": select(StopRow.did).where(StopRow.did == did).exists(),
        "thread_stopped": exists().where(ThreadStopRow.root_uri == root),
        "blocked": exists().where(BlockRow.did.in_(both)),
        "blocks": exists().where(stances, StanceRow.blocks),
        "muted": exists().where(stances, StanceRow.muted),
        "denied": exists().where(DenialRow.did == did, DenialRow.inference),
        "gate": select(GateRow.record).where(GateRow.post == root).limit(1).scalar_subquery(),
        "status": select(PersonRow.status).where(PersonRow.did == did).scalar_subquery(),
    }
    standing = select(*(column.label(name) for name, column in columns.items())).subquery("standing")
    answers = ANSWERS.subquery("answers")
    return select(standing, answers).outerjoin_from(standing, answers, true())


ANSWERS = (
    select(MentionRow.text, MentionRow.seen_at, OutboxRow.posted_at)
    .join(OutboxRow, OutboxRow.uri == MentionRow.parent_uri)
    .where(MentionRow.did == bindparam("did"), MentionRow.seen_at > bindparam("since"))
    .where(OutboxRow.posted_at.is_not(None))
    .order_by(MentionRow.seen_at.desc())
    .limit(RECENT)
)
STANDING = _standing()
