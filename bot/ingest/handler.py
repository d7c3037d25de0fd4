"""What each event of the network changes in the queue and in memory.

Handling is idempotent: the same event a second time changes nothing. The only I/O is the caller's
transaction. What has to be looked up on the network becomes a job.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, assert_never

import structlog

from bot.domain import addressing, bursts, declarations, pacing, threadgate
from bot.domain.declarations import Reader
from bot.domain.events import (
    AccountChanged,
    Blocked,
    DeclarationChanged,
    Gap,
    GateChanged,
    IdentityChanged,
    PostCreated,
    PostDeleted,
    Progress,
    RecordDeleted,
    RepoSync,
)
from bot.domain.mention import Ignored, Mention, Reason
from bot.domain.uris import PREFERENCE, record_key
from bot.ingest import commands
from bot.ingest.edits import apply_edit, carry_out_command
from bot.ingest.stores import Stores
from bot.privacy.erasure import forget_post, lock_person
from bot.storage import consent, edits, gaps, jobs, mentions, merging, outbox, sources, stances
from bot.storage.jobs import JobKind
from bot.wording.parse import own_names, parse
from memory.db import after_commit

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime, timedelta

    from bot.domain.addressing import Verdict
    from bot.domain.consent import Consent
    from bot.domain.events import Event
    from bot.domain.limits import Limits, Pace
    from bot.domain.tracked import Tracked
    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Tx
    from memory.store import Memory

log = structlog.get_logger()

NOT_ADDRESSED = Ignored("not addressed")
# Other statuses are about trouble of a server, not about the person's account.
HIDING_STATUSES = frozenset({"deleted", "takendown", "suspended", "deactivated"})


def _no_command(_text: str) -> None:
    """What does not address the bot wishes nothing of it."""


@dataclass(frozen=True, slots=True)
class EventHandler:
    """Handles events for the bot `bot_did`, `bot_handle`.

    `purge_grace`: how long a deleted account's memory is kept. `consent`: who is remembered.
    """

    memory: Memory
    ledger: Ledger
    journal: Journal
    bot_did: str
    bot_handle: str
    limits: Limits
    pace: Pace
    tracked: Tracked
    counts: Counter[str]
    purge_grace: timedelta
    consent: Consent

    @property
    def _stores(self) -> Stores:
        return Stores(self.memory, self.ledger, self.journal, self.limits, self.consent)

    def load_tracked(self, tx: Tx, since: datetime | None = None) -> None:
        """Track all people and posts that storage knows (`since` then), also what another process stored."""
        self.tracked.add_people(gaps.tracked_people(tx, since))
        self.tracked.add_posts(gaps.tracked_posts(tx, since))
        self.tracked.add_posts(sources.all_uris(tx, since))

    def judge(self, event: Event) -> Verdict | None:
        """Decide whether a post is a mention, also by the ledger. None if the event is not a post."""
        if not isinstance(event, PostCreated):
            return None
        verdict = addressing.judge(event, self.bot_did, partial(parse, names=own_names(self.bot_handle)))
        if verdict == NOT_ADDRESSED and self._may_continue(event):
            verdict = addressing.as_mention(event, self.bot_did, Reason.REPLY, _no_command)
        if isinstance(verdict, Mention) and not event.edited and self._is_settled(verdict):
            verdict = Ignored("in the ledger")
        if isinstance(verdict, Ignored) and not event.edited:
            self.counts[f"ignored.{verdict.reason}"] += 1
        return verdict

    def _may_continue(self, event: PostCreated) -> bool:
        """Whether it may be a later part of a series that began with a mention."""
        known = not event.edited and self.tracked.has_person(event.did) and event.did != self.bot_did
        return known and bursts.may_continue(event.ref, event.did, event.record)

    def _is_settled(self, mention: Mention) -> bool:
        """Whether the ledger has it. Whether a wish to be forgotten was done, only the database knows."""
        return not (mention.command and mention.command.forgets) and self.ledger.is_settled(mention.uri)

    @staticmethod
    def matters(event: Event, verdict: Verdict | None) -> bool:
        """Whether the event can change anything. A new post that is no mention cannot."""
        return not isinstance(verdict, Ignored) or (isinstance(event, PostCreated) and event.edited)

    def handle(self, tx: Tx, event: Event, verdict: Verdict | None, now: datetime) -> datetime | None:
        """Handle one event in the caller's transaction. Returns when something is due because of it, or None.

        `verdict` is what `judge` returned for the event.
        """
        match event:
            case PostCreated():
                assert verdict is not None
                take = self._handle_edit if event.edited else self._handle_new
                return take(tx, event, verdict, now)
            case PostDeleted():
                self._handle_deletion(tx, event, now)
            case AccountChanged():
                return self._handle_account(tx, event, now)
            case Blocked() | GateChanged() | DeclarationChanged() | RecordDeleted():
                return self._handle_consent(tx, event, now)
            case IdentityChanged() | RepoSync():
                kind = JobKind.IDENTITY if isinstance(event, IdentityChanged) else JobKind.RECHECK
                jobs.add(tx, kind, event.did, now)
                return now
            case Gap():
                self._handle_gap(tx, event, now)
            case Progress():
                pass
            case _:
                assert_never(event)
        return None

    def _handle_new(self, tx: Tx, event: PostCreated, verdict: Verdict, now: datetime) -> datetime | None:
        if isinstance(verdict, Ignored):
            return None
        verdict = commands.resolved(tx, self.memory, verdict, now)
        forgets = verdict.command is not None and verdict.command.forgets
        if forgets and self.ledger.is_settled(verdict.uri):
            self._forget_without_answer(tx, verdict, now)
            return None
        if self._is_late(tx, event, verdict, now):
            self.counts["ignored.said before an erasure"] += 1
            return None
        unfinished = bursts.is_unfinished(verdict.text)
        awaited = (unfinished or bursts.is_continuation(verdict)) and merging.is_awaited(tx, verdict)
        if bursts.is_continuation(verdict) and not awaited:
            self.counts["ignored.not addressed"] += 1
            return None
        due_at = pacing.think_at(now, verdict.uri, self.pace, self.limits.hours)
        if unfinished and (awaited or bursts.begins(verdict.text)):
            due_at = max(due_at, now + bursts.WITHIN)
        if not mentions.accept(tx, verdict, now=now, due_at=due_at, rev=event.rev, limits=self.limits):
            self.counts["repeated"] += 1
            return None
        self.counts["accepted"] += 1
        self.tracked.add_people([verdict.did])
        self.tracked.add_posts([verdict.root.uri] if verdict.root.uri != verdict.uri else [])
        fields = {"uri": verdict.uri, "reason": verdict.reason, "command": verdict.command}
        after_commit(tx, partial(log.info, "mention.accepted", **fields))
        self._carry_out(tx, verdict, now)
        return now if verdict.command else due_at

    def _forget_without_answer(self, tx: Tx, wish: Mention, now: datetime) -> None:
        """Erase because of a wish that was answered before this database was restored."""
        done = edits.cids_of(tx, [wish.uri, *self.ledger.pseudonyms(wish.uri)])
        if done or not mentions.accept(tx, wish, now=now, due_at=now):
            self.counts["repeated"] += 1
            return
        self.counts["forgotten again"] += 1
        self._carry_out(tx, wish, now, answer=False)

    def _is_late(self, tx: Tx, event: PostCreated, mention: Mention, now: datetime) -> bool:
        """Whether it was said before a wish to erase it or its author. Of such posts only a `stop` counts."""
        command = mention.command
        if command and command.forgets:
            return False
        lock_person(tx, mention.did)
        late = self.journal.names_post(mention.uri, event.record.get("createdAt"), now, tx)
        if late and command and command.stops:
            self._carry_out(tx, mention, now)
        return late

    def _carry_out(self, tx: Tx, mention: Mention, now: datetime, *, answer: bool = True) -> None:
        carry_out_command(tx, self._stores, mention, now, answer=answer)

    def _handle_edit(self, tx: Tx, event: PostCreated, verdict: Verdict, now: datetime) -> datetime | None:
        """Replace the stored post. A post that addresses the bot only since the edit is a new mention."""
        uri = event.ref.uri
        if not edits.advance_rev(tx, uri, event.rev):
            self.counts["repeated"] += 1
            return None
        edit = apply_edit(tx, self._stores, event.ref, verdict, now)
        if edit.changed or edit.erased:
            self._count_and_log(tx, "edited", event.did, uri=uri, erased=edit.erased)
        if edit.changed or edits.cids_of(tx, [uri]) or self.ledger.is_settled(uri):
            return now
        return self._handle_new(tx, event, verdict, now)

    def _handle_deletion(self, tx: Tx, event: PostDeleted, now: datetime) -> None:
        if event.did == self.bot_did:
            outbox.mark_withdrawn(tx, record_key(event.uri), now)
            return
        self.tracked.drop_post(event.uri)
        known = edits.retract(tx, event.uri, "deleted", now)
        gone = forget_post(tx, self.memory, self.journal, event.did, event.uri, now)
        if known or gone:
            self._count_and_log(tx, "deleted", event.did, uri=event.uri, erased=gone)

    def _handle_consent(
        self, tx: Tx, event: Blocked | GateChanged | DeclarationChanged | RecordDeleted, now: datetime
    ) -> datetime | None:
        match event:
            case Blocked():
                self.tracked.add_posts([event.uri])
                changed = consent.block(tx, event.uri, event.at, now)
            case GateChanged():
                # only the thread's first author can set its gate
                changed = event.uri == threadgate.gate_uri(event.post)
                if changed:
                    gate = threadgate.read(event.record, self.bot_did)
                    consent.set_gate(tx, event.uri, event.post, gate, event.at, now)
            case DeclarationChanged():
                statement = declarations.read(event.record, Reader(self.bot_did, self.bot_handle))
                changed = stances.change_statement(tx, self.memory, event.uri, statement)
                if self.memory.denials.get(tx, event.did).inference:
                    consent.deny_inference(tx, event.did, now)
            case RecordDeleted():
                changed = consent.record_deleted(tx, event.uri)
                if f"/{PREFERENCE}/" in event.uri:
                    changed = stances.change_statement(tx, self.memory, event.uri, None)
        if changed:
            self._count_and_log(tx, type(event).__name__, event.did, uri=event.uri)
        return now if changed else None

    def _handle_gap(self, tx: Tx, event: Gap, now: datetime) -> None:
        if gaps.record(tx, event, now):
            self.counts["gaps"] += 1
            place = {"since": event.since, "until": event.until, "why": event.why}
            fields = {"host": event.host, "replayed": event.replayed, **place}
            after_commit(tx, partial(log.info, "gap.recorded", **fields))

    def _handle_account(self, tx: Tx, event: AccountChanged, now: datetime) -> datetime | None:
        status = None if event.active else event.status
        if event.did == self.bot_did or status not in {*HIDING_STATUSES, None}:
            if not event.active:
                log.warning("account.trouble", did=event.did, status=event.status)
            return None
        if not self.memory.people.set_status(tx, event.did, status, event.at):
            return None
        self._count_and_log(tx, "account", event.did, status=status)
        if status == "deleted":
            jobs.add(tx, JobKind.PURGE, event.did, now, event.at + self.purge_grace)
        else:
            jobs.cancel(tx, JobKind.PURGE, event.did)
        return now

    def _count_and_log(self, tx: Tx, what: str, did: str, **fields: object) -> None:
        self.counts[what] += 1
        after_commit(tx, partial(log.info, "event.heard", what=what, did=did, **fields))
