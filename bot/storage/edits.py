"""What an author changed or took back of a mention after it was heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from bot.domain.mention import OPEN, State
from bot.storage.outcomes import decline
from bot.storage.rows import columns
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import mark_erased

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Mention
    from memory.db import Tx


def known(tx: Tx, uris: list[str]) -> dict[str, str]:
    """Which of these mentions are here: URI to CID."""
    rows = tx.execute(select(MentionRow.uri, MentionRow.cid).where(MentionRow.uri.in_(uris)))
    return {row.uri: row.cid for row in rows}


def is_late(tx: Tx, uri: str, rev: str | None) -> bool:
    """Was a later edit of this mention heard before, or this one? If not, it is the last one from now on."""
    if rev is None:
        return False
    last = tx.execute(select(MentionRow.rev).where(MentionRow.uri == uri).with_for_update()).scalar()
    if last is not None and rev <= last:  # TIDs: they sort as they were made
        return True
    tx.execute(update(MentionRow).where(MentionRow.uri == uri).values(rev=rev))
    return False


def with_words(tx: Tx, did: str) -> dict[str, str]:
    """This person's mentions of which the words are kept, oldest first: URI to CID."""
    rows = select(MentionRow.uri, MentionRow.cid).where(MentionRow.did == did, MentionRow.text != "")
    return {row.uri: row.cid for row in tx.execute(rows.order_by(MentionRow.said_at, MentionRow.uri))}


def take(tx: Tx, mention: Mention, due_at: datetime) -> State | None:
    """Take the edited post in the place of what was read.

    What was not answered yet is thought anew, and a worker on it loses its fence; what has ended stays there.
    Returns the state it was found in; None if it is unknown, or no news.
    """
    row = tx.execute(
        select(MentionRow.cid, MentionRow.state).where(MentionRow.uri == mention.uri).with_for_update()
    ).first()
    if row is None or row.cid == mention.ref.cid:
        return None
    state = State(row.state)
    if state in OPEN and not _is_said(tx, mention.uri):
        tx.execute(delete(OutboxRow).where(OutboxRow.mention_uri == mention.uri))
        anew = dict.fromkeys(("worker", "why", "drafted_at", "post_at"))
        values = columns(mention) | anew | {"state": State.WAITING, "due_at": due_at, "attempts": 0}
        values["fence"] = MentionRow.fence + 1
    else:
        values = {key: columns(mention)[key] for key in ("cid", "text", "langs", "command")}
    tx.execute(update(MentionRow).where(MentionRow.uri == mention.uri).values(**values))
    mark_erased(tx)
    return state


def take_back(tx: Tx, uri: str, why: str, now: datetime) -> bool:
    """Its author took the words back: end what is open, and keep the words no longer. False if unknown."""
    decline(tx, uri, why, now)
    wordless = update(MentionRow).where(MentionRow.uri == uri, MentionRow.text != "")
    if known := bool(tx.execute(wordless.values(text="", langs="")).rowcount):
        mark_erased(tx)
    return known


def _is_said(tx: Tx, uri: str) -> bool:
    said = select(OutboxRow.part).where(OutboxRow.mention_uri == uri, OutboxRow.uri.is_not(None))
    return tx.execute(said.limit(1)).first() is not None
