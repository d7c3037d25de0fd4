"""Which command a post is, if it is one. Pure.

A post is cut into clauses. Each is a command, something that may stand beside one (thanks, a name, a
complaint), or other talk. Beside other talk only wishes that are plain by themselves count.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import regex

from bot.domain.mention import Command
from bot.wording.languages import languages
from bot.wording.tokens import QUOTED, cut, plain, tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bot.wording.languages import Language
    from bot.wording.tokens import Token

OWN_NAMES = ("jay", "scrubjay")
MAX_CHARS = 400  # of what a post has at most 300 graphemes
MAX_CHARS_MENDED = 100
TOGETHER = {  # two wishes in one post
    frozenset({Command.FORGET, Command.STOP}): Command.FORGET_AND_STOP,
    frozenset({Command.MAY_FORGET, Command.STOP}): Command.STOP,
    frozenset({Command.FORGET, Command.REFUSE}): Command.FORGET_AND_REFUSE,
    frozenset({Command.STOP, Command.START}): None,
    frozenset({Command.REMEMBER, Command.REFUSE}): None,
}
FIRST = (Command.STOP, Command.FORGET, Command.MAY_FORGET, Command.REFUSE)  # of other two, the first of these
HASHTAGS = regex.compile(r"(?:\s+[#\uff03]\w+)++[^\w#]*$")
JOKING = regex.compile("[😀-😆😊😍🥰😘😜😝🤣😂🙈😳🥹😹❤💙💕🔨]")
NOT_ASKED = frozenset({Command.START, Command.REMEMBER, Command.REFUSE, Command.YES, Command.NO})


def own_names(handle: str | None) -> tuple[str, ...]:
    """What people may call a bot of this handle: the handle, its first word, and the program's name."""
    return (handle, handle.split(".")[0], *OWN_NAMES) if handle and "." in handle else OWN_NAMES


@dataclass(frozen=True, slots=True)
class Understood:
    """A command, the languages (ISO 639-1) in which the text is that command, and what it is about."""

    command: Command
    langs: tuple[str, ...]
    argument: str = ""


@dataclass(frozen=True, slots=True)
class _Clause:
    """`command`: None if it is none. `clear`: also beside other talk. `beside`: may stand by a command.

    `asks`: it is a question, or a part of one.
    """

    command: Command | None = None
    clear: bool = False
    beside: bool = False
    words: frozenset[str] = frozenset()
    sentence: int = 0
    asks: bool = False


def parse(text: str, names: Collection[str] = OWN_NAMES) -> Command | None:
    """The command that the post is, or None. `names`: the bot's own, its handle among them if it is known."""
    understood = understand(text, names)
    return understood.command if understood else None


def understand(text: str, names: Collection[str] = OWN_NAMES) -> Understood | None:
    """The command that the post is, with its argument; None for other talk.

    It may be so only without the hashtags at its end.
    """
    tagged = HASHTAGS.search(text)
    return _understood(text, names) or (_understood(text[: tagged.start()], names) if tagged else None)


def _understood(text: str, names: Collection[str]) -> Understood | None:
    bare = plain(text, names)
    if len(bare) > MAX_CHARS:
        return None
    line = tokens(bare, names)
    if quoted := _only_quoted(line, bare):
        stop = understand(quoted, names)
        return stop if stop and stop.command is Command.STOP else None
    written = [
        (language, language.told(line, bare))
        for language in languages().values()
        if language.script.search(bare)
    ]
    return _agreed(written, bare) or _mended(written, bare)


def _mended(written: Sequence[tuple[Language, Sequence[Token]]], bare: str) -> Understood | None:
    """The command without slips of the finger. That one is to forget all is then in doubt."""
    if len(bare) > MAX_CHARS_MENDED:
        return None
    mended = [(language, language.mended(line)) for language, line in written]
    found = _agreed([new for new, old in zip(mended, written, strict=True) if new != old], bare)
    if found and found.command.forgets:
        return replace(found, command=Command.STOP if found.command.stops else Command.MAY_FORGET)
    return found


def _agreed(written: Sequence[tuple[Language, Sequence[Token]]], bare: str) -> Understood | None:
    """What the languages make of it. Where they differ, a stop counts, else the first."""
    found = [(language, one) for language, line in written if (one := _in_language(language, line, bare))]
    if not found:
        return None
    _, first = min(found, key=lambda each: not each[1].command.stops)
    langs = tuple(language.code for language, one in found if one.command is first.command)
    return Understood(first.command, langs, first.argument)


