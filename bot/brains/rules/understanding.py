"""Finds in a post, without a model: facts, questions, requests to forget, small talk. Pure.

To understand one more question, add it to TOPICS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.clauses import CLAUSES, JOKING, own_words, split_sentences, stated_facts
from bot.brains.rules.smalltalk import SmallTalk, is_foreign, is_noise, small_talk
from bot.brains.rules.statements import parse_statement, tidy

if TYPE_CHECKING:
    from bot.brains.rules.facts import Fact


@dataclass(frozen=True, slots=True)
class Topic:
    """What a question or a request to forget is about. An empty topic is everything.

    With `kinds`, it is facts of these kinds: `key` selects one, and `words` are the verbs that a line may
    begin with. With `fact`, it is that fact. Without both, it is every note that has these `words`. `name`
    stands in the answer if nothing is known: 'where you live'.
    """

    name: str = ""
    kinds: tuple[str, ...] = ()
    key: str = ""
    words: str = ""
    fact: Fact | None = None


EVERYTHING = Topic()


@dataclass(frozen=True, slots=True)
class ParsedPost:
    """What was understood of a post. `unknown_question`: it asks something that was not understood."""

    facts: tuple[Fact, ...] = ()
    questions: tuple[Topic, ...] = ()
    erasures: tuple[Topic, ...] = ()
    talk: tuple[SmallTalk, ...] = ()
    unknown_question: bool = False
    noise: bool = False
    foreign: bool = False

    @property
    def has_content(self) -> bool:
        return bool(self.facts or self.questions or self.erasures or self.talk)


# --- topics --------------------------------------------------------------------------------------

MAX_QUESTION_CHARS = 300  # characters of a question
KEY = r"(?P<key>[\p{L}\p{M}' -]{2,40}?)"
LIKING = r"(?:really )?(?:like|love|enjoy|adore|prefer)"
HATING = r"(?:really )?(?:hate|dislike|not like)"
TOPICS = tuple(
    (regex.compile(pattern, regex.IGNORECASE), name, kinds, words)
    for name, kinds, words, ways in (
        (
            "your name",
            ("name",),
            "",
            (
                r"(?:what )?my name(?: is)?",
                r"what (?:i am|am i|i'm) called",
                r"what do (?:you|people) call me",
            ),
        ),
        (
            "where you live",
            ("home",),
            "",
            (
                r"where (?:do )?i live|where (?:am i|i am|i'm) (?:living|based)",
                r"which (?:city|town|country) (?:do )?i live in",
                r"my (?:home|city|town|address|location)",
            ),
        ),
        (
            "where you are from",
            ("origin",),
            "",
            (r"where (?:am i|i am|i'm|do i come|i come) from", r"my (?:origin|home ?town)"),
        ),
        ("your birthday", ("birthday",), "", (r"(?:when(?: is|'s) )?my birthday", r"when i was born")),
        ("your age", ("age",), "", (r"how old (?:am i|i am|i'm)", r"my age")),
        (
            "your work",
            ("job", "workplace", "being"),
            "",
            (
                r"what (?:do )?i do(?: for (?:a living|work))?",
                r"(?:where|who|what) (?:do )?i work(?: as| for| at)?",
                r"my (?:job|work|profession|workplace|occupation)",
            ),
        ),
        (
            "what you like",
            ("taste",),
            "likes loves enjoys adores prefers",
            (rf"what (?:do |else do )?i {LIKING}",),
        ),
        (
            "what you don't like",
            ("taste",),
            "hates dislikes cannot does",
            (rf"what (?:do |else do )?i {HATING}", r"what don't i like"),
        ),
        ("whether you like {key}", ("taste",), "", (rf"(?:if |do )i (?:like|love|enjoy|hate) {KEY}",)),
        ("your favourite {key}", ("favourite",), "", (rf"my favou?rite {KEY}",)),
        (
            "your pets",
            ("thing",),
            "",
            (r"(?:what|which|how many) (?:pets|animals|dogs|cats) (?:do )?i have", r"my (?:pets?|animals?)"),
        ),
        ("whether you have a {key}", ("thing",), "", (rf"(?:if |do )i have (?:an? |any ){KEY}",)),
        (
            "your {key}'s name",
            ("thing",),
            "",
            (
                rf"the names? of my {KEY}",
                rf"my {KEY}(?:'s|s') names?",
                rf"(?:what )?my {KEY} (?:(?:is|are) )?(?:called|named)",
            ),
        ),
        ("about your {key}", ("thing", "favourite"), "", (r"my (?P<key>[\p{L}\p{M} -]{2,40})",)),
    )
    for pattern in ways
)
OPENING = regex.compile(
    r"(?:(?:so|and|but|hey|hi|hello|ok|okay|well|now|please|jay|then)[,!]?\s+)*(?:"
    r"(?:do|did|can|could|would|will) you (?:(?:please|still|even|happen to)\s+)*"
    r"(?:know|remember|recall|tell me|guess|say)(?: about)?"
    r"|what (?:do you (?:know|remember)|have i told you|did i tell you) about"
    r"|tell me(?: about)?|remember|remind me(?: about| of)?"
    r"|what(?:'s| is| are| was| were)|who(?:'s| is| are)|which is|how(?:'s| is)"
    r")\s+",
    regex.IGNORECASE,
)
ABOUT_ME = regex.compile(
    r"(?:so |and )?what do you (?:still )?(?:know|remember)"
    r"|(?:.*\b)?(?:what|anything|something|everything|all|how much)\b.*"
    r"\b(?:know|remember|learn\w*|note[ds]?|have|got|memory|memories|cached?|stored?|recall)\b.*"
    r"\b(?:about|of|on) me\b.*"
    r"|.*\b(?:who i am|who am i|tell me about (?:me|myself))"
    r"|(?:.*\b)?what (?:have i told|did i tell) you(?: so far)?(?: about (?:me|myself))?"
    r"|(?:.*\b(?:do|did) )?(?:you )?(?:still )?(?:know|remember|recogni[sz]e) me"
    r"|.*\bwhat(?:'s| is) in (?:your|my) (?:memory|cache)",
    regex.IGNORECASE,
)
WHO_IS = regex.compile(
    r"(?:so |and |hey )?(?:who(?:'s| is)|do you (?:know|remember)|what about|where(?:'s| is)) "
    r"(?P<words>\p{Lu}[\p{L}' -]{1,40})"
)
ASKING = regex.compile(
    r"(?:(?:so|and|but|hey|ok|well)[,]?\s+)*(?:what|who|where|when|why|how|which|do|does|did|can|could|is"
    r"|are|am|will|would|should|have|has|tell me|remind me|what's|who's|where's|when's|how's)\b",
    regex.IGNORECASE,
)


def parse_topic(text: str, *, erasing: bool = False) -> Topic | None:
    """Return the topic of a question, or (`erasing`) of a request to forget; None if it is not understood."""
    bare = tidy(text)
    if len(bare) > MAX_QUESTION_CHARS:
        return None
    if not erasing and ABOUT_ME.fullmatch(bare):
        return EVERYTHING
    if not erasing and (named := WHO_IS.fullmatch(bare)):
        return Topic(f"about {named['words']}", words=named["words"])
    bare = OPENING.sub("", bare, count=1) if OPENING.match(bare) else bare
    for pattern, name, kinds, words in TOPICS:
        if found := pattern.fullmatch(bare):
            key = found.groupdict().get("key") or ""
            return Topic(name.format(key=key), kinds, key, words)
    return None


# --- requests to forget ----------------------------------------------------------------------------

FORGET = regex.compile(
    r"(?:(?:please|now|ok|okay|hey|hi|actually|and|also|well)[,]?\s+)*(?:(?:can|could|would"
    r"|will) you (?:please )?)?(?:please )?(?:forget|erase|delete|unlearn|remove|stop remembering"
    r"|don't remember|do not remember)\s+(?P<what>.+?)(?:,? (?:please|thanks|thank you))*",
    regex.IGNORECASE,
)
LINKING_WORDS = regex.compile(
    r"^(?:(?:about|that|the fact that|the note(?: about| that| on)?|what i (?:said|told you) about"
    r"|everything about|all about|what you know about)\s+)+",
    regex.IGNORECASE,
)
PRONOUNS = frozenset({"it", "that", "this", "about it", "about that", "about this", "that one"})
ALL_WORDS = regex.compile(
    r"(?:everything|all|it all|all of it|all that|me|about me|all about me|everything .*me)\b.*",
    regex.IGNORECASE,
)


def parse_erasures(sentence: str) -> tuple[Topic, ...] | SmallTalk | None:
    """Return the topics that the sentence asks to forget.

    If it says 'forget it' or 'forget everything', return that as small talk. None: it is no such request.
    """
    found = FORGET.fullmatch(tidy(sentence))
    if not found:
        return None
    what = found["what"].casefold()
    if what in PRONOUNS:
        return SmallTalk.NEVER_MIND
    if ALL_WORDS.fullmatch(what) and not regex.match(r"(?:everything|all) about my\b", what):
        return SmallTalk.FORGET_ALL
    parts = regex.split(r"\s+and\s+(?=that |my |where |i |what )", found["what"])
    return tuple(_parse_erasure(LINKING_WORDS.sub("", part)) for part in parts)


def _parse_erasure(what: str) -> Topic:
    known = parse_statement(what)
    if known:
        return Topic(what, fact=known)
    return parse_topic(what, erasing=True) or Topic(what, words=what)


def understand(text: str) -> ParsedPost:
    """Return what the rules understand of a post's text."""
    own = own_words(text)
    if is_noise(own):
        return ParsedPost(noise=True)
    parts = split_sentences(own)
    erasures: list[Topic] = []
    talk: list[SmallTalk] = []
    rest: list[str] = []
    for part in parts:
        match parse_erasures(part):
            case None:
                rest.append(part)
            case SmallTalk() as said:
                talk.append(said)
            case topics:
                erasures.extend(topics)
    facts = () if JOKING.search(own) else stated_facts(rest)
    questions, unknown_question = _parse_questions(rest)
    talk += [said for part in rest for said in _small_talk_of(part)]
    return ParsedPost(
        facts,
        questions,
        tuple(erasures),
        tuple(dict.fromkeys(talk)),
        unknown_question,
        foreign=is_foreign(own),
    )


def _parse_questions(parts: list[str]) -> tuple[tuple[Topic, ...], bool]:
    """Return the topics asked about, and whether something else was asked, too."""
    topics: list[Topic] = []
    other = False
    for part in parts:
        pieces = [piece for piece in CLAUSES.split(part) if piece and _is_question(piece)]
        found = [known for piece in pieces if (known := parse_topic(piece))]
        if not found and _is_question(part) and (entire := parse_topic(part)):
            found = [entire]
        topics += found
        other = other or (not found and any(small_talk(piece) is None for piece in pieces))
    return tuple(dict.fromkeys(topics)), other


def _is_question(piece: str) -> bool:
    return piece.rstrip("\"')").endswith("?") or bool(ASKING.match(piece))


def _small_talk_of(part: str) -> list[SmallTalk]:
    if entire := small_talk(part):
        return [entire]
    return [talk for piece in CLAUSES.split(part) if piece and (talk := small_talk(piece))]
