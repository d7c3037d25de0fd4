"""Direct messages of the bot's account: chat.bsky.convo, asked through the account's PDS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog

from bot.domain.direct_messages import Conversation, SentMessage, fits
from bot.errors import MessagesRefused, PermanentNetworkError, TransientNetworkError
from bot.network import chat_rules
from bot.network.account import Reason
from bot.network.session import ServiceRefused

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from bot.domain.mention import Record
    from bot.network.session import Session

PER_PAGE, MAX_PAGES = 100, 5
NOWHERE = "scrubjay-doctor"  # the id of no conversation


class ChatService:
    """The DirectMessages port. It reads its own messages only, to know which were sent."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._reported: str | None = None  # why the account cannot send, as the log tells

    async def open(self, did: str) -> Conversation:
        """Asks first whether the two may write to each other, so that no error's wording decides it."""
        answer = await self._get(chat_rules.AVAILABILITY, {"members": did})
        if not isinstance(answer, dict) or not isinstance(answer.get("canChat"), bool):
            raise TransientNetworkError("the chat service does not tell whether the two may write")
        if not answer["canChat"]:
            raise MessagesRefused("canChat is false")
        answer = await self._get(chat_rules.OPEN, {"members": did})
        self._able()
        return self._conversation(answer, did)

    async def send(self, conversation: str, text: str, facets: Sequence[Record] = ()) -> str:
        if not fits(text):
            raise PermanentNetworkError("the text is too long for a message")
        message: dict[str, Any] = {"text": text} | ({"facets": list(facets)} if facets else {})
        body = json.dumps({"convoId": conversation, "message": message}).encode()
        answer = await self._judged(self._session.post(chat_rules.SEND, body, service=chat_rules.SERVICE))
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
            raise TransientNetworkError("the chat service does not tell the message's id")
        return str(answer["id"])

    async def sent_since(self, conversation: str, last: str) -> Sequence[SentMessage]:
        found: list[SentMessage] = []
        cursor: str | None = ""
        for _ in range(MAX_PAGES):
            page, cursor = await self._page(conversation, cursor)
            for message in page:
                if message.get("id") == last:
                    return found
                found += self._own(message)
            if not cursor:
                break
        return found

    async def check(self) -> None:
        """Asks for a conversation that is not there: this needs the right, and reads nothing."""
        try:
            await self._session.get(
                chat_rules.READ, {"convoId": NOWHERE, "limit": "1"}, service=chat_rules.SERVICE
            )
        except ServiceRefused as error:
            said = chat_rules.meaning(error.status, error.name, error.message)
            self._raise_if_unable(said, error)
            if said != chat_rules.GONE and error.name != "InvalidRequest":
                raise TransientNetworkError(str(error)) from error
        self._able()

    async def _page(
        self, conversation: str, cursor: str | None
    ) -> tuple[list[Mapping[str, Any]], str | None]:
        params = {"convoId": conversation, "limit": str(PER_PAGE)} | ({"cursor": cursor} if cursor else {})
        answer = await self._get(chat_rules.READ, params)
        messages = answer.get("messages") if isinstance(answer, dict) else None
        if not isinstance(messages, list):
            raise TransientNetworkError("the chat service does not list the messages")
        after = answer.get("cursor")
        page: list[Mapping[str, Any]] = [each for each in messages if isinstance(each, dict)]
        return page, after if isinstance(after, str) else None

    def _own(self, message: Mapping[str, Any]) -> list[SentMessage]:
        """The message, if the bot sent it. Those of others are not looked at."""
        sender, text = message.get("sender"), message.get("text")
        is_own = isinstance(sender, dict) and sender.get("did") == self._session.did
        return [SentMessage(str(message.get("id")), text)] if is_own and isinstance(text, str) else []

    def _conversation(self, answer: Any, did: str) -> Conversation:
        """Raises TransientNetworkError if it is not one with this person alone."""
        convo = answer.get("convo") if isinstance(answer, dict) else None
        if not isinstance(convo, dict) or not isinstance(convo.get("id"), str):
            raise TransientNetworkError("the chat service does not tell the conversation")
        members = {each.get("did") for each in convo.get("members", ()) if isinstance(each, dict)}
        if members - {self._session.did} != {did}:
            raise TransientNetworkError("the chat service tells a conversation with somebody else")
        last = convo.get("lastMessage")
        return Conversation(convo["id"], str(last.get("id") or "") if isinstance(last, dict) else "")

    async def _get(self, nsid: str, params: Mapping[str, str]) -> Any:
        return await self._judged(self._session.get(nsid, params, service=chat_rules.SERVICE))

    async def _judged(self, call: Awaitable[Any]) -> Any:
        """The answer. What is no word of the lexicon, nor known to mean one, is trouble."""
        try:
            return await call
        except ServiceRefused as error:
            said = chat_rules.meaning(error.status, error.name, error.message)
            self._raise_if_unable(said, error)
            if isinstance(said, str) and said in chat_rules.REFUSALS:
                raise MessagesRefused(said) from error
            raise TransientNetworkError(str(error)) from error

    def _raise_if_unable(self, said: object, error: Exception) -> None:
        """Tell the operator once, until it works again."""
        if not isinstance(said, Reason):
            return
        trouble = chat_rules.no_messaging(self._session.handle, said)
        if self._reported != trouble.what:
            log.error("messages.unavailable", what=trouble.what, mend=trouble.mend)
        self._reported = trouble.what
        raise trouble from error

    def _able(self) -> None:
        if self._reported:
            log.info("messages.available", handle=self._session.handle)
            self._reported = None
