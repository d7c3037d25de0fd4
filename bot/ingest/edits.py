"""Carry out commands, and apply what an author edited."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.domain import policy
from bot.domain.limits import POINTS_PER_POST
from bot.domain.mention import OPEN, Command, Ignored, Part
from bot.domain.said import wished_at
from bot.domain.uris import author, is_by
from bot.ingest import commands
from bot.privacy.erasure import erase, propagate_erasure
from bot.privacy.repeats import erase_repeats
from bot.storage import consent, edits, facts, mentions, outbox, spending
from bot.storage.spending import SpendKind
from bot.wording import answers

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Mention, StrongRef
    from bot.ingest.stores import Stores
    from memory.db import Tx


STOPPING = (Command.STOP, Command.FORGET_AND_STOP, Command.START)
REFUSING = (Command.REFUSE, Command.FORGET_AND_REFUSE, Command.REMEMBER)
# of these commands the one said last holds, whichever is heard last
OPPOSITES = dict.fromkeys(STOPPING, STOPPING) | dict.fromkeys(REFUSING, REFUSING)


@dataclass(frozen=True, slots=True)
class EditResult:
    """What an edit changed.

    `changed`: the stored mention changed. `waiting`: it waits again. `erased`: how many notes and turns were
    erased or redacted.
    """

    changed: bool
    waiting: bool
    erased: int


def carry_out_command(
    tx: Tx,
    stores: Stores,
    mention: Mention,
    now: datetime,
    *,
    answer: bool = True,
) -> None:
    """Carry out the command of a mention, if it has one. `answer`: the mention may still be answered.

    A command is obeyed always, but answered only as often as the limits allow.
    """
    command = mention.command
    if command is None:
        return
    overruled = consent.is_overruled(tx, mention, *OPPOSITES.get(command, ()))
    if not overruled:
        _record_consent(tx, mention, now)  # it withdraws posts that erasure knows no more
    if command.forgets:
        _forget(tx, stores, mention, now, answer=answer and not command.stops)
    if command.forgets or command.stops:
        return
    said = commands.carry_out(tx, stores, mention, now)
    if answer:
        parts = [Part(0, said, ())] if said else []
        outbox.draft_at_once(tx, mention.uri, parts, now)


def _forget(
    tx: Tx,
    stores: Stores,
    mention: Mention,
    now: datetime,
    *,
    answer: bool,
) -> None:
    lang = commands.language(mention)
    to_answer = set(mentions.open_wishes(tx, mention.did)) - {mention.uri} if answer else ()
    answer = answer and _reserve_answer(tx, stores, mention, now)
    wish = wished_at(mention.uri, mention.said_at, now)
    keep = [mention.uri] if answer else to_answer
    parts = stores.memory, stores.ledger, stores.journal
    erase(tx, *parts, mention.did, now, wished_at=wish, keep=keep)
    if answer:
        said = answers.text(lang, "erased")
        outbox.draft_at_once(tx, mention.uri, [Part(0, said, ())], now)


def _record_consent(tx: Tx, mention: Mention, now: datetime) -> None:
    match mention.command:
        case Command.STOP | Command.FORGET_AND_STOP:
            consent.stop(tx, mention.did, now)
            if is_by(mention.root.uri, mention.did):
                consent.stop_thread(tx, mention.root.uri, now)
        case Command.START:
            consent.start(tx, mention.did)
        case Command.REFUSE | Command.FORGET_AND_REFUSE:
            consent.set_memory_wish(tx, mention.did, now, wanted=False)
        case Command.REMEMBER:
            consent.set_memory_wish(tx, mention.did, now, wanted=True)
        case _:
            pass


def _reserve_answer(tx: Tx, stores: Stores, mention: Mention, now: datetime) -> bool:
    """Whether the program may answer by itself; then it is reserved."""
    limits, who = stores.limits, spending.attempt(stores.journal, mention)
    spending.release_reply(tx, who)
    known = facts.gather(tx, mention, who, limits, now)
    if not isinstance(policy.decide(known, limits, now, thinking=False), policy.Go):
        return False
    one_post = replace(limits, reply_points=POINTS_PER_POST)
    spending.reserve(tx, who, known, one_post, now, SpendKind.COMMAND)
    return True


def apply_edit(
    tx: Tx,
    stores: Stores,
    ref: StrongRef,
    verdict: Mention | Ignored,
    now: datetime,
) -> EditResult:
    """Apply an edit: the post is `ref` now. Erase notes and turns of the old text, and let it wait again."""
    memory, journal = stores.memory, stores.journal
    with propagate_erasure(tx, memory, journal, author(ref.uri), now):
        erased = memory.forget_post(tx, ref.uri, now, except_cid=ref.cid)
    stored_cid = edits.cids_of(tx, [ref.uri]).get(ref.uri)
    if stored_cid != ref.cid:  # otherwise the edit is known, and the turns are about the new text
        erased += erase_repeats(tx, memory, [ref.uri], author(ref.uri), now, hide_in=journal)
    if isinstance(verdict, Ignored):  # it does not address the bot any more
        return EditResult(edits.retract(tx, ref.uri, "edited", now), waiting=False, erased=erased)
    verdict = commands.resolved(tx, memory, verdict, now)
    before = edits.replace(tx, verdict, now)
    waiting = before in OPEN
    if before is not None:
        carry_out_command(tx, stores, verdict, now, answer=waiting)
    return EditResult(before is not None, waiting, erased)
