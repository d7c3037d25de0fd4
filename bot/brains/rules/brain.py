"""The `rules` brain: no model, no key, no network. The same post and memory give the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from bot.brains.rules import wording
from bot.brains.rules.facts import Mode, alike
from bot.brains.rules.notes import FactOutcome, Notes
from bot.brains.rules.smalltalk import SmallTalk
from bot.brains.rules.understanding import EVERYTHING, understand
from bot.brains.rules.wording import pick

if TYPE_CHECKING:
    from bot.brains.rules.facts import Fact
    from bot.brains.rules.understanding import ParsedPost, Topic
    from bot.domain.prompt import Prompt
    from bot.ports import Toolbox

MAX_FACTS = 3  # stored from one post
MAX_ERASURES = 6  # for one request; the calls of a turn are limited
MAX_LIST_CHARS = 900  # characters of notes in one answer
SHORT_REPLY = 240  # graphemes of a second reply, if the first was refused
MULTIPLE = frozenset({"taste", "thing", "favourite"})  # kinds of which a person can have several
ANSWERED_ONCE = frozenset({SmallTalk.THANKS, SmallTalk.BYE})
ALWAYS_ANSWERED = (SmallTalk.FORGET_ALL, SmallTalk.HELP, SmallTalk.WHO, SmallTalk.CROSS)


class Rules:
    """Understands what `statements`, `understanding` and `smalltalk` list, and admits what it does not."""

    name = "rules"

    async def start(self) -> None:
        """Nothing is needed."""

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        parsed = understand(prompt.mention.text)
        if reason := _reason_for_silence(parsed, prompt):
            await tools.call("stay_silent", {"reason": reason})
            return
        text = await _Turn(prompt, tools, parsed).answer()
        for attempt in (text, _shorten(text), wording.SHORTEST):
            if (await tools.call("reply", {"text": attempt})).ok:
                return

    async def forget(self) -> None:
        """Nothing is held about anyone."""

    async def health(self) -> None:
        return None

    async def close(self) -> None:
        """Nothing is open."""


def _reason_for_silence(parsed: ParsedPost, prompt: Prompt) -> str:
    """Return why the bot should not answer; empty if it should."""
    if parsed.noise:
        return "nothing to answer"
    courtesy = (
        parsed.has_content
        and set(parsed.talk) <= ANSWERED_ONCE
        and not (parsed.facts or parsed.questions or parsed.erasures)
    )
    earlier = (understand(post.text).talk for post in prompt.thread if post.by_asker and post.text)
    if courtesy and not parsed.unknown_question and any(set(talk) & set(parsed.talk) for talk in earlier):
        return "thanked already"
    return ""


def _shorten(text: str) -> str:
    graphemes = regex.findall(r"\X", text)
    return text if len(graphemes) < SHORT_REPLY else "".join(graphemes[: SHORT_REPLY - 1]).rstrip() + "…"


class _Turn:
    def __init__(self, prompt: Prompt, tools: Toolbox, parsed: ParsedPost) -> None:
        self.parsed = parsed
        self.langs = prompt.mention.langs
        self.new = prompt.person.introduced_at is None
        self.remembers = prompt.remembers
        self.seed = prompt.mention.uri
        self.notes = Notes(prompt.recollection.notes, tools)

    async def answer(self) -> str:
        """Carry out what the post asks, and return the reply in one paragraph."""
        learned = await self._learn()
        erased = [part for topic in self.parsed.erasures for part in await self._erase(topic)]
        recalled = [self._recall(topic) for topic in self.parsed.questions]
        said = [*learned, *erased, *recalled]
        said += [self._answer_small_talk(talk) for talk in self.parsed.talk if talk in ALWAYS_ANSWERED]
        if self.new:
            said = [self._phrase(wording.GREETING), *(said or [self._opening()])]
        return " ".join(said or [self._default_answer()])

    def _phrase(self, choices: tuple[str, ...], **words: str) -> str:
        name = f", {self.notes.person_name}" if self.notes.person_name else ""
        return pick(choices, self.seed).format(**{"name": name, **words})

    # learning

    async def _learn(self) -> list[str]:
        """Store the facts of the post, and return the sentences about what was stored."""
        if not self.remembers:
            return [self._phrase(wording.NOT_REMEMBERED)] if self.parsed.facts else []
        facts, denials = _resolve_denials(self.parsed.facts)
        outcomes: dict[FactOutcome, list[tuple[Fact, str]]] = {}
        for fact in facts[:MAX_FACTS]:
            outcome, line = await self.notes.apply(fact, denials.get(fact))
            outcomes.setdefault(outcome, []).append((fact, line))
        said = [self._describe(outcome, lines) for outcome, lines in outcomes.items()]
        if len(facts) > MAX_FACTS or FactOutcome.REFUSED in outcomes:
            said.append(
                self._phrase(wording.NOT_KEPT, some="all of that" if FactOutcome.KEPT in outcomes else "that")
            )
        return [part for part in said if part]

    def _describe(self, outcome: FactOutcome, lines: list[tuple[Fact, str]]) -> str:
        your = wording.join([wording.to_second_person(line) for _, line in lines])
        match outcome:
            case FactOutcome.KEPT:
                return self._describe_kept(lines)
            case FactOutcome.CHANGED:
                return self._phrase(wording.CHANGED, yours=your)
            case FactOutcome.KNOWN:
                return self._phrase(wording.KNOWN, yours=your)
            case FactOutcome.DROPPED:
                return self._phrase(wording.DROPPED)
            case FactOutcome.NOTHING:
                return self._phrase(wording.NOTHING_TO_CHANGE)
            case FactOutcome.REFUSED:
                return ""

    def _describe_kept(self, kept: list[tuple[Fact, str]]) -> str:
        if self.new:  # the greeting says the name
            kept = [(fact, line) for fact, line in kept if fact.kind != "name"]
        if not kept:
            return self._phrase(wording.INVITATION)
        fact, _ = kept[0]
        if len(kept) == 1 and fact.kind in wording.KEPT and fact.value:
            return self._phrase(
                wording.KEPT[fact.kind], value=wording.swap_pronouns(fact.value), key=fact.key
            )
        return self._phrase(
            wording.KEPT_ANY, yours=wording.join([wording.to_second_person(line) for _, line in kept])
        )

    # erasing and recalling

    async def _erase(self, topic: Topic) -> list[str]:
        found = self.notes.find(topic)
        if not found:
            return [self._phrase(wording.NOTHING_TO_ERASE)]
        for note in found[:MAX_ERASURES]:
            await self.notes.erase(note)
        more = [self._phrase(wording.MORE_TO_ERASE)] if len(found) > MAX_ERASURES else []
        return [self._phrase(wording.ERASED), *more]

    def _recall(self, topic: Topic) -> str:
        if topic == EVERYTHING:
            return self._everything()
        found = self.notes.find(topic)
        if not found:
            return self._phrase(wording.UNKNOWN, name=topic.name)
        return (
            wording.capitalize(
                wording.join([wording.to_second_person(note.text) for note in found[-MAX_FACTS:]])
            )
            + "."
        )

    def _everything(self) -> str:
        if not self.notes.known:
            return self._phrase(wording.RECALL_NOTHING)
        lines: list[str] = []
        room = MAX_LIST_CHARS
        for note in reversed(self.notes.known):
            room -= len(note.text)
            if room < 0:
                break
            lines.insert(0, wording.to_second_person(note.text))
        hidden = len(self.notes.known) - len(lines)
        more = [f"{hidden} older thing{'s' * (hidden > 1)} besides"] if hidden else []
        return self._phrase(wording.RECALL, list="; ".join([*lines, *more]))

    # small talk

    def _answer_small_talk(self, talk: SmallTalk) -> str:
        return self._phrase(wording.ANSWERS[talk])

    def _opening(self) -> str:
        """Return what follows the greeting of a new person if nothing was stored or answered."""
        return (
            self._phrase(wording.CANNOT_ANSWER)
            if self.parsed.unknown_question
            else self._phrase(wording.INVITATION)
        )

    def _default_answer(self) -> str:
        if self.parsed.unknown_question:
            return self._phrase(wording.CANNOT_ANSWER)
        if self.parsed.talk:
            return self._answer_small_talk(self.parsed.talk[-1])
        elsewhere = self.langs and not any(lang.startswith("en") for lang in self.langs)
        return self._phrase(wording.FOREIGN if self.parsed.foreign or elsewhere else wording.LISTENING)


def _resolve_denials(facts: tuple[Fact, ...]) -> tuple[list[Fact], dict[Fact, Fact]]:
    """Return the facts, and for some the denied fact that it replaces ('not in Lisbon, in Porto').

    A fact that ended or is denied is left out if another fact of the post has taken its place.
    """
    said = list(dict.fromkeys(facts))
    denials: dict[Fact, Fact] = {}
    for fact in [other for other in said if other.mode is not Mode.CURRENT]:
        current = [other for other in said if other.mode is Mode.CURRENT and other.kind == fact.kind]
        if fact.kind in MULTIPLE:
            current = [other for other in current if alike(other.key, fact.key)]
        if current:
            denials[current[-1]] = fact
            said.remove(fact)
    return said, denials
