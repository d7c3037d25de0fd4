"""What of a model's text may be said: the gate before the outbox. Pure.

What a model writes is a draft by a stranger. A text is a sentence that may be posted, tool calls written as
text, or a fault that the model is told of. Nothing else comes out of here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import regex

from bot.domain import call_signs, data_text, model_text, numbering, text_calls, thinking_aloud
from memory.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.domain.call_values import TextCall

SHOWN = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")
SILENCE = regex.compile(
    r"[\p{P}\p{S}\s]*(?:no[ _-]?(?:reply|response|answer)(?: (?:is )?(?:needed|required|necessary))?|n/a|none"
    r"|i(?:['’]ll| will| should)? (?:stay|remain) silent[^.!?\n]{0,40}"  # noqa: RUF001
    r"|i (?:choose|decided?|have decided) (?:not to (?:reply|respond|answer)|to (?:stay|remain) silent)"
    r"[^.!?\n]{0,40}"
    r"|(?:stay|remain|keep)(?:s|ing)?[ _-]?(?:silent|quiet)"
    r"|(?<=[(\[{<*_])(?:silence|silent|skip|pass|nothing|ignored?)(?=[)\]}>*_]))[\p{P}\p{S}\s]*",
    regex.IGNORECASE,
)
MAX_CHARS = 20_000  # beyond them a text is not even read
TOO_LONG = "the reply is far too long. Say it in fewer words."
NOTHING = "the reply is empty. Say something, or call stay_silent."
SAYS_NOTHING = "the reply says that nothing is said. Call stay_silent instead."
NOTHING_LEFT = "the reply is only a thought or markup. Give the answer itself, as plain text."
CALL = "the reply holds a tool call written as text. Call the tool itself, and give `reply` only the answer."
MARKUP = "the reply holds markup of a chat template. Give the answer itself, as plain text."
DATA = "the reply is JSON or code data. Give the answer itself, as a plain sentence."
THOUGHT = "the reply holds a thought or a remark on itself. Give only the answer, as plain text."
PLACEHOLDER = "the reply has a place that is still to be filled. Fill it, or leave it out."


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text that may be posted, as far as its form goes."""

    text: str


@dataclass(frozen=True, slots=True)
class Calls:
    """Well-formed tool calls, written as text; what stood around them is never said."""

    calls: tuple[TextCall, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A text that must not be posted. `why` tells the model how to write it."""

    why: str


Reading: TypeAlias = Sentence | Calls | Fault


def read(text: str, tools: Sequence[str]) -> Reading:
    """What this text is. `tools` are the names of the tools that can be called. Raises nothing.

    A text without anything of a model in it comes back as it is, but for blanks around it.
    """
    if len(text) > MAX_CHARS:
        return Fault(TOO_LONG)
    seen = visible(text)
    if not SHOWN.search(seen):
        return Fault(NOTHING)
    rest = numbering.without(model_text.sentence(seen))
    if calls := _calls(seen, tools):
        return Calls(calls)
    if why := _fault(rest, tools) or (_fault(seen, tools) if rest == seen.strip() else None):
        return Fault(why)
    return Sentence(text.strip() if rest == seen.strip() else rest)


def _calls(text: str, tools: Sequence[str]) -> tuple[TextCall, ...]:
    outside = model_text.without_tagged_thoughts(text)
    forms = (
        model_text.without_thoughts(text),
        outside if text_calls.has_recipient(outside) else "",  # it stands in a channel of its own
        text if text_calls.begins_with_call(text) else "",  # what looks like a thought is in its arguments
    )
    return next((calls for form in forms if (calls := text_calls.find(form, tools))), ())


def _fault(text: str, tools: Sequence[str]) -> str | None:
    return next((why for why, is_so in FAULTS.items() if is_so(text, tools)), None)


FAULTS: dict[str, Callable[[str, Sequence[str]], object]] = {  # the first that is so is told
    NOTHING_LEFT: lambda text, _: not SHOWN.search(text),
    CALL: call_signs.looks_like_call,
    SAYS_NOTHING: lambda text, _: SILENCE.fullmatch(text),
    THOUGHT: lambda text, _: model_text.is_labelled_thought(text) or thinking_aloud.thinks_aloud(text),
    MARKUP: lambda text, _: model_text.has_markup(text),
    DATA: lambda text, _: data_text.is_data(text),
    PLACEHOLDER: lambda text, _: thinking_aloud.has_placeholder(model_text.mask_quoted(text)),
}
