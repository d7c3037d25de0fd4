"""Reconciliation: read the notifications, and handle the mentions that the stream did not bring."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from bot.errors import NetworkError, told
from bot.log import log_bug
from bot.storage import cursors, edits, gaps
from bot.streams import notifications
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from bot.domain.addressing import Verdict
    from bot.domain.events import PostCreated
    from bot.ingest.handler import EventHandler
    from bot.services import Services
    from memory.db import Tx

OVERLAP = timedelta(hours=48)
DAY = timedelta(days=1)  # after which all that is tracked is read again, not only what is new
LOADED_AGAIN = timedelta(minutes=10)  # of what was read: transactions may last
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Reads notifications. `announce` is called with the time when something is due because of one."""

    services: Services
    handler: EventHandler
    announce: Callable[[datetime], None]

    async def serve(self, wakeup: asyncio.Event) -> None:
        """Reconcile now, and at every wakeup, until cancelled."""
        last = whole = EPOCH
        while True:
            wakeup.clear()
            try:
                now = self.services.clock()
                since = None if now - whole >= DAY else last - LOADED_AGAIN
                await self.services.read(partial(self.handler.load_tracked, since=since))
                last, whole = now, now if since is None else whole
                await self.reconcile()
            except (NetworkError, *DATABASE_ERRORS) as error:  # no AppView, or none that answers
                log.warning("reconcile.skipped", error=told(error))
            await wakeup.wait()

    async def reconcile(self) -> int:
        """Read notifications back to 48 hours before the last time. Returns how many mentions were missed.

        If handling one of them hits a bug, no gap is closed, and that one is read again next time. Raises
        NetworkError.
        """
        begun = self.services.clock()
        cursor = await self.services.read(lambda tx: cursors.get(tx, notifications.HOST))
        last = EPOCH + timedelta(microseconds=cursor) if cursor else begun
        missed: list[tuple[PostCreated, Verdict | None]] = []
        async with aclosing(notifications.since(self.services.network, last - OVERLAP)) as pages:
            async for page in pages:
                missed += await self._unknown(page)
        handled = [await self._handle(*each) for each in reversed(missed)]  # in the order of their time
        closed = await self.services.write(lambda tx: self._close(tx, begun)) if all(handled) else 0
        log.info("reconcile.done", missed=len(missed), gaps_closed=closed, since=(last - OVERLAP).isoformat())
        return len(missed)

    async def _unknown(self, page: tuple[PostCreated, ...]) -> list[tuple[PostCreated, Verdict | None]]:
        names = {uri: [uri, *self.services.ledger.pseudonyms(uri)] for uri in (post.ref.uri for post in page)}
        stored = await self.services.read(lambda tx: edits.cids_of(tx, list(chain(*names.values()))))
        known = {uri for uri, possible in names.items() if not stored.keys().isdisjoint(possible)}
        new = [(post, self.handler.judge(post)) for post in page if post.ref.uri not in known]
        return [each for each in new if self.handler.matters(*each)]

    async def _handle(self, post: PostCreated, verdict: Verdict | None) -> bool:
        def write(tx: Tx) -> datetime | None:
            return self.handler.handle(tx, post, verdict, self.services.clock())

        try:
            due_at = await self.services.write(write)
        except DATABASE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - one post must not hold up the others
            log_bug("event.bug", error, kind=type(post).__name__, uri=post.ref.uri)
            return False
        if due_at is not None:
            self.announce(due_at)
        return True

    def _close(self, tx: Tx, begun: datetime) -> int:
        now = self.services.clock()
        cursors.move(tx, notifications.HOST, (begun - EPOCH) // MICROSECOND, now)
        return gaps.close_gaps(tx, begun, now)
