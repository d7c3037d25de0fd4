"""From a command to direct messages, each sent once as far as that can be known, and to the public answer.

chat.bsky.convo.sendMessage has no key by which the service would recognise a message that it has already. So
what is tried is written down before, with the message after which it will stand. If nobody knows what came of
it, the conversation is asked for that text behind that message before it is sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.domain import reply
from bot.domain.mention import Command
from bot.errors import MessagesRefused, PermanentNetworkError, TransientNetworkError
from bot.storage import claimed, direct_messages
from bot.worker.command import answer_in_public, replace_parts, say
from bot.worker.private_answer import APP, has_any, make_messages
from bot.worker.record_keys import find_record_key
from bot.worker.step import Step

log = structlog.get_logger()

if TYPE_CHECKING:
    from bot.domain.direct_messages import Conversation
    from bot.domain.mention import Claim, Record
    from bot.ports import DirectMessages
    from bot.services import Services
    from bot.storage.direct_messages import StoredMessage
    from bot.worker.command import Parts
    from bot.worker.step import Check
    from memory.db import Tx


MAX_TRIES = 8  # of a mention, within about four minutes, before it is answered in public
FIRST_TRIES = 3  # within seconds, as long as no message can have been sent: a PDS may reach no chat service
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
    claimed.lock(tx, claim)
    if outcome is Delivery.SENT:
        return replace_parts(services, tx, claim, say(claim.mention, "sent"))
    direct_messages.drop(tx, [claim.mention.uri])
    public = answer_in_public(services, tx, claim.mention, offer=outcome is Delivery.REFUSED)
    return replace_parts(services, tx, claim, public)


async def _deliver(services: Services, claim: Claim, check: Check) -> Step | Delivery:
    port, mention = services.direct_messages, claim.mention
    if port is None:
        return Delivery.IMPOSSIBLE
    known = await services.read(partial(_known, services, claim), person=mention.did)
    if known is not None:
        return known
    _, posted = await find_record_key(services.network, mention.uri, mention.uri, 0)
    if posted is not None:  # what is said after the messages; an older database was restored since
        return Delivery.SENT
    return await _try_to_send(services, claim, port, check)


async def _try_to_send(
    services: Services, claim: Claim, port: DirectMessages, check: Check
) -> Step | Delivery:
    """Only facts end it at once. Trouble is raised, as long as the person can be kept waiting."""
    try:
        return await _send_all(services, claim, port, await port.open(claim.mention.did), check)
    except MessagesRefused:
        return Delivery.REFUSED
    except PermanentNetworkError:
        return Delivery.IMPOSSIBLE
    except TransientNetworkError as error:
        begun = await services.read(partial(direct_messages.is_begun, uri=claim.mention.uri))
        tries = MAX_TRIES if begun else FIRST_TRIES
        if claim.attempts < tries and (error.retry_after or 0) <= PATIENCE:
            raise
        log.warning("messages.given_up", uri=claim.mention.uri, error=str(error))
        return Delivery.IMPOSSIBLE


def _known(services: Services, claim: Claim, tx: Tx) -> Delivery | None:
    """What is known without the chat service; None if there is something to send."""
    stored = direct_messages.of(tx, claim.mention.uri)
    if stored:
        return Delivery.SENT if all(message.text is None for message in stored) else None
    return None if has_any(services, tx, claim.mention) else Delivery.IMPOSSIBLE


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
    claimed.lock(tx, claim)
    refused = check(tx)
    if refused:
        return refused
    stored = direct_messages.of(tx, claim.mention.uri) or _store(services, claim, tx)
    if not stored:
        return Delivery.IMPOSSIBLE
    before = conversation.last
    for message in stored:
        if message.text is not None:
            tried = message.after is not None
            after = message.after if message.after is not None else before
            direct_messages.begin(tx, claim.mention.uri, message.number, after)
            return Next(message.number, message.text, after, tried=tried)
        before = message.sent or ""
    return Delivery.SENT


def _store(services: Services, claim: Claim, tx: Tx) -> tuple[StoredMessage, ...]:
    texts = make_messages(services, tx, claim.mention)
    if texts:
        direct_messages.put(tx, claim.mention.uri, texts)
    return direct_messages.of(tx, claim.mention.uri)


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
    claimed.lock(tx, claim)
    direct_messages.mark_sent(tx, claim.mention.uri, number, sent)
