"""The `rules` brain: no model, no key, no network. The same post and memory give the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from bot.brains.rules import wording
from bot.brains.rules.beliefs import Beliefs, Outcome
from bot.brains.rules.facts import Mode, alike
from bot.brains.rules.smalltalk import Talk
from bot.brains.rules.understanding import EVERYTHING, understand
from bot.brains.rules.wording import pick

if TYPE_CHECKING:
    from bot.brains.rules.facts import Fact
    from bot.brains.rules.understanding import Topic, Understood
    from bot.domain.prompt import Prompt
    from bot.ports import Toolbox

FACTS = 3  # kept of one post
ERASED = 6  # at one wish; the turn's calls are limited
LISTED = 900  # characters of notes in one answer
SHORT = 240  # graphemes of a second try, when a reply was refused
MANY = frozenset({"taste", "thing", "favourite"})  # kinds of which one says nothing about another
ONCE = frozenset({Talk.THANKS, Talk.BYE})
WEIGHTY = (Talk.FORGET_ALL, Talk.HELP, Talk.WHO, Talk.CROSS)


class Rules:
    """Understands what `phrases` and `statements` list, and says so where it does not."""

    name = "rules"

    async def start(self) -> None:
        """Nothing is needed."""

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        heard = understand(prompt.mention.text)
        if reason := _silence(heard, prompt):
            await tools.call("stay_silent", {"reason": reason})
            return
        text = await _Turn(prompt, tools, heard).answer()
        if not (await tools.call("reply", {"text": text})).ok:
            await tools.call("reply", {"text": _shortened(text)})

    async def forget(self) -> None:
        """Nothing is held about anyone."""

    async def health(self) -> None:
        return None

    async def close(self) -> None:
        """Nothing is open."""


def _silence(heard: Understood, prompt: Prompt) -> str:
    """Why an answer would be noise; empty if it would not."""
    if heard.noise:
        return "nothing to answer"
    courtesy = heard.understood and set(heard.talk) <= ONCE and not (heard.facts or heard.asks or heard.erase)
    earlier = (understand(post.text).talk for post in prompt.thread if post.by_asker and post.text)
    if courtesy and not heard.asked and any(set(talk) & set(heard.talk) for talk in earlier):
        return "thanked already"
    return ""


def _shortened(text: str) -> str:
    return "".join(regex.findall(r"\X", text)[: SHORT - 1]).rstrip() + "…"


class _Turn:
    def __init__(self, prompt: Prompt, tools: Toolbox, heard: Understood) -> None:
        self.heard = heard
        self.langs = prompt.mention.langs
        self.new = prompt.person.introduced_at is None
        self.seed = prompt.mention.uri
        self.cache = Beliefs(prompt.recollection.notes, tools)

    async def answer(self) -> str:
        """Everything that is to be said, in one paragraph."""
        learned = await self._learn()
        erased = [part for topic in self.heard.erase for part in await self._erase(topic)]
        recalled = [self._recall(topic) for topic in self.heard.asks]
        said = [*learned, *erased, *recalled]
        said += [self._talk(talk) for talk in self.heard.talk if talk in WEIGHTY]
        if self.new:
            said = [self._say(wording.GREETING), *(said or [self._opening()])]
        return " ".join(said or [self._small()])

    def _say(self, choices: tuple[str, ...], **words: str) -> str:
        name = f", {self.cache.name}" if self.cache.name else ""
        return pick(choices, self.seed).format(**{"name": name, **words})

    # learning

    async def _learn(self) -> list[str]:
        """Keep what was said, and tell what became of it."""
        facts, instead = _settled(self.heard.facts)
        outcomes: dict[Outcome, list[tuple[Fact, str]]] = {}
        for fact in facts[:FACTS]:
            outcome, line = await self.cache.keep(fact, instead.get(fact))
            outcomes.setdefault(outcome, []).append((fact, line))
        said = [self._told(outcome, facts_lines) for outcome, facts_lines in outcomes.items()]
        if len(facts) > FACTS or Outcome.REFUSED in outcomes:
            said.append(
                self._say(wording.NOT_KEPT, some="all of that" if Outcome.KEPT in outcomes else "that")
            )
        return [part for part in said if part]

    def _told(self, outcome: Outcome, kept: list[tuple[Fact, str]]) -> str:
        your = wording.listed([wording.yours(line) for _, line in kept])
        match outcome:
            case Outcome.KEPT:
                return self._kept(kept)
            case Outcome.CHANGED:
                return self._say(wording.CHANGED, yours=your)
            case Outcome.KNOWN:
                return self._say(wording.KNOWN, yours=your)
            case Outcome.DROPPED:
                return self._say(wording.DROPPED)
            case Outcome.NOTHING:
                return self._say(wording.NOTHING_TO_CHANGE)
            case Outcome.REFUSED:
                return ""

    def _kept(self, kept: list[tuple[Fact, str]]) -> str:
        if self.new:  # the greeting has the name already
            kept = [(fact, line) for fact, line in kept if fact.kind != "name"]
        if not kept:
            return self._say(wording.INVITATION)
        fact, _ = kept[0]
        if len(kept) == 1 and fact.kind in wording.KEPT and fact.value:
            return self._say(wording.KEPT[fact.kind], value=wording.your(fact.value), key=fact.key)
        return self._say(wording.KEPT_ANY, yours=wording.listed([wording.yours(line) for _, line in kept]))

    # erasing and recalling

    async def _erase(self, topic: Topic) -> list[str]:
        found = self.cache.find(topic)
        if not found:
            return [self._say(wording.NOTHING_TO_ERASE)]
        for one in found[:ERASED]:
            await self.cache.erase(one)
        more = [self._say(wording.MORE_TO_ERASE)] if len(found) > ERASED else []
        return [self._say(wording.ERASED), *more]

    def _recall(self, topic: Topic) -> str:
        if topic == EVERYTHING:
            return self._everything()
        found = self.cache.find(topic)
        if not found:
            return self._say(wording.UNKNOWN, name=topic.name)
        return wording.sentence(wording.listed([wording.yours(one.text) for one in found[-FACTS:]])) + "."

    def _everything(self) -> str:
        if not self.cache.known:
            return self._say(wording.RECALL_NOTHING)
        lines: list[str] = []
        room = LISTED
        for one in reversed(self.cache.known):
            room -= len(one.text)
            if room < 0:
                break
            lines.insert(0, wording.yours(one.text))
        hidden = len(self.cache.known) - len(lines)
        more = [f"{hidden} older thing{'s' * (hidden > 1)} besides"] if hidden else []
        return self._say(wording.RECALL, list="; ".join([*lines, *more]))

    # talking

    def _talk(self, talk: Talk) -> str:
        return self._say(wording.ANSWERS[talk])

    def _opening(self) -> str:
        """What a new person is told, after the greeting, when there was nothing to keep or answer."""
        return self._say(wording.CANNOT_ANSWER) if self.heard.asked else self._say(wording.INVITATION)

    def _small(self) -> str:
        if self.heard.asked:
            return self._say(wording.CANNOT_ANSWER)
        if self.heard.talk:
            return self._talk(self.heard.talk[-1])
        elsewhere = self.langs and not any(lang.startswith("en") for lang in self.langs)
        return self._say(wording.FOREIGN if self.heard.foreign or elsewhere else wording.LISTENING)


def _settled(facts: tuple[Fact, ...]) -> tuple[list[Fact], dict[Fact, Fact]]:
    """The facts without the negations that another of the same post makes good, and those as `instead`."""
    said = list(dict.fromkeys(facts))
    instead: dict[Fact, Fact] = {}
    for fact in [one for one in said if one.mode is not Mode.SO]:
        good = [one for one in said if one.mode is Mode.SO and one.kind == fact.kind]
        if fact.kind in MANY:
            good = [one for one in good if alike(one.key, fact.key)]
        if good:
            instead[good[-1]] = fact
            said.remove(fact)
    return said, instead
