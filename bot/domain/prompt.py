"""What a brain is given and what it returns: prompt, tools, usage, result. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations of what is kept
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.domain.embeds import Embeds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.embeds import Media
    from bot.domain.mention import Mention, Record
    from memory.model import Edit, Person
    from memory.recollection import Recollection

MOST_TOKENS = 10_000_000  # of one request; no model takes so many


@dataclass(frozen=True, slots=True)
class ThreadPost:
    """A post as the brain sees it. `text` is None if the post is gone. `at` is what its author claims.

    `unread`: it could not be read, so whether it is gone is not known. `quoted` is the post that it quotes,
    if that was read.
    """

    author: str
    text: str | None
    by_bot: bool = False
    by_asker: bool = False
    uri: str = ""
    at: datetime | None = None
    embeds: Embeds = field(default_factory=Embeds)
    quoted: ThreadPost | None = None
    unread: bool = False


class Trust(StrEnum):
    """Who wrote a section of the prompt."""

    OPERATOR = "operator"
    MEMORY = "memory"
    ASKER = "asker"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a prompt. `source` says where the text comes from."""

    name: str
    trust: Trust
    text: str
    source: str = ""

    def __str__(self) -> str:
        return f"# {self.name} ({self.trust}{f': {self.source}' if self.source else ''})\n{self.text}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a brain gets in one turn: as text in sections, and the same as values.

    `post` is the mention with its embeds. `images` are for models that take images; `image_data` has their
    bytes by CID, if they were fetched. `remembers`: whether anything may be noted about the person.
    `burst`: the AT URIs of what the person said just before, which the text of the mention has, too.
    """

    sections: tuple[Section, ...]
    mention: Mention
    person: Person
    recollection: Recollection
    thread: tuple[ThreadPost, ...]
    now: datetime
    post: ThreadPost | None = None
    images: tuple[Media, ...] = ()
    image_data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    remembers: bool = True
    burst: tuple[str, ...] = ()

    def text(self) -> str:
        return _text(self.sections)

    def split(self, upto: Trust) -> tuple[str, str]:
        """The text up to the last section of this trust, and the text of the rest.

        Up to OPERATOR it is the same in every turn, so that a provider's cache can keep it; up to MEMORY it
        is what the operator and the bot itself wrote.
        """
        end = max((number for number, one in enumerate(self.sections, 1) if one.trust is upto), default=0)
        return _text(self.sections[:end]), _text(self.sections[end:])


def _text(sections: tuple[Section, ...]) -> str:
    return "\n\n".join(map(str, sections))


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is described to a model. `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Record


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call. A refusal (`ok` is False) says how to correct the call."""

    text: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """What one turn cost. Tokens are the provider's count; 0 if no model was asked.

    `cost` is in millionths of a US dollar; None if the model's price is not known.
    """

    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int | None = 0

    def __add__(self, other: Usage) -> Usage:
        known = self.cost is not None and other.cost is not None
        return Usage(
            other.model or self.model,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            (self.cost or 0) + (other.cost or 0) if known else None,
        )


def are_counted(tokens_in: int, tokens_out: int) -> bool:
    """Whether a provider has counted the tokens of one request: some, and not more than any model takes."""
    return bool(tokens_in or tokens_out) and all(0 <= n <= MOST_TOKENS for n in (tokens_in, tokens_out))


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What a turn decided, already validated: a reply or silence, and edits of memory.

    `stop`: the person wants no answers any more. `refuse`: they want nothing to be noted about them.
    """

    reply: str | None
    why: str = ""
    edits: tuple[Edit, ...] = ()
    usage: Usage = field(default_factory=Usage)
    stop: bool = False
    refuse: bool = False
