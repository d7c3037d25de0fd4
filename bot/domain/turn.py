"""The turn record: what the brain was given, what it did and answered, what it cost. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations of what is kept
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.domain.embeds import Media  # noqa: TC001
from bot.domain.mention import Mention  # noqa: TC001
from bot.domain.prompt import Section, ThreadPost  # noqa: TC001
from memory.model import Limits, Person  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.domain.gate import Gate
    from bot.domain.prompt import Prompt
    from memory.model import Edit, Passage


class TurnOutcome(StrEnum):
    """How a turn ended. Only after the first two does the mention go on."""

    REPLY = "reply"
    SILENCE = "silence"
    TRANSIENT = "trouble"  # the values are those in rows of earlier versions
    PERMANENT = "refused"
    BUG = "stumbled"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: the arguments as the brain gave them, the answer, and how long it took."""

    name: str
    arguments: object
    answer: str
    ok: bool
    ms: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """What memory learns from a turn: its edits, made once under their key, and the answer (empty: none)."""

    key: str
    edits: tuple[Edit, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What a brain was given: the prompt as it was sent, and what is needed to ask again.

    `notes` are the ids of all notes at that time, `shown` the ids of those in the prompt. The texts of notes
    are not copied here, so that they are erased in one place, memory. `images` were sent with the prompt;
    their bytes are not kept. `link_hosts` and what follows are those of the gate.
    """

    sections: tuple[Section, ...]
    mention: Mention
    person: Person
    thread: tuple[ThreadPost, ...]
    now: datetime
    notes: tuple[int, ...]
    shown: tuple[int, ...]
    hidden: int
    limits: Limits
    reply_limit: int
    post: ThreadPost | None = None
    images: tuple[Media, ...] = ()
    link_hosts: tuple[str, ...] = ()
    allow_tags: bool = False
    notice: str = ""
    remembers: bool = True


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One time the brain thought about one mention. After erasure, `told` is None and there are no texts.

    `persona` is the digest of the persona's text. `took_ms` is the time from the prompt to the result. `cost`
    is in millionths of a US dollar; None if it is not known.
    """

    id: int
    uri: str
    did: str
    at: datetime
    brain: str
    model: str
    persona: str
    outcome: TurnOutcome
    error: str | None
    told: TurnInput | None
    calls: tuple[Call, ...]
    reply: str | None
    why: str | None
    edits: tuple[Edit, ...]
    tokens_in: int
    tokens_out: int
    cost: int | None
    took_ms: int

    @property
    def erased(self) -> bool:
        return self.told is None


def turn_input(prompt: Prompt, limits: Limits, reply_limit: int, gate: Gate) -> TurnInput:
    recollection = prompt.recollection
    return TurnInput(
        sections=prompt.sections,
        mention=prompt.mention,
        person=prompt.person,
        thread=prompt.thread,
        now=prompt.now,
        notes=tuple(note.id for note in recollection.notes),
        shown=tuple(note.id for note in recollection.block.shown),
        hidden=recollection.block.hidden,
        limits=limits,
        reply_limit=reply_limit,
        post=prompt.post,
        images=prompt.images,
        link_hosts=tuple(sorted(gate.allowed.hosts)),
        allow_tags=gate.allowed.tags,
        notice=gate.notice,
        remembers=gate.remembers,
    )


def source_uris(prompt: Prompt, found: Iterable[Passage]) -> frozenset[str]:
    """The AT URIs of all posts whose words the turn had: in its prompt, or passages that a tool `found`."""
    recollection = prompt.recollection
    notes = (note.receipt.uri for note in recollection.block.shown)
    tiers = (recollection.exchanges, recollection.summary, recollection.recalled, recollection.archived)
    items = (item.uri for tier in tiers for item in tier.items)
    posts = [post.uri for shown in (*prompt.thread, prompt.post) if shown for post in _with_quoted(shown)]
    passages = (passage.uri for passage in found)
    return frozenset(filter(None, (prompt.mention.uri, *prompt.burst, *posts, *notes, *items, *passages)))


def _with_quoted(post: ThreadPost) -> Iterator[ThreadPost]:
    yield post
    if post.quoted:
        yield post.quoted
