"""What the AppView lists as addressed to the bot. It is compared with what the stream brought.

app.bsky.notification.listNotifications, paged by time. `isRead` is not used, because any other app of the
account sets it. A post that claims to be older than the window is not found, because the AppView sorts by
that claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.events import PostCreated

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from bot.ports import Network

HOST = "notifications"  # the name of its cursor: the time, in microseconds, up to which all was read
MOST_PAGES = 1000  # 100,000 notifications; more in 48 hours is abuse


async def since(network: Network, oldest: datetime) -> AsyncGenerator[tuple[PostCreated, ...]]:
    """Posts that addressed the bot since `oldest`, page by page, the newest first. Raises NetworkError."""
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
