"""Splits a post into sentences and clauses, and finds the facts that they state. Pure.

A clause states a fact only if all of it matches. A quotation, question, supposition or joke states none.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.facts import Mode
from bot.brains.rules.statements import parse_statement, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.brains.rules.facts import Fact

MAX_CHARS = 3000
QUOTED_LINE = regex.compile(r"^\s*>.*$", regex.MULTILINE)
DIRECT_SPEECH = regex.compile(r"[\"“”„«](?:[^\"“”„«»\n]*\s){3,}[^\"“”„«»\n]*[\"“”»]")
HANDLE_OR_LINK = regex.compile(r"@[\w.-]+|\b(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|org|net|social)/\S*")
SENTENCES = regex.compile(
    r"(?<!\b(?:St|Mr|Mrs|Ms|Dr|Mt|Ft|\p{Lu})\.)(?<=[.!?…][\"')\p{Pf}]*)\s+|[\n;]+"
    r"|(?<=\p{Emoji_Presentation})\s+(?=\p{L})"
)
CLAUSE_START = (
    r"(?:i|i'm|im|i've|i'd|my|we|you|your|he|he's|she|she's|it|it's|they|his|her|its|their|that|this"
    r"|there|what|where|who|when|how|can|do|does|is|are|call|please|yes|no)\b"
)
BARE_VERB = r"(?:live|work|like|love|hate|enjoy|adore|dislike|have|moved|come|am)"
NAMED_THING = r"(?:an?|another|two|three) [\p{L} -]{2,30} (?:called|named)\b"
CLAUSES = regex.compile(
    rf"\s*,\s*|\s+\p{{Pd}}+\s+|\s*[()]\s*|\s+(?:but|because|although|though)\s+|\s+(?:and"
    rf"|so)\s+(?={CLAUSE_START}|{BARE_VERB}\s|{NAMED_THING})",
    regex.IGNORECASE,
)
FILLER = regex.compile(
    r"(?:(?:actually|oh|well|no|nope|yes|yeah|yep|hi|hello|hey|hiya|so|and|but|btw|by the way|also|now"
    r"|fyi|sorry|correction|in fact|these days|nowadays|currently|hm+|ah+|um|look|listen|ok|okay|wait"
    r"|thanks|thank you|please|for the record|to be clear|i (?:said|meant|mean)|(?:please )?(?:remember"
    r"|note)(?: that)?|there|(?:fun |random )?fact(?: about me)?:|just so you know|did you know(?: that)?"
    r"|good (?:morning|evening|day)|you should know(?: that)?|i told you(?: that)?|oops|jay|birdie"
    r"|everyone|all|friend|nice to meet you)[!:]*\s+)+",
    regex.IGNORECASE,
)
CORRECTS = regex.compile(
    r"^(?:(?:oh|well|sorry|hey|hi|hm+|ah+|um|but|wait)[,!.]*\s+)*(?:actually|no|nope|correction|sorry"
    r"|wait|in fact|i meant|i mean|wrong|that's (?:wrong|not right|not true))\b|\binstead\W*$",
    regex.IGNORECASE,
)
SUPPOSED = regex.compile(
    r"\b(?:if|unless|suppose|supposing|imagine|pretend|assuming|wish|maybe|perhaps|let's say|as though"
    r"|what if|act as|hypothetically|in my dream|when i was|used to)\b",
    regex.IGNORECASE,
)
JOKING = regex.compile(
    r"\b(?:jk|j/k|just kidding|only kidding|kidding|just joking|psych)\b|(?:^|\s)/s\b", regex.IGNORECASE
)
NAME_OF_IT = regex.compile(
    r"(?:and )?(?:his|her|its|their) names? (?:is|are) (?P<called>.+)|(?:he|she|it|they)(?:'s| is|'re"
    r"| are) (?:called|named) (?P<called>.+)",
    regex.IGNORECASE,
)
PLACE = regex.compile(rf"(?!{CLAUSE_START})\p{{Lu}}[\p{{L}}'-]+(?: \p{{Lu}}[\p{{L}}'-]+)*", regex.V1)
ITEM = regex.compile(rf"(?!{CLAUSE_START}|{BARE_VERB}\b)(?:and |or )?[\p{{L}}' -]{{2,30}}", regex.IGNORECASE)


def own_words(text: str) -> str:
    """Return the person's own words in NFC, without quotations, handles and links."""
    own = unicodedata.normalize("NFC", text[:MAX_CHARS]).replace("’", "'")  # noqa: RUF001 - as phones write it
    own = DIRECT_SPEECH.sub(" , ", QUOTED_LINE.sub("", own))
    return HANDLE_OR_LINK.sub(" , ", own).strip(" ,\t\n")


def split_sentences(text: str) -> list[str]:
    return [" ".join(part.split()).strip(" ,") for part in SENTENCES.split(text) if part.strip(" ,\t")]


def stated_facts(parts: Iterable[str]) -> tuple[Fact, ...]:
    """Return the facts that the person states about themselves in these sentences."""
    found: list[Fact] = []
    for sentence in parts:
        if SUPPOSED.search(sentence):
            continue
        corrects, start = bool(CORRECTS.search(sentence)), len(found)
        clauses = _clauses(sentence)
        for index, clause in enumerate(clauses):
            bare = FILLER.sub("", f"{clause} ", count=1).strip() if FILLER.match(f"{clause} ") else clause
            if found and (named := _add_name(found[-1], bare)):
                found = [*found[:-1], named] if found[-1].mode is Mode.CURRENT else [*found, named]
                continue
            whole = _with_subject(bare) if len(found) > start else bare
            if fact := _longest_statement(whole, clauses[index + 1 :]):
                found.append(replace(fact, definite=True, corrects=True) if corrects else fact)
    return tuple(found)


def _clauses(sentence: str) -> list[str]:
    """Return the clauses that can state a fact: all but the last of a question."""
    clauses = [part for part in CLAUSES.split(sentence) if part]
    return clauses[:-1] if sentence.rstrip("\"')").endswith("?") else clauses


def _add_name(last: Fact, clause: str) -> Fact | None:
    """Return the last fact with the name that this clause gives: 'I have a dog. His name is Rex.'"""
    found = NAME_OF_IT.fullmatch(clause)
    if not found or last.kind != "thing":
        return None
    if last.mode is Mode.DENIED:
        return parse_statement(f"my {last.key} is called {found['called']}")
    if last.value:
        return None
    return parse_statement(f"i have {last.line.removeprefix('has ')} called {found['called']}")


def _with_subject(clause: str) -> str:
    """Return the clause with the subject that it left out: 'I live in Lisbon and [I] work as a nurse'."""
    if regex.match(rf"{BARE_VERB}\s", clause, regex.IGNORECASE):
        return f"I {clause}"
    return f"I have {clause}" if regex.match(NAMED_THING, clause, regex.IGNORECASE) else clause


def _longest_statement(clause: str, following: list[str]) -> Fact | None:
    fact = parse_statement(clause)
    return (_continued(fact, clause, following) or fact) if fact else None


def _continued(fact: Fact, clause: str, following: list[str]) -> Fact | None:
    """Return the fact of `clause` joined with the parts after its commas: 'tea, coffee and cake'."""
    if fact.kind in {"home", "origin"} and following and PLACE.fullmatch(tidy(following[0])):
        return parse_statement(f"{clause}, {tidy(following[0])}")
    if fact.kind == "taste":
        for count, item in enumerate(following, 1):
            if not ITEM.fullmatch(tidy(item)):
                return None
            if regex.search(r"\band\b", item):
                return parse_statement(", ".join([clause, *following[:count]]))
    return None
