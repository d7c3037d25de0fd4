"""From a command to direct messages, each sent once as far as that can be known, and to the public answer.

chat.bsky.convo.sendMessage has no key by which the service would recognise a message that it has already. So
what is tried is written down before, with the message after which it will stand. If nobody knows what came of
it, the conversation is asked for that text behind that message before it is sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import structlog

from bot.domain import reply
from bot.domain.mention import Command
from bot.errors import MessagesRefused, PermanentNetworkError, TransientNetworkError
from bot.storage import direct_messages, mentions
from bot.worker.command import answer_in_public, replace_parts, say
from bot.worker.private_answer import APP, has_any, make_messages
from bot.worker.record_keys import find_record_key
from bot.worker.step import Step

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.domain.direct_messages import Conversation
    from bot.domain.mention import Claim, Record
    from bot.ports import DirectMessages
    from bot.services import Services
    from bot.storage.direct_messages import StoredMessage
    from bot.worker.command import Parts
    from memory.db import Tx

    Check: TypeAlias = Callable[[Tx], Step | None]

MAX_TRIES = 8  # of a mention, within about four minutes, before it is answered in public
PATIENCE = 600.0  # seconds for which the service may ask


class Delivery(Enum):
    """What became of the messages."""

    SENT = auto()
    REFUSED = auto()  # the person does not take messages from the bot
    IMPOSSIBLE = auto()  # the bot cannot send any, or there is nothing to send


@dataclass(frozen=True, slots=True)
class Next:
    """The message to send. `after`: the one before it. `tried`: it may have been sent already."""

    number: int
    text: str
    after: str
    tried: bool


async def answer_in_messages(services: Services, claim: Claim, check: Check) -> Step | Parts:
    """Send the answer in direct messages. Returns the parts of what is said in public, which are drafted.

    `check` asks policy, before each message. Raises TransientNetworkError, AccountTrouble and FenceLost.
    """
    outcome = await _deliver(services, claim, check)
    if isinstance(outcome, Step):
        return outcome
    return await services.write(partial(_draft_public, services, claim, outcome))


def _draft_public(services: Services, claim: Claim, outcome: Delivery, tx: Tx) -> Parts:
    mentions.lock_claimed(tx, claim)
    if outcome is Delivery.SENT:
        return replace_parts(services, tx, claim, say(claim.mention, "sent"))
    direct_messages.drop(tx, [claim.mention.uri])
    public = answer_in_public(services, tx, claim.mention, offer=outcome is Delivery.REFUSED)
    return replace_parts(services, tx, claim, public)


async def _deliver(services: Services, claim: Claim, check: Check) -> Step | Delivery:
    port, mention = services.direct_messages, claim.mention
    if port is None or not await services.read(partial(_has_any, services, claim), person=mention.did):
        return Delivery.IMPOSSIBLE
    _, posted = await find_record_key(services.network, mention.uri, mention.uri, 0)
    if posted is not None:  # what is said after the messages; an older database was restored since
        return Delivery.SENT
    try:
        return await _send_all(services, claim, port, await port.open(mention.did), check)
    except MessagesRefused:
        return Delivery.REFUSED
    except PermanentNetworkError:
        return Delivery.IMPOSSIBLE
    except TransientNetworkError as error:
        if claim.attempts < MAX_TRIES and (error.retry_after or 0) <= PATIENCE:
            raise
        log.warning("messages.given_up", uri=mention.uri, error=str(error))
        return Delivery.IMPOSSIBLE


def _has_any(services: Services, claim: Claim, tx: Tx) -> bool:
    uri = claim.mention.uri
    return bool(direct_messages.of(tx, uri)) or has_any(services, tx, claim.mention)


async def _send_all(
    services: Services, claim: Claim, port: DirectMessages, conversation: Conversation, check: Check
) -> Step | Delivery:
    while True:
        found = await services.write(partial(_next, services, claim, conversation, check))
        if not isinstance(found, Next):
            return found
        sent = await _send_once(port, conversation, found, claim)
        await services.write(partial(_mark_sent, claim, found.number, sent))


def _next(
    services: Services, claim: Claim, conversation: Conversation, check: Check, tx: Tx
) -> Step | Delivery | Next:
    """The message to send, written down as tried. Messages that were erased meanwhile are made anew."""
    mentions.lock_claimed(tx, claim)
    refused = check(tx)
    if refused:
        return refused
    uri = claim.mention.uri
    stored = direct_messages.of(tx, uri)
    if not stored:
        texts = make_messages(services, tx, claim.mention)
        if not texts:
            return Delivery.IMPOSSIBLE
        direct_messages.put(tx, uri, texts)
        stored = direct_messages.of(tx, uri)
    left = next((message for message in stored if message.text is not None), None)
    if left is None or left.text is None:
        return Delivery.SENT
    after = left.after if left.after is not None else _last(stored, left.number, conversation)
    direct_messages.begin(tx, uri, left.number, after)
    return Next(left.number, left.text, after, tried=left.after is not None)


def _last(stored: Sequence[StoredMessage], number: int, conversation: Conversation) -> str:
    return stored[number - 1].sent or "" if number else conversation.last


async def _send_once(port: DirectMessages, conversation: Conversation, message: Next, claim: Claim) -> str:
    """The id of the message. It is looked for before it is sent a second time."""
    if message.tried:
        for sent in await port.sent_since(conversation.id, message.after):
            if sent.text == message.text:
                return sent.id
    return await port.send(conversation.id, message.text, _facets(claim, message.text))


def _facets(claim: Claim, text: str) -> tuple[Record, ...]:
    """The links to the person's posts. In an export, links are data."""
    if claim.mention.command is Command.EXPORT:
        return ()
    return reply.facets(text, claim.mention.did, None, frozenset({APP}))


def _mark_sent(claim: Claim, number: int, sent: str, tx: Tx) -> None:
    mentions.lock_claimed(tx, claim)
    direct_messages.mark_sent(tx, claim.mention.uri, number, sent)
