"""Stores every turn: a recorder between the brain and its tools, and one row when the turn has ended."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.domain.prompt import Usage
from bot.domain.turn import Call, TurnOutcome, TurnRecord, source_uris
from bot.errors import BrainTimeout, LimitReached, PermanentBrainError, ScrubjayError, TransientBrainError
from bot.prompt.persona import digest
from bot.storage import claimed, mentions, redaction, sources, spending, turns
from memory.db import DATABASE_ERRORS
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from datetime import datetime

    from bot.clock import Clock
    from bot.domain.mention import Claim
    from bot.domain.prompt import Prompt, ToolResult, TurnResult
    from bot.domain.turn import TurnInput
    from bot.ports import Toolbox
    from bot.services import Services
    from memory.db import Tx
    from memory.model import Passage

log = structlog.get_logger()

ARGUMENT_CHARS = 20_000  # of one call; a model may write without end


class Recorder:
    """The Toolbox of a turn, which also lists its calls.

    `spent` is the usage that is known by now. `found` collects the passages that searches returned. `result`
    is set when the brain is done. `reserve` is given what was spent and the number of the call.
    """

    def __init__(
        self,
        tools: Toolbox,
        clock: Clock,
        found: list[Passage],
        reserve: Callable[[Usage, int], Awaitable[None]] | None = None,
    ) -> None:
        self.specs = tools.specs
        self.calls: list[Call] = []
        self.spent = Usage()
        self.found = found
        self.result: TurnResult | None = None
        self._tools = tools
        self._clock = clock
        self._reserve = reserve
        self._tries = 1

    async def call(self, name: str, arguments: object) -> ToolResult:
        started = self._clock()
        answer = await self._tools.call(name, arguments)
        took = elapsed_ms(started, self._clock())
        self.calls.append(Call(name[:100], _arguments(arguments), answer.text, answer.ok, took))
        return answer

    def add_usage(self, usage: Usage) -> None:
        self.spent += usage
        self._tools.add_usage(usage)

    async def reserve(self, *, again: bool = False) -> None:
        self._tries += again
        if self._reserve is not None:
            await self._reserve(self.spent, self._tries)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, from when its prompt is made. Whoever stores what comes of it stores its record as well."""

    services: Services
    claim: Claim
    prompt: Prompt
    told: TurnInput
    recorder: Recorder
    started: datetime

    def store(self, tx: Tx) -> bool:
        """Store the record of a turn that has ended well. Whether what it made of memory may be kept.

        It may not if something was erased while the brain was thinking. Raises FenceLost.
        """
        locked = mentions.add_usage(tx, self.claim, self.services.brain.name, self.recorder.spent)
        return self._store(tx, self._record(None), marked=locked.marked)

    async def settle(self, error: BaseException | None = None) -> None:
        """Replace what was reserved by what was spent, also if the person was forgotten meanwhile.

        If that cannot be stored, the reservation stands.
        """
        services, claim = self.services, self.claim
        who, spent = spending.attempt(services.journal, claim.mention, claim.fence), self._spent(error)
        try:
            await services.write(lambda tx: spending.settle(tx, who, spent, services.limits.price))
        except DATABASE_ERRORS as trouble:
            log.warning("spending.not_settled", uri=claim.mention.uri, error=type(trouble).__name__)

    async def store_failed(self, error: BaseException) -> None:
        """Store the record of a turn that this error has ended, and what it has cost: it counts, too."""
        await self.settle(error)
        record = self._record(error)

        def write(tx: Tx) -> None:
            if self.recorder.spent != Usage():
                mentions.add_usage(tx, self.claim, self.services.brain.name, self.recorder.spent)
            self._store(tx, record, marked=claimed.lock(tx, self.claim).marked)

        try:
            await self.services.write(write, person=record.did)
        except Exception as trouble:  # noqa: BLE001 - the first error is the one to tell of
            log.warning("turn.not_kept", uri=record.uri, error=type(trouble).__name__)

    def _store(self, tx: Tx, record: TurnRecord, *, marked: bool) -> bool:
        services = self.services
        if _is_outdated(services, tx, self.prompt, self.recorder):
            redaction.erase_answers(tx, [record.uri])
            marked = True
        if not marked:
            sources.add(tx, record.uri, source_uris(self.prompt, self.recorder.found), services.clock())
        if services.options.retain_turns:
            _keep(tx, turns.redacted(record) if marked else record)
        return not marked

    def _record(self, error: BaseException | None) -> TurnRecord:
        return make_turn_record(
            self.prompt,
            self.told,
            self.recorder,
            error,
            brain=self.services.brain.name,
            persona=self.services.options.persona,
            started=self.started,
            ended=self.services.clock(),
        )

    def _spent(self, error: BaseException | None) -> Usage:
        """What the turn has cost.

        Of a request that was broken off nothing is told, but it may have been paid for: it is estimated.
        """
        spent = self.recorder.spent
        if isinstance(error, BrainTimeout | asyncio.CancelledError) and spent.model:
            spent += Usage(tokens_in=tokens(self.prompt.text()), cost=None)
        return spent


