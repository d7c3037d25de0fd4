"""What memory learns from a turn.

Nothing is kept of who was never told that the bot remembers: from their first turns memory learns when the
reply with the notice is posted, and nothing if it never is.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.domain.approval import Approve
from bot.domain.consent import may_remember
from bot.privacy.erasure import propagate_erasure
from bot.storage import consent, drafts, introductions, merging, redaction
from memory.db import after_commit, mark_erased
from memory.errors import EditRefused, UnknownNote, UnknownPerson
from memory.identifiers import thread_id
from memory.model import Forget, Passage, Receipt
from memory.row_security import only

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Mention
    from bot.domain.turn import Lesson
    from bot.services import Services
    from memory.db import Tx

log = structlog.get_logger()


def receipt(mention: Mention) -> Receipt:
    return Receipt(mention.uri, mention.ref.cid, mention.did, mention.said_at)


def is_remembered(services: Services, tx: Tx, did: str) -> bool:
    """Whether anything may be kept of this person, by the operator's choice and their own wish."""
    return may_remember(services.options.consent, consent.memory_wish(tx, did))


def waits(which: Approve, tx: Tx, did: str) -> bool:
    """Whether what is for this person waits for the operator."""
    return which.waits(is_new=which is Approve.NEW_PEOPLE and drafts.is_new(tx, did))


def learn(
    services: Services, tx: Tx, mention: Mention, lesson: Lesson, now: datetime, *, exchange: bool
) -> None:
    """Make the edits, and store the exchange for retrieval; without `exchange` only the edits.

    An exchange that forgets something may tell of it, and is not stored either.
    """
    _edit(services, tx, mention, lesson, now)
    if exchange and not any(isinstance(edit, Forget) for edit in lesson.edits):
        _record_exchange(services, tx, mention, lesson, now)


def forget_at_once(services: Services, tx: Tx, mention: Mention, lesson: Lesson, now: datetime) -> Lesson:
    """Forget what the turn forgets of what is stored. Returns the rest, which can wait."""
    gone = tuple(edit for edit in lesson.edits if isinstance(edit, Forget) and edit.note_id > 0)
    _edit(services, tx, mention, replace(lesson, key=f"{lesson.key}-", edits=gone), now)
    return replace(lesson, edits=tuple(edit for edit in lesson.edits if edit not in gone))


def mark_told(services: Services, tx: Tx, mention: Mention, now: datetime) -> None:
    """A post of the reply stands: learn what waited for it. If it has the notice, the person is told."""
    taken = introductions.take(tx, mention.uri)
    if taken is None:
        return
    lesson = taken.lesson
    if taken.tells:
        services.memory.people.mark_introduced(tx, mention.did, now, of_memory=lesson is not None)
    if lesson is None:
        return
    if not is_remembered(services, tx, mention.did):
        mark_erased(tx)  # what waited was kept nowhere else
        return
    try:
        with tx.begin_nested():
            learn(services, tx, mention, lesson, now, exchange=not redaction.is_marked(tx, mention.uri))
    except (EditRefused, UnknownNote, UnknownPerson) as refused:  # the notes have changed meanwhile
        after_commit(tx, partial(log.info, "notes.dropped", uri=mention.uri, why=type(refused).__name__))


def _edit(services: Services, tx: Tx, mention: Mention, lesson: Lesson, now: datetime) -> None:
    if not lesson.edits:
        return
    forgets = any(isinstance(edit, Forget) for edit in lesson.edits)
    parts = services.memory, services.journal
    with propagate_erasure(tx, *parts, mention.did, now) if forgets else nullcontext():
        services.memory.apply(
            tx,
            mention.did,
            lesson.edits,
            receipt(mention),
            key=lesson.key,
            actor=f"brain:{services.brain.name}",
            at=now,
            waits=waits(services.options.review, tx, mention.did),
        )


def _record_exchange(services: Services, tx: Tx, mention: Mention, lesson: Lesson, now: datetime) -> None:
    burst = merging.merged(tx, mention.uri) if mention.is_burst else ()
    *before, said = map(_said, (*burst, mention))
    answered = replace(said, kind="answer", author=services.network.did, text=lesson.answer, at=now)
    with only(tx, mention.did):
        services.memory.retrieval.record(tx, *before, said, *([answered] if lesson.answer else []))


def _said(mention: Mention) -> Passage:
    thread, lang = thread_id(mention.root.uri), mention.langs[0] if len(mention.langs) == 1 else None
    return Passage(
        mention.did, "said", mention.did, mention.text, thread, mention.uri, mention.said_at, lang=lang
    )
