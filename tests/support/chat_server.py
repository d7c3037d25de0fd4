"""A PDS with a chat service behind its proxy header, on loopback. The SDK's lexicon models check what it is
asked and what it answers."""

from __future__ import annotations

import base64
import contextlib
import json
from urllib.parse import parse_qs, urlsplit

import regex
from atproto import models
from atproto_client.models.utils import get_or_create

from support.http_server import http, serving

SERVICE = "did:web:api.bsky.chat#bsky_chat"
NOON = "2026-11-22T12:00:00.000Z"
UNPRIVILEGED = (400, "InvalidToken", "Bad token method")
NO_SERVICE = (400, "InvalidRequest", "could not resolve proxy did")


class Refused(Exception):
    """The service answers with (status, error, message)."""


class ChatServer:
    """The chat service, by what people allow. `unable` is how the PDS refuses to pass anything on."""

    def __init__(self, bot, handle):
        self.bot, self.handle = bot, handle
        self.unable = None
        self.allowed, self.following, self.blocking = {}, set(), set()
        self.convos = {}
        self.faults = {}
        self.asked = []
        self.deaf_after = set()  # methods that do their work and then never answer
        self.relogins = 0
        self.refused_login = False
        self.document = None  # of the service's own DID, if a real PDS is to find it

    # --- what people do ---

    def write(self, did, text):
        self._add(self._convo(did), did, {"text": text})

    def inbox(self, did):
        return [m["text"] for m in self._convo(did) if m["sender"]["did"] == self.bot]

    def _convo(self, did):
        return self.convos.setdefault(f"convo-{did.rpartition(':')[2]}", [])

    def _add(self, messages, sender, message):
        number = sum(map(len, self.convos.values())) + 1
        view = {"id": f"m{number}", "rev": f"{number:013}", "sender": {"did": sender}, "sentAt": NOON}
        messages.append(view | message)
        return messages[-1]

    # --- the service ---

    def _require_allowed(self, did):
        allowed = self.allowed.get(did, "following")
        if did in self.blocking:
            self._refuse("BlockedActor", "block between recipient and sender")
        if allowed == "none":
            self._refuse("MessagesDisabled", "recipient has disabled incoming messages")
        if allowed == "following" and did not in self.following:
            said = "recipient requires incoming messages to come from someone they follow"
            self._refuse("NotFollowedBySender", said)

    def _refuse(self, name, message):
        """Named in getConvoForMembers, by message only elsewhere, as the lexicon has it."""
        if self.asked[-1].endswith("getConvoForMembers"):
            raise Refused(400, name, message)
        raise Refused(400, "InvalidRequest", message)

    def _availability(self, members):
        (did,) = members
        try:
            self._require_allowed(did)
        except Refused:
            return {"canChat": False}
        return {"canChat": True}

    def _open(self, members):
        (did,) = members
        self._require_allowed(did)
        name, messages = f"convo-{did.rpartition(':')[2]}", self._convo(did)
        people = [{"did": self.bot, "handle": self.handle}, {"did": did, "handle": "someone.test"}]
        convo = {"id": name, "rev": "1", "members": people, "muted": False, "unreadCount": 0}
        if messages:
            convo["lastMessage"] = {"$type": "chat.bsky.convo.defs#messageView", **messages[-1]}
        return {"convo": convo}

    def _read(self, convoId, limit=("50",), cursor=("",)):  # noqa: N803 - the lexicon's name
        if convoId[0] not in self.convos:
            raise Refused(400, "InvalidConvo", "Convo not found")
        listed = list(reversed(self.convos[convoId[0]]))
        first = int(cursor[0] or 0)
        page = listed[first : first + int(limit[0])]
        more = {"cursor": str(first + len(page))} if first + len(page) < len(listed) else {}
        return {"messages": [{"$type": "chat.bsky.convo.defs#messageView", **m} for m in page], **more}

    def _send(self, body):
        if body["convoId"] not in self.convos:
            raise Refused(400, "InvalidConvo", "Convo not found")
        text = body["message"]["text"]
        if len(text.encode()) > 10_000 or len(regex.findall(r"\X", text)) > 1000:
            raise Refused(400, "InvalidRequest", "Input/message/text must not be longer")
        did = next(did for did in self._people() if body["convoId"].endswith(did.rpartition(":")[2]))
        self._require_allowed(did)
        return self._add(self.convos[body["convoId"]], self.bot, body["message"])

    def _answers(self):
        return {
            "getConvoAvailability": self._availability,
            "getConvoForMembers": self._open,
            "getMessages": self._read,
        }

    def _people(self):
        return {*self.allowed, *self.following, *self.blocking}

    # --- HTTP ---

    def answer(self, head, content):
        """The bytes of the response; None if there is none."""
        target = urlsplit(head.split(" ")[1])
        nsid = target.path.rpartition("/")[2]
        self.asked.append(nsid)
        if target.path == "/.well-known/did.json":
            return http(200, json.dumps(self.document).encode()) if self.document else http(404)
        if not nsid.startswith("chat."):
            return self._pds(nsid)
        assert self.document or f"atproto-proxy: {SERVICE}" in head.lower()
        try:
            return self._chat(nsid.rpartition(".")[2], target.query, content)
        except Refused as refused:
            status, name, message, *headers = refused.args
            return http(status, json.dumps({"error": name, "message": message}).encode(), *headers)

    def _chat(self, method, query, content):
        if planned := self.faults.get(method):
            raise Refused(*planned.pop(0))
        if self.unable and (method != "getConvoAvailability" or self.unable == NO_SERVICE):
            raise Refused(*self.unable)  # the PDS does not guard getConvoAvailability
        found = self._dispatch(method, parse_qs(query), content)
        if method in self.deaf_after:
            self.deaf_after.discard(method)
            return None
        return http(200, json.dumps(found).encode())

    def _dispatch(self, method, params, content):
        model = {
            "getConvoAvailability": models.ChatBskyConvoGetConvoAvailability,
            "getConvoForMembers": models.ChatBskyConvoGetConvoForMembers,
            "getMessages": models.ChatBskyConvoGetMessages,
            "sendMessage": models.ChatBskyConvoSendMessage,
        }[method]
        if method == "sendMessage":
            body = json.loads(content)
            if len(body["message"]["text"].encode()) <= 10_000:
                get_or_create(body, model.Data)
            found = self._send(body)
            get_or_create(found, models.ChatBskyConvoDefs.MessageView)
            return found
        single = {key: value if key == "members" else value[0] for key, value in params.items()}
        get_or_create({key: int(v) if key == "limit" else v for key, v in single.items()}, model.Params)
        found = self._answers()[method](**params)
        assert isinstance(get_or_create(found, model.Response), model.Response)
        return found

    def _pds(self, nsid):
        if nsid.endswith("createSession"):
            self.relogins += 1
            if self.refused_login:
                return http(401, b'{"error": "AuthenticationRequired", "message": "Invalid password"}')
        tokens = {"accessJwt": TOKEN, "refreshJwt": TOKEN, "did": self.bot, "handle": self.handle}
        return http(200, json.dumps(tokens | {"active": True}).encode())

    @contextlib.asynccontextmanager
    async def running(self):
        async def serve(reader, writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (
                        int(line[16:])
                        for line in head.lower().split("\r\n")
                        if line.startswith("content-length: ")
                    ),
                    0,
                )
                given = self.answer(head, await reader.readexactly(length))
                if given is None:
                    await reader.read()
                    return
                writer.write(given)
                await writer.drain()

        async with serving(serve) as url:
            yield url


def _token():
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return (
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{part({'sub': 'did:plc:jay', 'iat': 1, 'exp': 2**33})}.eHh4"
    )


TOKEN = _token()