@asynccontextmanager
async def recorded(turn: Turn) -> AsyncGenerator[None]:
    """If an exception leaves this context, store the turn as one that failed."""
    turn.services.tracked.add_posts(source_uris(turn.prompt, ()))  # their deletion is noticed meanwhile
    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        await asyncio.shield(turn.store_failed(error))
        raise


def make_turn_record(
    prompt: Prompt,
    turn_input: TurnInput,
    recorder: Recorder,
    error: BaseException | None,
    *,
    brain: str,
    persona: str,
    started: datetime,
    ended: datetime,
) -> TurnRecord:
    """Return the record of a turn that has ended, with `error` or without. Its id is 0 until it is stored."""
    result, usage = recorder.result, recorder.spent
    return TurnRecord(
        id=0,
        uri=prompt.mention.uri,
        did=prompt.mention.did,
        at=started,
        brain=brain,
        model=usage.model,
        persona=digest(persona),
        outcome=turn_outcome(result, error),
        error=describe_error(error) if error else None,
        told=turn_input,
        calls=tuple(recorder.calls),
        reply=result.reply if result else None,
        why=result.why or None if result else None,
        edits=result.edits if result else (),
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost=usage.cost,
        took_ms=elapsed_ms(started, ended),
    )


def turn_outcome(result: TurnResult | None, error: BaseException | None) -> TurnOutcome:
    match error:
        case None:
            return TurnOutcome.REPLY if result and result.reply is not None else TurnOutcome.SILENCE
        case TransientBrainError() | LimitReached() | asyncio.CancelledError():
            return TurnOutcome.TRANSIENT
        case PermanentBrainError():
            return TurnOutcome.PERMANENT
        case _:
            return TurnOutcome.BUG


def describe_error(error: BaseException) -> str:
    """Return the text of an error of the bot's own; of any other, which may quote people, only its type."""
    if isinstance(error, asyncio.CancelledError):
        return "The bot was stopped while the brain was thinking."
    text = str(error) if isinstance(error, ScrubjayError) else type(error).__name__
    return text.replace("\0", "").encode(errors="replace").decode()[:500]


def elapsed_ms(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)


def _keep(tx: Tx, record: TurnRecord) -> None:
    try:
        turns.add(tx, record)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001 - a lost record must not cost the reply
        log.warning("turn.not_kept", uri=record.uri, error=type(error).__name__)


def _is_outdated(services: Services, tx: Tx, prompt: Prompt, recorder: Recorder) -> bool:
    """Whether a note or a post is gone that the brain was shown.

    On PostgreSQL memory may have been read while another transaction erased.
    """
    shown = {note.id for note in prompt.recollection.block.shown}
    shown |= {passage.note_id for passage in recorder.found if passage.note_id is not None}
    existing = {note.id for note in services.memory.notes(tx, prompt.mention.did)} if shown else shown
    return not (shown <= existing and all(map(services.tracked.has_post, source_uris(prompt, ()))))


def _arguments(arguments: object) -> object:
    """Return the arguments as JSON values, or as text if they are no JSON or too long."""
    try:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        return json.loads(text) if len(text) <= ARGUMENT_CHARS else text[:ARGUMENT_CHARS]
    except (TypeError, ValueError, RecursionError):
        return str(arguments)[:ARGUMENT_CHARS]
