"""Keeps every turn: one recorder between any brain and its tools, one row when the brain is done."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bot.domain.prompt import Usage
from bot.domain.turn import Call, Outcome, TurnRecord
from bot.domain.turn import sources as turn_sources
from bot.errors import PermanentBrainError, ScrubjayError, TransientBrainError
from bot.prompt.persona import digest
from bot.storage import mentions, turns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from bot.clock import Clock
    from bot.domain.mention import Claim
    from bot.domain.prompt import Prompt, Thought, ToolResult
    from bot.domain.turn import TurnInput
    from bot.ports import Toolbox
    from bot.services import Services
    from memory.db import Tx
    from memory.model import Passage

log = structlog.get_logger()

ARGUMENT_CHARS = 20_000  # of one call; a model may write without end


class Recorder:
    """The Toolbox of a turn, with a memory for its calls. `thought` is set when the brain is done.

    `spent` is what is known of the cost by now, `found` collects the passages that searches brought up.
    """

    def __init__(self, tools: Toolbox, clock: Clock, found: list[Passage]) -> None:
        self.specs = tools.specs
        self.calls: list[Call] = []
        self.spent = Usage()
        self.found = found
        self.thought: Thought | None = None
        self._tools = tools
        self._clock = clock

    async def call(self, name: str, arguments: object) -> ToolResult:
        started = self._clock()
        answer = await self._tools.call(name, arguments)
        took = millis(started, self._clock())
        self.calls.append(Call(name[:100], _arguments(arguments), answer.text, answer.ok, took))
        return answer

    def add_usage(self, usage: Usage) -> None:
        self.spent += usage
        self._tools.add_usage(usage)


@asynccontextmanager
async def recorded(
    services: Services, claim: Claim, prompt: Prompt, told: TurnInput, recorder: Recorder
) -> AsyncGenerator[None]:
    """Keep what happens within, as a turn: in a transaction of its own, however it ends.

    What a failed turn has cost is counted against the limits, too. If all that cannot be written, the reply
    goes its way all the same.
    """
    started = services.clock()
    services.tracked.add_posts(turn_sources(prompt, ()))  # deleted while the brain thinks, they are not kept

    async def keep(error: BaseException | None) -> None:
        turn = turn_of(
            prompt,
            told,
            recorder,
            error,
            brain=services.brain.name,
            persona=services.options.persona,
            started=started,
            ended=services.clock(),
        )
        await _keep(services, claim, prompt, recorder, turn)

    try:
        yield
    except (Exception, asyncio.CancelledError) as error:
        await asyncio.shield(keep(error))
        raise
    await keep(None)


def turn_of(
    prompt: Prompt,
    told: TurnInput,
    recorder: Recorder,
    error: BaseException | None,
    *,
    brain: str,
    persona: str,
    started: datetime,
    ended: datetime,
) -> TurnRecord:
    """The turn that ended, with `error` or not. It has no number until it is written."""
    thought, usage = recorder.thought, recorder.spent
    return TurnRecord(
        id=0,
        uri=prompt.mention.uri,
        did=prompt.mention.did,
        at=started,
        brain=brain,
        model=usage.model,
        persona=digest(persona),
        outcome=outcome(thought, error),
        error=describe(error) if error else None,
        told=told,
        calls=tuple(recorder.calls),
        reply=thought.reply if thought else None,
        why=thought.why or None if thought else None,
        edits=thought.edits if thought else (),
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost=usage.cost,
        took_ms=millis(started, ended),
    )


def outcome(thought: Thought | None, error: BaseException | None) -> Outcome:
    match error:
        case None:
            return Outcome.REPLY if thought and thought.reply is not None else Outcome.SILENCE
        case TransientBrainError() | asyncio.CancelledError():
            return Outcome.TRANSIENT
        case PermanentBrainError():
            return Outcome.PERMANENT
        case _:
            return Outcome.BUG


def describe(error: BaseException) -> str:
    """Our own errors in full; of all others, which may quote anything, only the kind."""
    if isinstance(error, asyncio.CancelledError):
        return "The bot was stopped while the brain was thinking."
    text = str(error) if isinstance(error, ScrubjayError) else type(error).__name__
    return text.replace("\0", "").encode(errors="replace").decode()[:500]


def millis(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)


async def _keep(
    services: Services, claim: Claim, prompt: Prompt, recorder: Recorder, turn: TurnRecord
) -> None:
    sources = turn_sources(prompt, recorder.found)
    shown = {note.id for note in prompt.recollection.block.shown}
    shown |= {passage.note_id for passage in recorder.found if passage.note_id is not None}

    def write(tx: Tx) -> None:
        if recorder.thought is None and recorder.spent != Usage():
            mentions.add_usage(tx, claim, services.brain.name, recorder.spent)
        if not services.options.retain_turns:
            return
        mentions.hold(tx, claim)
        still = {number for number, _ in services.memory.sources(tx, turn.did)}
        if shown <= still and all(map(services.tracked.post, turn_sources(prompt, ()))):
            turns.keep(tx, turn, sources)
        else:  # something was forgotten or deleted while the brain was thinking
            turns.keep(tx, turns.without_words(turn), ())

    try:
        await services.write(write)
    except Exception as error:  # noqa: BLE001 - a lost record must not cost the reply
        log.warning("turn.not_kept", uri=turn.uri, error=type(error).__name__)


def _arguments(arguments: object) -> object:
    """As JSON's values, where they are any."""
    try:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        return json.loads(text) if len(text) <= ARGUMENT_CHARS else text[:ARGUMENT_CHARS]
    except (TypeError, ValueError, RecursionError):
        return str(arguments)[:ARGUMENT_CHARS]
