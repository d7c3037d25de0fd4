"""The direct messages that answer a mention, from their making until the mention ends.

A row has its text until the message is sent. The row itself stays, so that nothing is sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from bot.storage.tables import DirectMessageRow, MentionRow
from memory.db import mark_erased

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement

    from memory.db import Tx


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message. `text` is None once it is sent, with the id `sent`.

    `after` is the last message of the conversation when this one was first tried ("" if it had none); None
    if it was not tried yet.
    """

    number: int
    text: str | None
    after: str | None
    sent: str | None


def put(tx: Tx, uri: str, texts: Sequence[str]) -> None:
    """Store the messages that answer this mention (AT URI)."""
    rows = [{"mention_uri": uri, "number": number, "text": text} for number, text in enumerate(texts)]
    tx.execute(insert(DirectMessageRow), rows)


def of(tx: Tx, uri: str) -> tuple[StoredMessage, ...]:
    rows = select(DirectMessageRow.__table__).where(DirectMessageRow.mention_uri == uri)
    return tuple(
        StoredMessage(row.number, row.text, row.after, row.sent)
        for row in tx.execute(rows.order_by(DirectMessageRow.number))
    )


def is_any_sent(tx: Tx, uri: str) -> bool:
    sent = (DirectMessageRow.mention_uri == uri, DirectMessageRow.sent.is_not(None))
    return tx.scalar(select(DirectMessageRow.number).where(*sent).limit(1)) is not None


def is_begun(tx: Tx, uri: str) -> bool:
    """Whether a message may have been sent."""
    begun = (DirectMessageRow.mention_uri == uri, DirectMessageRow.after.is_not(None))
    return tx.scalar(select(DirectMessageRow.number).where(*begun).limit(1)) is not None


def begin(tx: Tx, uri: str, number: int, after: str) -> None:
    """From now on the message may have been sent, as one after this one."""
    _update(tx, uri, number, after=after)


def mark_sent(tx: Tx, uri: str, number: int, sent: str) -> None:
    _update(tx, uri, number, text=None, sent=sent)
    mark_erased(tx)


def drop(tx: Tx, uris: Collection[str]) -> None:
    """The mentions have ended, or are answered otherwise."""
    _drop(tx, DirectMessageRow.mention_uri.in_(uris))


def drop_unsent(tx: Tx, dids: Collection[str]) -> None:
    """Something was erased that messages to these people may have: if one is left to send, make all anew."""
    unsent = select(DirectMessageRow.mention_uri).join(
        MentionRow, MentionRow.uri == DirectMessageRow.mention_uri
    )
    theirs = unsent.where(MentionRow.did.in_(dids), DirectMessageRow.text.is_not(None))
    _drop(tx, DirectMessageRow.mention_uri.in_(theirs))


def _drop(tx: Tx, which: ColumnElement[bool]) -> None:
    if tx.execute(delete(DirectMessageRow).where(which)).rowcount:
        mark_erased(tx)


def _update(tx: Tx, uri: str, number: int, **values: object) -> None:
    row = (DirectMessageRow.mention_uri == uri, DirectMessageRow.number == number)
    tx.execute(update(DirectMessageRow).where(*row).values(**values))
