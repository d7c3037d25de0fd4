"""A chat service in memory: the double of the DirectMessages port, as unkind as the real one.

tests/network/test_direct_messages.py runs over both.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain.direct_messages import Conversation, SentMessage, fits
from bot.errors import MessagesRefused, PermanentNetworkError, TransientNetworkError
from bot.network import chat_rules
from bot.network.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.mention import Record
    from bot.network.account import Reason

ALL, FOLLOWING, NONE = "all", "following", "none"  # chat.bsky.actor.declaration#allowIncoming


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    sender: str
    text: str
    facets: tuple[Record, ...] = ()


class InMemoryChat(Faults):
    """`unable` says why the account cannot send at all; None if it can.

    `allowed` has what people allow, by DID; who is not in it allows those whom they follow. `fail` lets calls
    fail.
    """

    def __init__(self, did: str, handle: str, unable: Reason | None = None) -> None:
        super().__init__()
        self._did = did
        self._handle = handle
        self.unable = unable
        self.allowed: dict[str, str] = {}
        self.following: set[str] = set()  # people who follow the bot
        self.blocking: set[str] = set()  # people with a block between them and the bot
        self._messages: dict[str, list[Message]] = {}

    async def open(self, did: str) -> Conversation:
        await asyncio.sleep(0)
        with self._fault("open", did):
            self._require_able()
            self._require_allowed(did)
            messages = self._messages.setdefault(_name(did), [])
            return Conversation(_name(did), messages[-1].id if messages else "")

    async def send(self, conversation: str, text: str, facets: Sequence[Record] = ()) -> str:
        await asyncio.sleep(0)
        with self._fault("send", conversation, text):
            self._require_able()
            if not fits(text):
                raise PermanentNetworkError("400 InvalidRequest message/text is too long")
            self._require_known(conversation)
            self._require_allowed(conversation.removeprefix("convo "))
            return self._add(conversation, self._did, text, tuple(facets))

    async def sent_since(self, conversation: str, last: str) -> Sequence[SentMessage]:
        await asyncio.sleep(0)
        with self._fault("sent_since", conversation, last):
            self._require_able()
            self._require_known(conversation)
            found = []
            for message in reversed(self._messages[conversation]):
                if message.id == last:
                    break
                if message.sender == self._did:
                    found.append(SentMessage(message.id, message.text))
            return found[:500]

    async def check(self) -> None:
        await asyncio.sleep(0)
        with self._fault("check"):
            self._require_able()

    # --- people ---

    def write(self, did: str, text: str) -> str:
        """This person writes to the bot."""
        return self._add(_name(did), did, text)

    def inbox(self, did: str) -> list[str]:
        """The texts that the bot sent to this person, in order."""
        return [each.text for each in self._messages.get(_name(did), ()) if each.sender == self._did]

    def facets(self, did: str) -> list[tuple[Record, ...]]:
        return [each.facets for each in self._messages.get(_name(did), ()) if each.sender == self._did]

    def leave(self, did: str) -> None:
        """The conversation is gone. The next one is new."""
        self._messages.pop(_name(did), None)

    def _add(self, conversation: str, sender: str, text: str, facets: tuple[Record, ...] = ()) -> str:
        messages = self._messages.setdefault(conversation, [])
        messages.append(Message(f"{conversation} {len(messages) + 1}", sender, text, facets))
        return messages[-1].id

    def _require_able(self) -> None:
        if self.unable is not None:
            raise chat_rules.no_messaging(self._handle, self.unable)

    def _require_known(self, conversation: str) -> None:
        if conversation not in self._messages:
            raise TransientNetworkError("400 InvalidConvo")

    def _require_allowed(self, did: str) -> None:
        if did in self.blocking:
            raise MessagesRefused("BlockedActor")
        allowed = self.allowed.get(did, FOLLOWING)
        if allowed == NONE:
            raise MessagesRefused("MessagesDisabled")
        if allowed == FOLLOWING and did not in self.following:
            raise MessagesRefused("NotFollowedBySender")


def _name(did: str) -> str:
    return f"convo {did}"
