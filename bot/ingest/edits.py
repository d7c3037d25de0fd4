"""A post is read: what it commands is done at once; and read again when its author has edited it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain import commands
from bot.domain.mention import OPEN, Command, Ignored, Part
from bot.domain.uris import author, is_by
from bot.privacy.erasure import erase, forgetting
from bot.storage import consent, edits, outbox, turns

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Mention, StrongRef
    from bot.storage.ledger import Ledger
    from memory.db import Tx
    from memory.store import Memory


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit came to: was it news, does the mention wait (again), and how many notes and turns went."""

    changed: bool
    waiting: bool
    erased: int


def carry_out(
    tx: Tx, memory: Memory, ledger: Ledger, mention: Mention, now: datetime, *, answer: bool = True
) -> None:
    """Carry out what code understands without a brain. `answer`: may the mention still be answered?"""
    match mention.command:
        case Command.FORGET:
            erase(tx, memory, ledger, mention.did, now, keep=mention.uri if answer else "")
            if answer:
                outbox.draft_at_once(tx, mention.uri, [Part(0, commands.ERASED_REPLY, ())], now)
        case Command.STOP if not consent.is_overruled(tx, mention):
            consent.stop(tx, mention.did, now)
            if is_by(mention.root.uri, mention.did):
                consent.stop_thread(tx, mention.root.uri, now)
        case Command.START if not consent.is_overruled(tx, mention):
            consent.start(tx, mention.did)
        case _:
            pass


def take_edit(
    tx: Tx, memory: Memory, ledger: Ledger, ref: StrongRef, verdict: Mention | Ignored, now: datetime
) -> Edit:
    """The post stands as `ref` now: notes and turns of the old text go, what was not answered waits anew."""
    with forgetting(tx, memory, author(ref.uri), now):
        erased = memory.forget_post(tx, ref.uri, now, except_cid=ref.cid)
    if (
        edits.cids_of(tx, [ref.uri]).get(ref.uri) != ref.cid
    ):  # heard again, it spares the turn over the new text
        erased += turns.redact(tx, [ref.uri])
    if isinstance(verdict, Ignored):  # it speaks to the bot no more
        return Edit(edits.retract(tx, ref.uri, "edited", now), waiting=False, erased=erased)
    before = edits.replace(tx, verdict, now)
    waiting = before in OPEN
    if before is not None:
        carry_out(tx, memory, ledger, verdict, now, answer=waiting)
    return Edit(before is not None, waiting, erased)
