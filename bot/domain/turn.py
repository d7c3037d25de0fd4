"""A turn as it is kept: what the brain was told, what it did and said, what it cost. Pure."""

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

    from bot.domain.prompt import Prompt
    from memory.model import Edit, Passage


class Outcome(StrEnum):
    """How a turn ended. Only the first two let the mention go on."""

    REPLY = "reply"
    SILENCE = "silence"
    TRANSIENT = "trouble"  # the words are those of the rows that earlier versions wrote
    PERMANENT = "refused"
    BUG = "stumbled"


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: arguments as the brain gave them, the answer it got, how long that took."""

    name: str
    arguments: object
    answer: str
    ok: bool
    ms: int


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What a brain was told: the prompt as sent, and what it takes to ask again.

    `notes` are the ids of all that was known then, `shown` of what stood in the prompt. Notes' texts are not
    copied: memory keeps what they were, and forgets it in one place. `images` went along; their bytes are
    not kept.
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


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One thinking about one mention. What was erased since (`told` is None) took calls and texts along.

    `persona` is the digest of the persona's text, `took_ms` from prompt to thought, `cost` in millionths
    of a US dollar, None where that is not known.
    """

    id: int
    uri: str
    did: str
    at: datetime
    brain: str
    model: str
    persona: str
    outcome: Outcome
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


def told(prompt: Prompt, limits: Limits, reply_limit: int) -> TurnInput:
    known = prompt.recollection
    return TurnInput(
        sections=prompt.sections,
        mention=prompt.mention,
        person=prompt.person,
        thread=prompt.thread,
        now=prompt.now,
        notes=tuple(note.id for note in known.notes),
        shown=tuple(note.id for note in known.block.shown),
        hidden=known.block.hidden,
        limits=limits,
        reply_limit=reply_limit,
        post=prompt.post,
        images=prompt.images,
    )


def sources(prompt: Prompt, found: Iterable[Passage]) -> frozenset[str]:
    """The AT URIs of all posts whose words a turn has seen: in its prompt, or as what it `found`."""
    known = prompt.recollection
    notes = (note.receipt.uri for note in known.block.shown)
    tiers = (known.exchanges, known.summary, known.recalled, known.archived)
    items = (item.uri for tier in tiers for item in tier.items)
    posts = [post.uri for one in (*prompt.thread, prompt.post) if one for post in _with_quoted(one)]
    recalled = (passage.uri for passage in found)
    return frozenset(filter(None, (prompt.mention.uri, *posts, *notes, *items, *recalled)))


def _with_quoted(post: ThreadPost) -> Iterator[ThreadPost]:
    yield post
    if post.quoted:
        yield post.quoted
