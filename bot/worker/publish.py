"""From a draft to posts on the network: each part stands once under its record key, whatever crashes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import pacing, policy, reply
from bot.domain.hours import ALWAYS
from bot.domain.limits import POINTS_PER_POST
from bot.domain.mention import State
from bot.domain.uris import POST
from bot.errors import FenceLost, KeyTaken, NotFound, PermanentNetworkError
from bot.ingest import wishes
from bot.privacy.erasure import forget_mentions
from bot.privacy.repeats import hide_marked_answer
from bot.storage import (
    consent,
    direct_messages,
    jobs,
    mentions,
    merging,
    outbox,
    outcomes,
    redaction,
    spending,
    stances,
    views,
)
from bot.storage.jobs import JobKind
from bot.storage.ledger_entries import EntryKind
from bot.storage.spending import SpendKind
from bot.wording.detection import written_in
from bot.worker.command import answer_command
from bot.worker.deliver import answer_in_messages
from bot.worker.learning import mark_told
from bot.worker.preflight import (
    decision_facts,
    erase_if_deleted,
    erase_if_denied,
    requeue_if_edited,
    run_preflight,
)
from bot.worker.private_answer import COMMANDS as PRIVATE
from bot.worker.record_keys import MAX_SALTS, find_record_key
from bot.worker.step import Step
from bot.worker.thread import new_budget
from memory import crash

if TYPE_CHECKING:
    from bot.domain.mention import Claim, Part, StrongRef
    from bot.services import Services
    from bot.worker.preflight import Preflight
    from bot.worker.step import Check
    from memory.db import Tx


MISSED = "its time to post was missed"


async def publish(services: Services, claim: Claim) -> Step:
    """Put the parts of the draft, unless policy no longer allows it.

    Raises NetworkError and FenceLost. The next attempt goes on after the last part that was put.
    """
    mention = claim.mention
    parts = await services.read(lambda tx: outbox.parts(tx, mention.uri), person=mention.did)
    if services.ledger.has(EntryKind.ANSWERED, mention.uri):
        return await _finish_known(services, claim, parts)
    if mention.command is not None:
        made = await answer_command(services, claim, parts)
        if isinstance(made, Step):
            return made
        parts = made
    postponed = await _keep_pace(services, claim, parts)
    if postponed:
        return postponed
    preflight = await run_preflight(services, claim, new_budget(), wishes.AT_ONCE)
    claim, mention = preflight.claim, preflight.claim.mention
    begun = any(part.ref for part in parts)
    edited = None if begun else await requeue_if_edited(services, claim, preflight)
    if edited:
        return edited
    labels = (await services.network.profile(mention.did)).labels if mention.command else None
    check = partial(_last_check, services, claim=claim, parts=parts, preflight=preflight, labels=labels)
    if mention.command in PRIVATE and not any(part.record or part.ref for part in parts):
        public = await services.write(check) or await answer_in_messages(services, claim, check)
        if isinstance(public, Step):
            return public
        parts = public
    return await _put_parts(services, claim, parts, check)


async def _put_parts(services: Services, claim: Claim, parts: tuple[Part, ...], check: Check) -> Step:
    """Put what is not put yet. The `check` is made in the transaction before the first of them."""
    parent = claim.mention.ref
    for part in parts:
        put = part.ref or await _put_part(services, claim, part, parent, check, last=part is parts[-1])
        if isinstance(put, Step):
            return put
        parent, check = put, check if part.ref else _passed
    if parts and parts[-1].ref is None:
        return Step(State.ANSWERED, None)
    return await services.write(partial(_answered, services, claim))


async def _finish_known(services: Services, claim: Claim, parts: tuple[Part, ...]) -> Step:
    """End what the ledger knows as answered. Nothing is put; what was put before a crash is marked."""
    put = [part for part in parts if part.record and part.rkey and part.ref is None]
    found = [(part, await services.network.own(part.rkey or "")) for part in put]

    def finish(tx: Tx) -> Step:
        for part, post in found:
            if post is not None:
                _mark_posted(services, claim, replace(part, ref=post.ref), tx, last=False)
        return _finish(services, tx, claim, State.ANSWERED, "in the ledger")

    return await services.write(finish)


def _answered(services: Services, claim: Claim, tx: Tx) -> Step:
    """The whole answer stands. The ledger knows it before the database does."""
    services.ledger.add(EntryKind.ANSWERED, *merging.uris(tx, claim.mention))
    crash.reach("known")
    return _finish(services, tx, claim, State.ANSWERED, None)


def _passed(_tx: Tx) -> None:
    """The check of who has just passed it."""


async def _keep_pace(services: Services, claim: Claim, parts: tuple[Part, ...]) -> Step | None:
    """If its time to post was missed, take the next free one: an outage must not end in a burst."""
    if not pacing.is_missed(claim.post_at or claim.seen_at, services.clock()) or any(p.ref for p in parts):
        return None

    def take(tx: Tx) -> Step | None:
        now = services.clock()
        hours = ALWAYS if claim.mention.command else services.limits.hours
        post_at = outbox.reschedule(tx, claim, services.pace, now, hours)
        if post_at <= now:
            return None
        mentions.postpone(tx, claim, post_at, MISSED, failed=False)
        return Step(State.DRAFTED, MISSED, post_at)

    return await services.write(take)


def _last_check(
    services: Services,
    tx: Tx,
    claim: Claim,
    parts: tuple[Part, ...],
    preflight: Preflight,
    labels: frozenset[str] | None,
) -> Step | None:
    """Ask policy once more. On a no the parts that stand already count as the answer. None: go on."""
    now, mention = services.clock(), claim.mention
    known = decision_facts(services, tx, mention, preflight, now, spent=False)
    known = replace(known, labels=labels, allowed_bot=mention.did in services.options.allowed_bots)
    thinking = mention.command is None  # else the program itself answers
    verdict = policy.decide(known, services.limits, now, admitted=True, thinking=thinking)
    if isinstance(verdict, policy.Go):
        return None
    if isinstance(verdict, policy.Later):
        until = verdict.until
        if verdict.reason is policy.PolicyReason.ASLEEP:
            until = outbox.reschedule(tx, claim, services.pace, now, services.limits.hours)
        mentions.postpone(tx, claim, until, verdict.reason, failed=False)
        return Step(State.DRAFTED, verdict.reason, until)
    consent.withdraw(tx, [mention.uri], now)
    put = sum(part.ref is not None for part in parts)
    written_to = direct_messages.is_any_sent(tx, mention.uri)
    if put:
        step = _finish(services, tx, claim, State.ANSWERED, f"{verdict.reason}: {put} of {len(parts)} parts")
    else:
        if not written_to:
            spending.release_reply(tx, spending.attempt(services.journal, mention))
        step = _finish(services, tx, claim, verdict.state, verdict.reason)
    erase_if_deleted(services, tx, mention, preflight)
    erase_if_denied(tx, mention, verdict)
    return step


async def _put_part(
    services: Services, claim: Claim, part: Part, parent: StrongRef, check: Check, *, last: bool
) -> StrongRef | Step:
    """Put one part; its bytes are fixed before they are first sent. A Step if the `check` refuses it."""
    network = services.network
    for salt in range(MAX_SALTS):
        fixed = await _fix_record(services, claim, part, parent, check, look=salt > 0)
        if isinstance(fixed, Step):
            return fixed
        part, check = fixed, _passed
        crash.reach("fixed")
        rkey, record = part.rkey, part.record
        assert rkey is not None
        assert record is not None
        if part.ref is None and claim.attempts > 1:
            await services.write(partial(_count_repeated_put, services))
        try:
            ref = part.ref or await network.put(rkey, record)
        except KeyTaken:
            part = replace(part, rkey=None, record=None)  # by another worker, or not ours
            continue
        crash.reach("put")
        try:
            await services.write(partial(_mark_posted, services, claim, replace(part, ref=ref), last=last))
        except FenceLost:
            await services.write(partial(_withdraw_if_ended, services, claim, rkey))
            raise
        crash.reach("marked")
        return ref
    raise PermanentNetworkError(f"part {part.index} found no free record key")


async def _fix_record(
    services: Services, claim: Claim, part: Part, parent: StrongRef, check: Check, *, look: bool
) -> Part | Step:
    """Store record key and bytes, which then never change. A Step if the `check` refuses it.

    With `look` a key that is free is looked for, and `ref` is set if the part stands there already. Without,
    it is the first key: a put changes nothing that stands there.
    """
    if part.rkey is not None and part.record is not None:
        refused = None if check is _passed else await services.write(check)
        return refused or part
    network, uri, posted = services.network, claim.mention.uri, None
    rkey = reply.reserved_key(network.did, uri, part.index)
    if look:
        rkey, posted = await find_record_key(network, uri, parent.uri, part.index)
    record = _make_record(services, claim, part, parent)
    fixed = replace(part, rkey=rkey, record=record, ref=posted.ref if posted else None)

    def fix(tx: Tx) -> Part | Step:
        refused = check(tx)
        if refused:
            return refused
        if outbox.fix_record(tx, claim, fixed).marked:
            _hide(services, tx, claim, f"at://{services.network.did}/{POST}/{rkey}")
        return fixed

    return await services.write(fix)


def _count_repeated_put(services: Services, tx: Tx) -> None:
    spending.add_points(tx, services.clock(), SpendKind.REPEATED_PUT, POINTS_PER_POST)


def _mark_posted(services: Services, claim: Claim, part: Part, tx: Tx, *, last: bool) -> None:
    locked = outbox.mark_posted(tx, claim, part, services.clock())
    assert part.ref is not None
    marked = locked.marked
    if locked.introduces:
        mark_told(services, tx, claim.mention, services.clock())
        marked = redaction.is_marked(tx, claim.mention.uri)  # what is learned may forget something
    if marked:
        _hide(services, tx, claim, part.ref.uri)
    if last:
        _answered(services, claim, tx)


def _hide(services: Services, tx: Tx, claim: Claim, answer_uri: str) -> None:
    parts = services.memory, services.journal
    hide_marked_answer(tx, *parts, claim.mention.uri, answer_uri, services.clock())


def _withdraw_if_ended(services: Services, claim: Claim, rkey: str, tx: Tx) -> None:
    """Add a job that deletes the part, if the mention was ended between the last check and the put."""
    if _state_of(services, tx, claim.mention.uri) in {State.DECLINED, State.EXPIRED, None}:
        jobs.add(tx, JobKind.WITHDRAW, rkey, services.clock())


def _state_of(services: Services, tx: Tx, uri: str) -> State | None:
    """None if nothing is left of the mention. If its author was forgotten it has another name."""
    for name in (uri, *services.ledger.pseudonyms(uri)):
        with suppress(NotFound):
            return views.entry(tx, name).state
    return None


def _make_record(services: Services, claim: Claim, part: Part, parent: StrongRef) -> str:
    """Dated when it is first sent: readers are not told of what is older than what they have seen."""
    created_at = services.clock() + timedelta(milliseconds=part.index)
    mention, langs = claim.mention, written_in(part.text, claim.mention.langs)
    return reply.record(
        part.text, part.facets, root=mention.root, parent=parent, created_at=created_at, langs=langs
    )


def _finish(services: Services, tx: Tx, claim: Claim, state: State, why: str | None) -> Step:
    now = services.clock()
    outcomes.finish(tx, claim, state, why, now)
    if claim.mention.command and claim.mention.command.forgets:
        forget_mentions(tx, services.ledger, [claim.mention.uri], now)
        stances.erase(tx, claim.mention.did)  # which was read once more for the answer
    return Step(state, why)