def _only_quoted(line: Sequence[Token], bare: str) -> str:
    """What is quoted, if the post is nothing else: who copies “stop” from the notice means it."""
    words = [token for token in line if token.text not in ".?:,"]
    if len(words) != 1 or words[0].text != QUOTED or bare[words[0].start] in ">h":
        return ""
    return bare[words[0].start + 1 : words[0].end - 1]


def _in_language(language: Language, line: Sequence[Token], bare: str) -> Understood | None:
    judged = list(_clauses(language, line))
    command = _combined(language, judged)
    if not command and not JOKING.search(bare) and _begs_to_stop(language, judged):
        command = Command.STOP
    if command and command is not Command.YES and command is not Command.NO:
        return Understood(command, ())
    return _with_argument(language, line, bare) or (Understood(command, ()) if command else None)


def _clauses(language: Language, line: Sequence[Token]) -> Iterator[_Clause]:
    sentence = 0
    for words, mark in cut([token.text for token in line], ".?:"):
        for clause in _in_sentence(language, words, mark):
            yield replace(clause, sentence=sentence, asks=mark == "?")
        sentence += mark != ":"


def _in_sentence(language: Language, words: list[str], mark: str) -> Iterator[_Clause]:
    whole = _judge(language, [word for word in words if word != ","], mark)
    if whole.command or whole.beside:
        yield whole
        return
    for part, _ in cut(words, ","):
        yield from _in_part(language, part, mark)


def _in_part(language: Language, words: list[str], mark: str) -> Iterator[_Clause]:
    whole = _judge(language, words, mark)
    if whole.command or whole.beside or not language.spaced:
        yield whole
    else:
        yield from _parted(language, words, mark, whole)


def _parted(language: Language, words: list[str], mark: str, whole: _Clause) -> Iterator[_Clause]:
    """The clauses between the words that join them, if one of these is something; else `whole`."""
    joints = [at for at, word in enumerate(words) if language.has("splits", [word])]
    starts = [0, *(at + 1 for at in joints)]
    parts = [words[start:end] for start, end in zip(starts, [*joints, len(words)], strict=True)]
    judged = [_judge(language, part, mark) for part in parts if part]
    yield from judged if len(judged) > 1 and any(one.command for one in judged) else [whole]


def _judge(language: Language, words: list[str], mark: str) -> _Clause:
    found = language.command(words)
    if found is None:
        return _Clause(beside=language.is_beside(words), words=frozenset(words))
    name, clear = found
    command = Command[name.upper()]
    if mark == "?" and not language.has("asking", words):
        wonders = command is Command.STOP and not clear and len(words) > 1  # oh stop, really?
        if command in NOT_ASKED or wonders:
            return _Clause(words=frozenset(words))
        command = Command.MAY_FORGET if command is Command.FORGET else command
    return _Clause(command, clear=clear, words=frozenset(words))


def _combined(language: Language, judged: Sequence[_Clause]) -> Command | None:
    """The one command of all clauses."""
    others = [one for one in judged if not one.command and not one.beside]
    told = {one.sentence for one in others if QUOTED in one.words or language.has("reported", one.words)}
    wishes = {
        one.command
        for one in judged
        if one.command and one.sentence not in told and (one.clear or not others)
    }
    if others:
        wishes = {Command.MAY_FORGET if wish is Command.FORGET else wish for wish in wishes}
    if len(wishes - {Command.YES, Command.NO}) > 0:
        wishes -= {Command.YES, Command.NO}
    pair = frozenset(filter(None, wishes))
    if pair in TOGETHER:
        return TOGETHER[pair]
    ranked = (*FIRST, *(one.command for one in judged))
    return next((wish for wish in ranked if wish in pair), None)


def _begs_to_stop(language: Language, judged: Sequence[_Clause]) -> bool:
    """Whether a clause says “please stop” beside talk that is neither a question, a joke nor about others."""
    others = [one for one in judged if not one.command and not one.beside]
    words = frozenset().union(*(one.words for one in others))
    if QUOTED in words or any(one.asks for one in others) or language.has("reported", words):
        return False
    if any(each.has("joking", words) for each in languages().values()):
        return False
    return any(one.command is Command.STOP and language.has("begging", one.words) for one in judged)


def _with_argument(language: Language, line: Sequence[Token], bare: str) -> Understood | None:
    """The command that the whole post is, with what it is about, as it was written."""
    kept = list(line)
    while kept and kept[-1].text in {".", ","}:
        kept.pop()
    found = language.argued([token.text for token in kept]) if kept and kept[-1].text != "?" else None
    if found is None:
        return None
    name, start, end = found
    ends = list(accumulate(len(language.grammar.units(token.text)) for token in kept))
    first, last = bisect_right(ends, start), bisect_right(ends, end - 1)
    return Understood(Command[name.upper()], (), bare[kept[first].start : kept[last].end])
