"""Erase the texts of mentions and of the answers to them; outcomes stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, literal_column, or_, select, update

from bot.domain.mention import OPEN, State
from bot.storage.queue import drop_idle
from bot.storage.tables import DirectMessageRow, IntroductionRow, MentionRow, OutboxRow
from memory.db import mark_erased
from memory.tables import starts_with

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from memory.db import Tx

# A brain that stays silent says why in its own words, which may be the person's.
WHY_WITHOUT_WORDS = case((MentionRow.state == State.SILENT, None), else_=MentionRow.why)
NO_THREAD: Any = dict.fromkeys(("parent_uri", "parent_cid", "hidden_root"))
KEPT = MentionRow.cid != literal_column("''")  # as it stands in an index
NOT_DRAFTED = (State.WAITING, State.THINKING)


def erase_texts(tx: Tx, before: datetime, limit: int | None = None) -> int:
    """Erase the texts of mentions that ended before then, and of their replies. Returns how many mentions.

    At most `limit`, the oldest. The CID is erased too: a mention without one is not tried again.
    """
    ended = select(MentionRow.uri).where(MentionRow.ended_at < before, KEPT).order_by(MentionRow.ended_at)
    uris = tx.scalars(ended.limit(limit).with_for_update(skip_locked=True)).all()
    if uris:
        which = MentionRow.uri.in_(uris)
        _blank_answers(tx, which)
        tx.execute(update(MentionRow).where(which).values(text="", langs="", cid="", why=WHY_WITHOUT_WORDS))
        mark_erased(tx)
    return len(uris)


def erase_words(tx: Tx, uris: Collection[str]) -> None:
    """Erase the texts of these mentions, as far as they are not needed any more to answer them."""
    done = MentionRow.uri.in_(uris) & MentionRow.state.not_in(NOT_DRAFTED)
    if tx.execute(update(MentionRow).where(done, MentionRow.text != "").values(text="", langs="")).rowcount:
        mark_erased(tx)


def erase_answers(tx: Tx, uris: Collection[str]) -> None:
    """Erase the answers to these mentions. One that is still to be posted is erased when that is done."""
    _erase_answers(tx, MentionRow.uri.in_(uris))


def erase_answers_under_way(tx: Tx) -> None:
    """Erase whatever is being thought of now, once it has ended: nobody knows what it was shown."""
    _erase_answers(tx, MentionRow.state == State.THINKING)


def erase_marked(tx: Tx, uris: Collection[str]) -> None:
    """Erase what had to be kept until these mentions ended: answers, and the posts that they answer."""
    if not uris:
        return
    _erase_answers(tx, MentionRow.uri.in_(uris) & MentionRow.answer_forgotten)
    hidden = update(MentionRow).where(MentionRow.uri.in_(uris), MentionRow.hidden_root.is_not(None))
    if tx.execute(hidden.values(root_uri=MentionRow.hidden_root, **NO_THREAD)).rowcount:
        mark_erased(tx)


def is_marked(tx: Tx, uri: str) -> bool:
    return bool(tx.scalar(select(MentionRow.answer_forgotten).where(MentionRow.uri == uri)))


def anonymize(tx: Tx, uris: Collection[str], pseudonym: Callable[[str], str]) -> None:
    """Erase everything personal from these ended mentions. Outcomes stay, under `pseudonym(uri)`."""
    mark_erased(tx)
    for table in (OutboxRow, IntroductionRow, DirectMessageRow):
        tx.execute(delete(table).where(table.mention_uri.in_(uris)))
    erased: dict[str, Any] = dict.fromkeys(("cid", "text", "langs", "root_uri", "root_cid"), "")
    erased |= dict.fromkeys(("parent_uri", "parent_cid", "hidden_root", "command", "worker", "rev"))
    erased["merged_into"] = None
    erased["why"] = WHY_WITHOUT_WORDS
    dids = tx.scalars(select(MentionRow.did).where(MentionRow.uri.in_(uris)).distinct()).all()
    for uri in uris:
        name = pseudonym(uri)
        tx.execute(update(MentionRow).where(MentionRow.uri == uri).values(uri=name, did=name, **erased))
    drop_idle(tx, dids)


def in_threads_of(tx: Tx, did: str) -> list[str]:
    """The mentions of others that answer a post of this person, or stand in a thread of theirs."""
    theirs = (
        starts_with(tx, column, f"at://{did}/") for column in (MentionRow.root_uri, MentionRow.parent_uri)
    )
    return list(tx.scalars(select(MentionRow.uri).where(or_(*theirs), MentionRow.did != did)))


def hide_threads(tx: Tx, uris: Collection[str], pseudonym: Callable[[str], str]) -> None:
    """Hide in these mentions what they answer; in those that are open, from their end on."""
    named = MentionRow.uri.in_(uris) & MentionRow.root_uri.startswith("at://")
    for root in tx.scalars(select(MentionRow.root_uri).where(named).distinct()).all():
        hidden = update(MentionRow).where(named, MentionRow.root_uri == root)
        tx.execute(hidden.values(hidden_root=pseudonym(root)))
    ended = select(MentionRow.uri).where(MentionRow.uri.in_(uris), MentionRow.state.not_in(OPEN))
    erase_marked(tx, tx.scalars(ended).all())


def _erase_answers(tx: Tx, which: Any) -> None:
    is_open = MentionRow.state.in_(OPEN)
    marked = update(MentionRow).where(which, is_open).values(answer_forgotten=True)
    _blank_answers(tx, which & ~is_open)
    blanked = update(MentionRow).where(which, ~is_open).values(why=WHY_WITHOUT_WORDS)
    if tx.execute(marked).rowcount + tx.execute(blanked).rowcount:
        mark_erased(tx)


def _blank_answers(tx: Tx, which: Any) -> None:
    """Erase the texts of the replies to these mentions, but not that they were posted."""
    answers = OutboxRow.mention_uri.in_(select(MentionRow.uri).where(which))
    tx.execute(update(OutboxRow).where(answers).values(text="", facets="[]", record=None))
