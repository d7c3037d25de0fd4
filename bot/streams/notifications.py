"""What the AppView says was addressed to the bot: the second opinion on every stream.

app.bsky.notification.listNotifications, paged by time. `isRead` is never looked at: any other app of the
account sets it. A post that claims to be older than the window is not found here: the AppView sorts by
that claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.events import PostCreated

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from bot.ports import Network

HOST = "notifications"  # names its cursor: microseconds of the time up to which all was read
MOST_PAGES = 1000  # a hundred thousand in 48 hours: beyond that somebody is playing


async def since(network: Network, oldest: datetime) -> AsyncGenerator[tuple[PostCreated, ...]]:
    """Posts that addressed the bot since then, a page at a time, the newest first. Raises NetworkError."""
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await network.notifications(cursor)
        yield tuple(
            PostCreated(0, one.ref, one.did, one.record, one.at)
            for one in page.notifications
            if one.at >= oldest
        )
        cursor = page.cursor
        if cursor is None or any(one.at < oldest for one in page.notifications):
            return
