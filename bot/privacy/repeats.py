"""Erase the words of posts where the bot repeated them: in turn records and in its answers.

A turn that was shown a post may repeat it in its answer, and a turn that was shown that answer in its own. So
it goes on from answer to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.uris import is_by
from bot.storage import edits, outbox, redaction, turns

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bot.storage.journal import Journal
    from memory.db import Tx
    from memory.store import Memory


def erase_repeats(
    tx: Tx,
    memory: Memory,
    posts: Iterable[str],
    owner: str,
    now: datetime,
    *,
    hide_in: Journal | None = None,
) -> int:
    """Erase the words of these posts (AT URIs) of `owner` (a DID). Returns how many turns were redacted.

    An answer to somebody else that is not posted yet is thought of again. The answers still stand on the
    network: with `hide_in` the journal names them, so that no brain is shown them again.
    """
    repeated = frontier = frozenset(posts)
    answers: frozenset[str] = frozenset()
    redacted = 0
    while frontier:
        turned = turns.redact(tx, frontier)
        redacted += len(turned)
        mentions = frontier.union(turned)
        frontier = outbox.posted_to(tx, mentions) - repeated
        repeated |= mentions | frontier
        answers |= frontier
    if hide_in is not None:
        hide_in.add(tx, now, *sorted(answers))
    redaction.erase_answers(tx, repeated)
    redaction.erase_answers_under_way(tx)
    others = [uri for uri in repeated if not is_by(uri, owner)]
    edits.think_again(tx, others, now)
    memory.retrieval.erase_answers(tx, others)
    return redacted
