"""Read the responses of an AppView or PDS. Every type is checked before it is used. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.domain.embeds import as_mapping
from bot.domain.events import Notification, Page
from bot.domain.mention import Relation, StrongRef
from bot.errors import TransientNetworkError

REASONS = ("mention", "reply", "quote")
MUTED = ("muted", "mutedByList", "blocking", "blockingByList")  # what the bot's account has set


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


def relation(answer: Any, did: str) -> Relation:
    """What app.bsky.actor.getProfiles says of this account. Raises TransientNetworkError.

    `blockedBy` covers blocks by a list. Whom the AppView does not show to the bot is in no relation to it.
    """
    profiles = answer.get("profiles") if isinstance(answer, dict) else None
    if not isinstance(profiles, list):
        raise TransientNetworkError("the AppView did not answer with profiles")
    found = (as_mapping(it.get("viewer")) for it in map(as_mapping, profiles) if it.get("did") == did)
    viewer = next(found, {})
    return Relation(bool(viewer.get("blockedBy")), muted=any(viewer.get(name) for name in MUTED))


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
