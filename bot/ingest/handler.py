"""What every event of the network means for inbox and memory.

Each is handled by what it names, so that hearing it twice changes nothing. No I/O but the caller's
transaction; what has to be looked up on the network becomes a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

import structlog

from bot.domain import addressing, commands, pacing, threadgate
from bot.domain.events import (
    AccountChanged,
    Blocked,
    Gap,
    GateChanged,
    IdentityChanged,
    PostCreated,
    PostDeleted,
    Progress,
    RecordDeleted,
    RepoSync,
)
from bot.domain.mention import Command, Ignored
from bot.domain.uris import record_key
from bot.ingest.edits import obey, take_edit
from bot.privacy.erasure import forget_post
from bot.storage import consent, edits, gaps, jobs, mentions, outbox, turns
from bot.storage.jobs import JobKind
from bot.storage.ledger import Fate

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime, timedelta

    from bot.domain.events import Event
    from bot.domain.limits import Pace
    from bot.domain.mention import Mention
    from bot.domain.tracked import Tracked
    from bot.storage.ledger import Ledger
    from memory.db import Tx
    from memory.store import Memory

log = structlog.get_logger()

# any other word tells of a server's troubles, not of the person's account
HIDING = frozenset({"deleted", "takendown", "suspended", "deactivated"})


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of an event: when something falls due, and whether something was erased."""

    due_at: datetime | None = None
    erased: bool = False


NOTHING = Handled()


@dataclass(frozen=True, slots=True)
class EventHandler:
    """Hears for the account `me`. `purge_grace`: how long the memory of a deleted account is kept, hidden."""

    memory: Memory
    ledger: Ledger
    me: str
    plan: Pace
    tracked: Tracked
    counts: Counter[str]
    purge_grace: timedelta

    def load(self, tx: Tx) -> None:
        """Begin to follow everybody and everything of whom this or another process holds something."""
        self.tracked.add_people(gaps.people(tx))
        self.tracked.add_posts(gaps.posts(tx))
        self.tracked.add_posts(turns.shown(tx))

    def passes_by(self, event: Event) -> bool:
        """Whether this concerns nobody: a post that is not for the bot, or was dealt with in another life."""
        if not isinstance(event, PostCreated):
            return False
        verdict = self._judge(event)
        if event.edited or not isinstance(verdict, Ignored):
            return False
        self.counts[f"ignored.{verdict.reason}"] += 1
        return True

    def handle(self, tx: Tx, event: Event, now: datetime) -> Handled:
        """Act on one event, in the caller's transaction."""
        heard = NOTHING
        match event:
            case PostCreated():
                heard = self._post(tx, event, now)
            case PostDeleted():
                heard = self._deleted(tx, event, now)
            case AccountChanged():
                heard = self._account(tx, event, now)
            case Blocked() | GateChanged() | RecordDeleted():
                heard = self._consent(tx, event, now)
            case IdentityChanged() | RepoSync():
                kind = JobKind.IDENTITY if isinstance(event, IdentityChanged) else JobKind.RECHECK
                jobs.add(tx, kind, event.did, now)
                heard = Handled(now)
            case Gap():
                self._gap(tx, event, now)
            case Progress():
                pass
            case _:
                assert_never(event)
        return heard

    def _judge(self, event: PostCreated) -> Mention | Ignored:
        verdict = addressing.judge(event, self.me, commands.command)
        if isinstance(verdict, Ignored):
            return verdict
        settled = any(self.ledger.has(fate, verdict.uri) for fate in (Fate.ANSWERED, Fate.ERASED))
        return Ignored("in the ledger") if settled and not event.edited else verdict

    def _post(self, tx: Tx, event: PostCreated, now: datetime) -> Handled:
        verdict = self._judge(event)
        if event.edited and edits.is_late(tx, event.ref.uri, event.rev):
            self.counts["repeated"] += 1
            return NOTHING
        if event.edited:
            found = self._edited(tx, event, verdict, now)
            if found is not None:
                return found
        if isinstance(verdict, Ignored) or (event.edited and self.ledger.has(Fate.ERASED, verdict.uri)):
            return NOTHING
        due_at = pacing.think_at(now, self.plan)
        if not mentions.accept(tx, verdict, now=now, due_at=due_at, rev=event.rev):
            self.counts["repeated"] += 1
            return NOTHING
        self.counts["accepted"] += 1
        self.tracked.add_people([verdict.did])
        self.tracked.add_posts([verdict.root.uri] if verdict.root.uri != verdict.uri else [])
        log.info("mention.accepted", uri=verdict.uri, reason=verdict.reason, command=verdict.command)
        obey(tx, self.memory, self.ledger, verdict, now)
        forgets = verdict.command is Command.FORGET
        return Handled(now if forgets else due_at, erased=forgets)

    def _edited(
        self, tx: Tx, event: PostCreated, verdict: Mention | Ignored, now: datetime
    ) -> Handled | None:
        """None if the post was no mention before."""
        edit = take_edit(tx, self.memory, self.ledger, event.ref, verdict, now)
        if edit.changed or edit.erased:
            self._tell("edited", event.did, uri=event.ref.uri, erased=edit.erased)
        elif not edits.known(tx, [event.ref.uri]) and not self.ledger.has(Fate.ANSWERED, event.ref.uri):
            return None
        return Handled(now, erased=edit.changed or edit.erased > 0)

    def _deleted(self, tx: Tx, event: PostDeleted, now: datetime) -> Handled:
        if event.did == self.me:
            outbox.mark_withdrawn(tx, record_key(event.uri), now)
            return NOTHING
        self.tracked.drop_post(event.uri)
        known = edits.take_back(tx, event.uri, "deleted", now)
        gone = forget_post(tx, self.memory, event.did, event.uri, now)
        if known or gone:
            self._tell("deleted", event.did, uri=event.uri, erased=gone)
        return Handled(erased=known or bool(gone))

    def _consent(self, tx: Tx, event: Blocked | GateChanged | RecordDeleted, now: datetime) -> Handled:
        match event:
            case Blocked():
                self.tracked.add_posts([event.uri])
                told = consent.block(tx, event.uri, event.at, now)
            case GateChanged():
                told = event.uri == threadgate.gate_uri(
                    event.post
                )  # anywhere else it is no gate of this post
                if told:
                    consent.set_gate(tx, event.uri, event.post, threadgate.read(event.record), event.at, now)
            case RecordDeleted():
                told = consent.record_deleted(tx, event.uri)
        if told:
            self._tell(type(event).__name__, event.did, uri=event.uri)
        return Handled(now) if told else NOTHING

    def _gap(self, tx: Tx, event: Gap, now: datetime) -> None:
        if gaps.record(tx, event, now):
            self.counts["gaps"] += 1
            known = {"since": event.since, "until": event.until, "why": event.why}
            log.info("gap.recorded", host=event.host, replayed=event.replayed, **known)

    def _account(self, tx: Tx, event: AccountChanged, now: datetime) -> Handled:
        status = None if event.active else event.status
        if event.did == self.me or status not in {*HIDING, None}:
            log.warning("account.trouble", did=event.did, status=event.status, active=event.active)
            return NOTHING
        if not self.memory.set_status(tx, event.did, status, event.at):
            return NOTHING
        self._tell("account", event.did, status=status)
        if status == "deleted":
            jobs.add(tx, JobKind.PURGE, event.did, now, event.at + self.purge_grace)
        else:
            jobs.cancel(tx, JobKind.PURGE, event.did)
        return Handled(now)

    def _tell(self, what: str, did: str, **fields: object) -> None:
        self.counts[what] += 1
        log.info("event.heard", what=what, did=did, **fields)
