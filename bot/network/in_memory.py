"""A network in memory: the double of the Network port that `scrubjay chat` and the tests use.

It applies the rules of the reference PDS to records. tests/network/test_conformance.py runs over both.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.domain import addressing
from bot.domain.embeds import blob_cid
from bot.domain.events import ACTIVE_ACCOUNT, Notification, Page, PostCreated
from bot.domain.mention import Ignored, Post, Profile, Relation, StrongRef
from bot.domain.profiles import bio, self_labels
from bot.domain.uris import (
    BLOCK,
    LIST_BLOCK,
    LIST_ITEM,
    POST,
    PREFERENCE,
    PROFILE,
    AtUri,
    author,
    profile_uri,
    record_key,
)
from bot.errors import KeyTaken, PermanentNetworkError, ReadRefused
from bot.network import account, chat_rules
from bot.network.faults import Faults
from bot.network.in_memory_chat import InMemoryChat
from bot.network.pds_rules import checked, is_instant, record_cid, tid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.domain.budget import ReadBudget
    from bot.domain.mention import Record


class InMemoryNetwork(Faults):
    """All records in one dict. It has no chat service until `direct_messages.unable` is set to None."""

    def __init__(self, did: str = "did:plc:scrubjay", handle: str = "scrubjay.test") -> None:
        super().__init__()
        self.did = did
        self.handle = handle
        self.direct_messages = InMemoryChat(did, handle, chat_rules.NO_SERVICE)
        self.has_appview = True
        self._labelled = True
        self.reply_disabled: set[str] = (
            set()
        )  # roots of threads in which the AppView does not let the bot reply
        self.muted: set[str] = set()  # DIDs that the bot's account mutes
        self._posts: dict[str, Post] = {}  # records of any collection
        self._statuses: dict[str, str] = {did: ACTIVE_ACCOUNT}
        self._handles: dict[str, str | None] = {did: handle}
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._written = 0
        self.set_labels(did, "bot")

    @property
    def is_let_in(self) -> bool:
        return self._labelled

    async def post(self, uri: str, budget: ReadBudget | None = None) -> Post | None:  # noqa: ARG002 - no bytes
        await asyncio.sleep(0)
        with self._fault("post", uri):
            return self._shown(uri) if f"/{POST}/" in uri else None

    async def record(self, uri: str, budget: ReadBudget | None = None) -> Record | None:  # noqa: ARG002 - no bytes
        await asyncio.sleep(0)
        with self._fault("record", uri):
            found = self._shown(uri)
            return found.record if found else None

    async def profile(
        self,
        did: str,
        *,
        fresh: bool = False,  # noqa: ARG002 - always fresh
        budget: ReadBudget | None = None,  # noqa: ARG002 - no bytes
    ) -> Profile:
        await asyncio.sleep(0)
        with self._fault("profile", did):
            return self._profile(did)

    async def status(self, did: str) -> str:
        await asyncio.sleep(0)
        with self._fault("status", did):
            return self._statuses.get(did, "deleted")

    async def blocked_by(self, did: str, budget: ReadBudget | None = None) -> str | None:  # noqa: ARG002 - no bytes
        await asyncio.sleep(0)
        with self._fault("blocked_by", did):
            return next((block.ref.uri for block in self._blocks() if block.did == did), None)

    async def list_blocked_by(self, did: str, budget: ReadBudget | None = None) -> str | None:  # noqa: ARG002 - no bytes
        await asyncio.sleep(0)
        with self._fault("list_blocked_by", did):
            return self._list_block(did)

    async def members(self, uri: str, budget: ReadBudget | None = None) -> frozenset[str]:  # noqa: ARG002 - no bytes
        await asyncio.sleep(0)
        with self._fault("members", uri):
            return self._members(uri)

    async def declarations(self, did: str, budget: ReadBudget | None = None) -> Mapping[str, Record]:  # noqa: ARG002 - no bytes
        await asyncio.sleep(0)
        with self._fault("declarations", did):
            return {post.ref.uri: post.record for post in self._of(did, PREFERENCE)}

    async def relation(self, did: str) -> Relation | None:
        await asyncio.sleep(0)
        with self._fault("relation", did):
            if not self.has_appview:
                return None
            blocks = any(block.did == did for block in self._blocks()) or self._list_block(did) is not None
            return Relation(blocks, muted=did in self.muted)

    async def may_reply(self, root: str) -> bool | None:
        await asyncio.sleep(0)
        with self._fault("may_reply", root):
            return root in self._posts and root not in self.reply_disabled if self.has_appview else None

    async def notifications(self, cursor: str | None = None) -> Page:
        """Two notifications on a page, so that tests have several pages."""
        await asyncio.sleep(0)
        with self._fault("notifications", cursor or ""):
            if not self.has_appview:
                raise PermanentNetworkError("400 InvalidRequest No service configured")
            listed, first = list(self._notified()), int(cursor or 0)
            more = str(first + 2) if first + 2 < len(listed) else None
            return Page(tuple(listed[first : first + 2]), more)

    async def delete(self, rkey: str) -> None:
        await asyncio.sleep(0)
        with self._fault("delete", rkey):
            self.remove(str(AtUri(self.did, POST, rkey)))

    async def check_account(self) -> None:
        await asyncio.sleep(0)
        self._labelled = "bot" in self._profile(self.did).labels
        self._raise_unless_labelled()

    def _raise_unless_labelled(self) -> None:
        if not self._labelled:
            raise account.trouble(self.handle, account.UNLABELLED)

    async def own(self, rkey: str) -> Post | None:
        await asyncio.sleep(0)
        self._raise_unless_labelled()
        with self._fault("own", rkey):
            return self._posts.get(str(AtUri(self.did, POST, rkey)))

    async def blob(
        self,
        did: str,
        cid: str,
        limit: int,
        budget: ReadBudget | None = None,  # noqa: ARG002 - no bytes
    ) -> bytes | None:
        await asyncio.sleep(0)
        with self._fault("blob", did, cid):
            data = self._blobs.get((did, cid))
            if data is not None and len(data) > limit:
                raise ReadRefused(f"more than {limit} bytes")
            return data

    async def put(self, rkey: str, record: str) -> StrongRef:
        await asyncio.sleep(0)
        self._raise_unless_labelled()
        with self._fault("put", rkey, record):
            post = Post(StrongRef(str(AtUri(self.did, POST, rkey)), ""), self.did, checked(rkey, record))
            post = Post(StrongRef(post.ref.uri, record_cid(post.record)), self.did, post.record)
            if self._posts.setdefault(post.ref.uri, post).ref != post.ref:
                raise KeyTaken
            return post.ref

    async def close(self) -> None:
        return

    # --- people ---

    def set_handle(self, did: str, handle: str | None) -> None:
        """Give this account a handle."""
        self._statuses.setdefault(did, ACTIVE_ACCOUNT)
        self._handles[did] = handle

    def set_labels(self, did: str, *labels: str) -> None:
        """Give the profile exactly these self-labels."""
        values = [{"val": label} for label in labels]
        self._set_profile(did, labels={"$type": "com.atproto.label.defs#selfLabels", "values": values})

    def set_bio(self, did: str, description: str) -> None:
        self._set_profile(did, description=description)

    def _set_profile(self, did: str, **fields: Any) -> None:
        uri = profile_uri(did)
        record = {"$type": PROFILE} | (dict(self._posts[uri].record) if uri in self._posts else {}) | fields
        self._posts[uri] = Post(StrongRef(uri, record_cid(record)), did, record)

    def _profile(self, did: str) -> Profile:
        post = self._posts.get(profile_uri(did))
        said = post.record if post else {}
        return Profile(did, self._handles.get(did), self_labels(said), bio(said))

    def write(self, did: str, record: Record, rkey: str | None = None, collection: str = POST) -> StrongRef:
        """Write any record, also a malformed one. A record under the same key is replaced."""
        self._written += 1
        self._statuses.setdefault(did, ACTIVE_ACCOUNT)
        uri = str(AtUri(did, collection, rkey or tid(self._written)))
        self._posts[uri] = Post(StrongRef(uri, record_cid(record)), did, record)
        return self._posts[uri].ref

    def upload(self, did: str, data: bytes, mime: str) -> dict[str, Any]:
        """Upload a blob. Returns it in the form in which a record refers to it."""
        cid = blob_cid(data)
        self._blobs[did, cid] = data
        return {"$type": "blob", "ref": {"$link": cid}, "mimeType": mime, "size": len(data)}

    def set_status(self, did: str, status: str) -> None:
        """Set the account's status: active, deactivated, takendown, suspended or deleted."""
        self._statuses[did] = status

    def remove(self, uri: str) -> None:
        self._posts.pop(uri, None)

    def posts(self, did: str) -> list[Post]:
        """The account's posts in the order of their record keys."""
        return [self._posts[uri] for uri in sorted(self._posts) if uri.startswith(f"at://{did}/{POST}/")]

    def _shown(self, uri: str) -> Post | None:
        """The record, unless its account is not active."""
        post = self._posts.get(uri)
        return post if post and self._statuses.get(post.did, ACTIVE_ACCOUNT) == ACTIVE_ACCOUNT else None

    def _of(self, did: str, collection: str) -> list[Post]:
        """This account's records of the collection that are shown, the newest first."""
        uris = [uri for uri in reversed(self._posts) if uri.startswith(f"at://{did}/{collection}/")]
        return [post for uri in uris if (post := self._shown(uri))]

    def _members(self, uri: str) -> frozenset[str]:
        items = self._of(author(uri), LIST_ITEM)
        return frozenset(str(item.record["subject"]) for item in items if item.record["list"] == uri)

    def _list_block(self, did: str) -> str | None:
        blocks = self._of(did, LIST_BLOCK)
        holding = (block for block in blocks if self.did in self._members(str(block.record["subject"])))
        return next((block.ref.uri for block in holding), None)

    def _blocks(self) -> list[Post]:
        records = [post for uri, post in self._posts.items() if f"/{BLOCK}/" in uri]
        return [block for block in reversed(records) if block.record.get("subject") == self.did]

    def _notified(self) -> Iterator[Notification]:
        """The posts that address the bot, the newest first, without those of people who block it."""
        blockers = {block.did for block in self._blocks()}
        for uri in sorted((uri for uri in self._posts if f"/{POST}/" in uri), key=record_key, reverse=True):
            post = self._shown(uri)
            if post is None or post.did in blockers:
                continue
            event = PostCreated(0, post.ref, post.did, post.record, _instant(post.record))
            if not isinstance(addressing.judge(event, self.did, lambda _: None), Ignored):
                yield Notification(post.ref, post.did, post.record, event.at)


def _instant(record: Record) -> datetime:
    value = record.get("createdAt")
    return datetime.fromisoformat(str(value)) if is_instant(value) else datetime.now(UTC)
