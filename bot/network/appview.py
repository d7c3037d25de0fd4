"""Read the responses of an AppView or PDS. Every type is checked before it is used. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.domain.events import Notification, Page
from bot.domain.mention import StrongRef
from bot.domain.uris import is_by
from bot.errors import TransientNetworkError

REASONS = ("mention", "reply", "quote")


def page(answer: Any) -> Page:
    """A page of app.bsky.notification.listNotifications. Raises TransientNetworkError if it is not one."""
    listed = answer.get("notifications") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise TransientNetworkError("the AppView did not answer with notifications")
    found = (_notification(one) for one in listed)
    return Page(tuple(one for one in found if one), cursor_of(answer))


def may_reply(answer: Any, root: str) -> bool:
    """Whether app.bsky.feed.getPosts lets the bot reply to `root`. Raises TransientNetworkError.

    A post that the AppView does not show to the bot is a no.
    """
    posts = answer.get("posts") if isinstance(answer, dict) else None
    if not isinstance(posts, list):
        raise TransientNetworkError("the AppView did not answer with posts")
    for post in posts:
        if isinstance(post, dict) and post.get("uri") == root:
            viewer = post.get("viewer")
            return not (isinstance(viewer, dict) and viewer.get("replyDisabled"))
    return False


def block_of(answer: Any, did: str, me: str) -> str | None:
    """The URI of the block of `me` by `did` in a page of their app.bsky.graph.block records.

    None if the page has none. Raises TransientNetworkError if it is no page of com.atproto.repo.listRecords.
    """
    records = answer.get("records") if isinstance(answer, dict) else None
    if not isinstance(records, list):
        raise TransientNetworkError("the PDS did not answer with records")
    for record in records:
        if not isinstance(record, dict):
            continue
        value, uri = record.get("value"), record.get("uri")
        is_block_of_me = isinstance(value, dict) and value.get("subject") == me
        if is_block_of_me and isinstance(uri, str) and is_by(uri, did):
            return uri
    return None


def cursor_of(answer: Any) -> str | None:
    """The cursor of the next page; None if there is none."""
    cursor = answer.get("cursor") if isinstance(answer, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None


def _notification(one: Any) -> Notification | None:
    if not isinstance(one, dict) or one.get("reason") not in REASONS:
        return None
    author, record = one.get("author"), one.get("record")
    did = author.get("did") if isinstance(author, dict) else None
    uri, cid, at = one.get("uri"), one.get("cid"), _instant(one.get("indexedAt"))
    if not (isinstance(did, str) and isinstance(uri, str) and isinstance(cid, str) and at):
        return None
    return Notification(StrongRef(uri, cid), did, record, at) if isinstance(record, dict) else None


def _instant(value: Any) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo else None
