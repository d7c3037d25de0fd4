"""Parses what people say about themselves: one clause in, one fact out. Pure.

To understand one more kind of statement, add it to STATEMENTS. If its line is of a new kind, add that to
`facts.LINE_PATTERNS`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import regex

from bot.brains.rules.facts import COUNTS, Fact, Mode, parse_line

# --- patterns ---------------------------------------------------------------------------

IM = r"(?:i'?m|i am)"
NOT = r"(?:don't|dont|do not)"
ADV = r"(?:(?:also|really|just|still|now|currently|actually|absolutely|only|do|recently|originally|quite) )*"
HAVE = r"i(?:'ve got| have got| have| own| got)"
KEY = r"(?P<key>(?!name\b|favou?rite\b)[\p{L}\p{M}][\p{L}\p{M}' -]{1,40}?)"
WORD = r"\p{L}[\p{L}\p{M}'.-]*"
NAME = rf"(?P<value>{WORD}(?: {WORD}){{0,2}})"
V = r"(?P<value>.+)"
MONTH = r"(?=.*(?:\d|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))"
LASTING = (
    r"(?P<value>vegan|vegetarian|pescatarian|retired|married|bilingual|colou?r-?blind|(?:left"
    r"|right)-handed|ambidextrous|self-employed|self-taught|tone-deaf|near-?sighted|short-?sighted"
    r"|portuguese|spanish|french|german|italian|dutch|belgian|swiss|austrian|danish|swedish|norwegian"
    r"|finnish|icelandic|irish|scottish|welsh|english|british|american|canadian|mexican|brazilian"
    r"|argentinian|chilean|colombian|peruvian|japanese|korean|chinese|taiwanese|vietnamese|thai|filipino"
    r"|filipina|indonesian|malaysian|indian|pakistani|bangladeshi|nepali|turkish|greek|bulgarian|romanian"
    r"|hungarian|czech|slovak|slovenian|croatian|serbian|polish|ukrainian|russian|lithuanian|latvian"
    r"|estonian|egyptian|moroccan|nigerian|ghanaian|kenyan|ethiopian|south african|australian|iranian"
    r"|iraqi|lebanese|israeli|palestinian|basque|catalan|galician|european|maltese|albanian|georgian"
    r"|armenian)"
)
PROPER = r"(?-i:\p{Lu}[\p{Ll}\p{M}'-]+(?: \p{Lu}[\p{L}\p{M}'-]+)?)"


@dataclass(frozen=True, slots=True)
class Statement:
    """A pattern of a clause, and the line that it becomes."""

    pattern: regex.Pattern[str]
    line: str
    mode: Mode
    definite: bool


def statement(pattern: str, line: str, mode: Mode = Mode.CURRENT, *, definite: bool = True) -> Statement:
    return Statement(regex.compile(pattern, regex.IGNORECASE), line, mode, definite)


LIKING = {
    "like": "likes", "love": "loves", "hate": "hates", "enjoy": "enjoys", "adore": "adores",
    "dislike": "dislikes", "prefer": "prefers", r"(?:can't|cannot|can not) stand": "cannot stand",
}  # fmt: skip

STATEMENTS = (
    # ended
    statement(
        rf"i no longer live in {V}|i {NOT} live in {V} any ?more",
        "lives in {value}",
        Mode.ENDED,
    ),
    statement(
        rf"i no longer work (?P<at>as|at|for|in) {V}|i {NOT} work (?P<at>as|at|for|in) {V} any ?more",
        "works {at} {value}",
        Mode.ENDED,
    ),
    statement(
        rf"i no longer have (?:an? |my |any )?{KEY}|i {NOT} have (?:an? |my |any )?{KEY} any ?more",
        "has {key}",
        Mode.ENDED,
    ),
    statement(rf"{IM} no longer {V}|{IM} not {V} any ?more", "is {value}", Mode.ENDED),
    *(
        statement(
            rf"i no longer {verb} {V}|i {NOT} (?:really )?{verb} {V} any ?more",
            f"{third} {{value}}",
            Mode.ENDED,
        )
        for verb, third in LIKING.items()
    ),
    # denied
    statement(rf"my name (?:is not|isn't) {V}|{IM} not called {V}", "is called {value}", Mode.DENIED),
    statement(rf"my {KEY} (?:is not|isn't) (?:called|named) {V}", "has {key} called {value}", Mode.DENIED),
    statement(rf"i {NOT} live in {V}", "lives in {value}", Mode.DENIED),
    statement(rf"i {NOT} work (?P<at>as|at|for|in) {V}", "works {at} {value}", Mode.DENIED),
    statement(rf"i {NOT} have (?:an? |any ){KEY}", "has {key}", Mode.DENIED),
    statement(rf"{IM} not from {V}", "is from {value}", Mode.DENIED),
    statement(rf"{IM} not (?P<value>an? .+)", "is {value}", Mode.DENIED),
    # current
    statement(
        rf"(?:(?:you can |please |just )?call me|my (?:real |first |full )?name(?: is|'s)|{IM} (?:called"
        rf"|named)|i go by|(?:everyone|everybody|people|my friends) calls? me) {NAME}",
        "is called {value}",
    ),
    statement(rf"i {ADV}live in {V}|{IM} {ADV}(?:living|based) in {V}", "lives in {value}"),
    statement(rf"i(?:'ve| have)? {ADV}moved (?:back |house |over )?to {V}", "lives in {value}"),
    statement(rf"{IM} {ADV}from {V}|i {ADV}come from {V}", "is from {value}"),
    statement(rf"i {ADV}work as {V}", "works as {value}"),
    statement(
        rf"i {ADV}work (?P<at>at|for|in) {V}|{IM} {ADV}working (?P<at>at|for) {V}", "works {at} {value}"
    ),
    statement(rf"my birthday(?: is|'s) (?:on )?{MONTH}(?P<value>(?!in ).+)", "has a birthday on {value}"),
    statement(rf"my birthday(?: is|'s) in {MONTH}{V}", "has a birthday in {value}"),
    statement(rf"{IM} {ADV}(?P<value>\d{{1,3}}) years old|{IM} (?P<value>\d\d)", "is {value} years old"),
    statement(
        r"my (?:absolute |all-time )?favou?rite (?P<key>[\p{L}\p{M}][\p{L}\p{M}' -]{1,40}?)"
        rf"(?:'s| (?P<be>is|are)) (?:definitely |still |probably |now )?{V}",
        "their favourite {key} {be} {value}",
    ),
    statement(
        r"(?P<value>(?!it\b|this\b|that\b|what|which|who|you\b|one\b|here\b"
        r"|there\b)[^,]{1,40}?) (?P<be>is|are) (?:definitely "
        r"|still )?my (?:absolute )?favou?rite (?P<key>[\p{L}\p{M}][\p{L}\p{M}' -]{1,40})",
        "their favourite {key} {be} {value}",
    ),
    statement(
        rf"my {KEY}(?:(?: is| are|'s) (?:called|named)|(?:'s|s'|') names? (?:is|are)) {V}"
        rf"|the names? of my {KEY} (?:is|are) {V}",
        "has {a}{key} called {value}",
    ),
    statement(
        rf"{HAVE} (?P<count>{COUNTS}) {KEY} (?:called|named|whose names? (?:is|are)) {V}",
        "has {count} {key} called {value}",
        definite=False,
    ),
    statement(
        rf"{HAVE} (?P<count>{COUNTS}) (?P<key>[\p{{L}}\p{{M}}].+)", "has {count} {key}", definite=False
    ),
    statement(rf"i {ADV}(?:{NOT} (?:really |much )?(?:like|enjoy)) {V}", "does not like {value}"),
    statement(rf"{IM} not (?:a (?:big |huge )?fan of|into|keen on|fond of) {V}", "does not like {value}"),
    statement(rf"{IM} {ADV}(?:into|fond of|keen on) {V}", "likes {value}"),
    *(statement(rf"i {ADV}{verb} {V}", f"{third} {{value}}") for verb, third in LIKING.items()),
    statement(rf"{IM} {ADV}{LASTING}", "is {value}", definite=False),
    statement(rf"{IM} {ADV}(?P<value>an? .+)", "is {value}", definite=False),
    statement(rf"{IM} (?P<value>{PROPER})", "is called {value}"),
)

# --- what is not stored ----------------------------------------------------------------------------

MOODS = (
    r"fine|sorry|sad|happy|tired|ok|okay|good|great|back|here|home|sick|ill|bored|done|ready|sure|afraid"
    r"|busy|new|hungry|late|lost|glad|excited|angry|cold|hot|drunk|confused|curious|scared|lonely|free|in"
    r"|at|on|not|so|all|very|just|still|also|too|really|about|only|serious|right|wrong|team|off|out|up"
    r"|down|sleepy|alone|alive|dead|better|worse|over|under|well|stuck|awake|broke|bad|proud|impressed"
    r"|both|like|more|less|god|batman|(?:mon|tues|wednes|thurs|fri|satur|sun)day|\p{L}+ing|never|always"
    r"|trying|the|an?|your?|my|their|his|her"
)
REJECTED = {
    kind: regex.compile(pattern, regex.IGNORECASE)
    for kind, pattern in {
        "name": rf"^(?:{MOODS}|later|tomorrow|crazy|maybe|when|if|now|old|names|whatever|anything|what)\b",
        "home": r"^(?:(?:constant )?(?:fear|hope|denial|terror|sin|peace|harmony)|the (?:past|moment"
        r"|present|future)|linux|mac(?:os)?|windows|android|ios|firefox|chrome|signal|mastodon|bluesky"
        r"|threads|the (?:left|right)|tears|it|this|there|here|another|a (?:different|new) (?:job|team"
        r"|phone|server|host))\b",
        "origin": r"^(?:the (?:future|past|internet|government)|it|there|here|him|her|work|bluesky)\b",
        "workplace": r"^(?:at|for|in) (?:it|that|this|home|night|the moment|the morning|the garden|all)\b",
        "being": r"\b(?:bit|little|lot|few|mess|wreck|tad|while|minute|hour|idiot|moron|fool|failure|loser"
        r"|disaster|monster|joke|god|goner|bad person|terrible|awful|horrible|hurry|meeting|rush|moment"
        r"|bot)\b"
        rf"|^(?:{MOODS}|human(?: being)?|person|user|robot)$",
        "thing": r"\b(?:question|headache|migraine|cold|flu|fever|feeling|meeting|problem|idea|dream|point"
        r"|minute|moment|second|doubt|plan|date|deadline|request|favou?r|suggestion|theory|hunch"
        r"|appointment|bit|lot|few|day|week|night|time|morning|hangover|call|exam|interview|thought|thing"
        r"|hard|reason|chance|choice|look|break|issue|complaint|secret|confession|crush|ton|pain|job for"
        r"|task|joke|story)s?\b",
        "taste": r"^(?:it|that|this|these|those|him|her|how|what|when|where|who|why|the (?:way|idea|sound)"
        r"|to think|to (?:know|see|hear|ask|say|thank|point)|one|all of)\b",
    }.items()
}
TEMPORARY = regex.compile(
    r"\b(?:today|tomorrow|tonight|yesterday|right now|this (?:morning|week|weekend|evening|afternoon)"
    r"|for now|next (?:week|month|weekend)|i|i'm|i've|i'd|i'll|you|your|yours|you're|we|they|them|their"
    r"|he|she|any ?more)\b",
    regex.IGNORECASE,
)
NOT_A_VALUE = regex.compile(
    r"@|://|\bwww\.|^(?:not|never|no|nothing|so|too|going|trying)\b", regex.IGNORECASE
)
TAIL = regex.compile(
    r"(?:\s+(?:now|these days|nowadays|currently|at the moment|too|as well|by the way|btw|though|lol|haha"
    r"|actually|again|so much|a lot|very much|really|please|instead|of course|obviously|you know|tbh|fwiw"
    r"|okay|ok))+$|\s+(?:when|while|whenever|until|unless|except|where|which|who)\b.*$",
    regex.IGNORECASE,
)
LEADING = regex.compile(r"^[\s\p{Pi}\p{Pf}\"'(*]+")
EDGE = r"[\s.!?…,:;\p{Pi}\p{Pf}\"')~*-]"
TRAILING = regex.compile(rf"(?<!{EDGE}){EDGE}+$")  # looked behind, so that a long run is tried only once
EMOJI = regex.compile(r"[\s\p{Extended_Pictographic}\p{Emoji_Modifier}\p{RI}\u200d\ufe0f]+$")
THEIRS = {"my": "their", "our": "their", "me": "them", "mine": "theirs", "myself": "themselves"}
MAX_VALUE_CHARS = 100  # characters of a value; a clause may have twice as many


def parse_statement(clause: str) -> Fact | None:
    """Return the fact that the whole clause states about its author; None if it states none that lasts."""
    if len(clause) > 2 * MAX_VALUE_CHARS:
        return None
    bare = TRAILING.sub("", clause)
    for text in dict.fromkeys((_without_emoji(bare), bare)):
        short = TAIL.sub("", text)
        for candidate in STATEMENTS:
            found = candidate.pattern.fullmatch(short)
            if found and (fact := _make_fact(candidate, found.groupdict(default=""))):
                return fact
    return None


def tidy(value: str) -> str:
    """Return the text without quotes, punctuation and emoji at its ends, unless it has nothing else."""
    return _without_emoji(TRAILING.sub("", LEADING.sub("", value))) or value.strip()


def _without_emoji(text: str) -> str:
    return TRAILING.sub("", EMOJI.sub("", text))


def _make_fact(candidate: Statement, groups: dict[str, str]) -> Fact | None:
    groups = {name: TAIL.sub("", tidy(text)) if text else "" for name, text in groups.items()}
    if not all(_lasting(groups[name]) for name in ("key", "value") if groups.get(name)):
        return None
    groups = {name: _theirs(text) for name, text in groups.items()}
    groups["be"] = groups.get("be") or "is"
    fact = parse_line(candidate.line.format(a=_article(groups.get("key", "")), **groups))
    if fact is None or _rejected(fact):
        return None
    return replace(fact, mode=candidate.mode, definite=candidate.definite)


def _rejected(fact: Fact) -> bool:
    pattern = REJECTED.get(fact.kind)
    return bool(pattern and pattern.search(fact.key or fact.value))


def _lasting(part: str) -> bool:
    return len(part) <= MAX_VALUE_CHARS and not NOT_A_VALUE.search(part) and not TEMPORARY.search(part)


def _theirs(text: str) -> str:
    return regex.sub(r"\b\w+\b", lambda word: THEIRS.get(word[0].casefold(), word[0]), text)


def _article(key: str) -> str:
    if key.startswith("other "):
        return "an"
    if key.endswith("s") and not key.endswith("ss"):
        return ""
    return "an " if key[:1].casefold() in tuple("aeiou") else "a "
