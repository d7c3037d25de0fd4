"""What the chat service, or the PDS in front of it, says of direct messages. Pure.

Names are those of the lexicons of chat.bsky.convo. The service also says the same with the error
InvalidRequest: those messages are the ones that the Bluesky app knows. What is not listed here is trouble.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.errors import NoMessaging
from bot.network.account import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = "did:web:api.bsky.chat#bsky_chat"
AVAILABILITY = "chat.bsky.convo.getConvoAvailability"
OPEN = "chat.bsky.convo.getConvoForMembers"
SEND = "chat.bsky.convo.sendMessage"
READ = "chat.bsky.convo.getMessages"

OFF = "or set SCRUBJAY_DIRECT_MESSAGES=false"
UNPRIVILEGED = Reason(
    "has an app password that gives no access to direct messages",
    "make an app password with “Allow access to your direct messages”, set SCRUBJAY_PASSWORD, and restart; "
    + OFF,
)
NO_SERVICE = Reason(
    "lives on a PDS that does not reach Bluesky's chat service", f"see the PDS's network; {OFF}"
)
DISABLED = Reason("may not use Bluesky's chat service", f"read the mail from Bluesky's moderators; {OFF}")

REFUSALS = frozenset(
    {
        *("BlockedActor", "BlockedSubject", "MessagesDisabled", "NotFollowedBySender", "RecipientNotFound"),
        "ConvoLocked",
    }
)
GONE = "InvalidConvo"  # the conversation of this id is not there; another may be
# Beginnings of messages of InvalidRequest; the first is the PDS's.
FORMS: Mapping[str, str | Reason] = MappingProxyType(
    {
        "could not resolve proxy did": NO_SERVICE,
        "Account is disabled": DISABLED,
        "recipient has disabled incoming messages": "MessagesDisabled",
        "recipient requires incoming messages to come from": "NotFollowedBySender",
        "recipient does not exist": "RecipientNotFound",
        "block between recipient and sender": "BlockedActor",
        "Account does not exist": "RecipientNotFound",
        "Convo not found": GONE,
    }
)
STATUSES = frozenset({400, 401, 403, 404})


def meaning(status: int, name: str, message: str) -> str | Reason | None:
    """A name of REFUSALS, GONE, or why the bot's account cannot send; None if this is trouble."""
    if status not in STATUSES:
        return None
    match name, message:
        case "InvalidRequest", _:
            return next((said for form, said in FORMS.items() if message.startswith(form)), None)
        case "InvalidToken", "Bad token method":  # the reference PDS's, in pipethrough.ts
            return UNPRIVILEGED
        case "AccountSuspended", _:
            return DISABLED
        case _:
            return name if name in {*REFUSALS, GONE} else None


def no_messaging(handle: str, reason: Reason) -> NoMessaging:
    return NoMessaging(f"@{handle} {reason.what}", reason.mend)
