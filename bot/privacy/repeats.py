"""Erase the words of posts where the bot repeated them: in its answers, and in the turns that led to them.

An answer may repeat any post that the bot was shown when it thought of it, other answers of the bot among
them. So it goes on from answer to answer, and nothing is kept of any that is reached: whether it does repeat
the words is not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.uris import author, is_by
from bot.storage import direct_messages, drafts, edits, outbox, redaction, sources, turns
from bot.storage.journal import answer_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from bot.storage.journal import Journal
    from memory.db import Tx
    from memory.store import Memory

BATCH = 1000  # URIs in one statement


def erase_repeats(
    tx: Tx,
    memory: Memory,
    posts: Iterable[str],
    owner: str,
    now: datetime,
    *,
    hide_in: Journal | None = None,
) -> int:
    """Erase the words of these posts (AT URIs) of `owner` (a DID). Returns how many answers were reached.

    An answer to somebody else that is not posted yet is thought of again, and so is a draft that the operator
    may leave unposted for long. The answers still stand on the network: with `hide_in` the journal names
    them, so that no brain is shown them again.
    """
    posts = frozenset(posts)
    redaction.erase_answers_under_way(tx)  # before the lists are read: on PostgreSQL they go on
    mentions, answers = _reached(tx, posts)
    direct_messages.drop_unsent(tx, [owner])
    for some in _batches(posts | mentions):
        direct_messages.drop_unsent(tx, {author(uri) for uri in some})
        turns.redact(tx, some)
        redaction.erase_answers(tx, some)
        memory.retrieval.erase_answers(tx, some)
        held = drafts.held_among(tx, some)
        edits.think_again(tx, [uri for uri in some if uri in held or not is_by(uri, owner)], now)
    redaction.erase_answers_under_way(tx)  # and what was begun meanwhile
    if hide_in is not None:
        hide_in.add(tx, now, *sorted(answers), *map(answer_key, sorted(mentions)))
        for some in _batches(mentions):
            sources.drop_lists(tx, some)
    return len(mentions)


def hide_marked_answer(
    tx: Tx, memory: Memory, journal: Journal, mention_uri: str, answer_uri: str, now: datetime
) -> None:
    """Something was erased that this answer may repeat: let no brain be shown it once it is posted."""
    journal.add(tx, now, answer_uri)
    erase_repeats(tx, memory, [answer_uri], author(mention_uri), now, hide_in=journal)


def _reached(tx: Tx, posts: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The mentions whose answers may repeat one of these posts, and the bot's posts that answer them."""
    mentions = answers = frozenset[str]()
    seen = frontier = frozenset([*posts, sources.UNKNOWN])
    while frontier:
        shown, posted = frozenset[str](), frozenset[str]()
        for some in _batches(frontier):
            shown |= sources.shown(tx, some)
            posted |= outbox.posted_to(tx, some)
        frontier = (shown | posted) - seen
        seen, mentions, answers = seen | frontier, mentions | shown, answers | posted
    return mentions, answers


def _batches(uris: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(uris)
    return (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))
