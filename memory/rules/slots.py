"""Slots: what a person has only one of at a time (home, name, age). Pure.

The slot of a note is read from its wording. Two notes of one slot contradict each other.
"""

from __future__ import annotations

import regex

from memory.text import STATEMENT_ENDS, folded

# A value in small letters is no name of a place or person: "lives in a boat", "lives in fear".
NAMELIKE = r"(?P<value>[\p{Lu}\p{Lt}\p{Lo}].*)"
# How notes in several languages state what fills a slot.
SLOT_PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "home",
        (
            rf"(?:now )?lives in {NAMELIKE}",
            rf"(?:wohnt|lebt)(?: jetzt)? in {NAMELIKE}",
            rf"(?:habite|vit) (?:à|en|au|aux) {NAMELIKE}",
            rf"(?:vive|mora|reside) (?:en|em|no|na|a|in) {NAMELIKE}",
            rf"woont in {NAMELIKE}",
            rf"bor i {NAMELIKE}",
            rf"mieszka w(?:e)? {NAMELIKE}",
            rf"живёт в[о]? {NAMELIKE}",  # noqa: RUF001 - Russian
            r"(?P<value>[^\s、。]{1,20})に住んで(?:いる|います|る)",
            r"(?P<value>\S{1,20})에 (?:산다|살고 있다|살아요|삽니다)",
            r"住在(?P<value>\S{1,20})",
        ),
    ),
    (
        "name",
        (
            rf"(?:is called|goes by|their name is|wants to be called) {NAMELIKE}",
            rf"heißt {NAMELIKE}",
            rf"s'appelle {NAMELIKE}",
            rf"se llama {NAMELIKE}",
            rf"(?:chama-se|se chama) {NAMELIKE}",
            rf"si chiama {NAMELIKE}",
        ),
    ),
    (
        "age",
        (
            r"is (?P<value>\d{1,3})(?: years? old)?",
            r"ist (?P<value>\d{1,3})(?: Jahre alt)?",
            r"a (?P<value>\d{1,3}) ans",
            r"(?:tiene|tem) (?P<value>\d{1,3}) (?:años|anos)",
            r"ha (?P<value>\d{1,3}) anni",
            r"(?P<value>\d{1,3})歳(?:です|だ)?",
        ),
    ),
)
SLOTS = tuple((name, regex.compile(pattern)) for name, patterns in SLOT_PATTERNS for pattern in patterns)
# "birthday: 3 May", "favourite tea: oolong": the key before the colon is the slot
NAMED_SLOT = regex.compile(r"(?P<slot>[\p{L}\p{M}\p{N} '-]{2,40})\s*[:\uff1a=\uff1d]\s*(?P<value>[^/].*)")
REPORTING = frozenset({"says", "said", "note", "fact"})  # "says: I like tea" fills no slot
SEVERAL_VALUES = regex.compile(r"(?:^|\s)(?:and|und|et|y|e|en|och|i|и|или|or|oder|ou|o)(?:\s|$)|[,;&+、와과]")


def slot(text: str) -> str | None:
    """The slot that `text` fills: 'home', 'name', 'age', or a key such as ':birthday'. None: none surely."""
    line = text.rstrip(STATEMENT_ENDS)
    for name, pattern in SLOTS:
        if (found := pattern.fullmatch(line)) and not SEVERAL_VALUES.search(found["value"]):
            return name
    found = NAMED_SLOT.fullmatch(line)
    key = folded(found["slot"]) if found else None
    return f":{key}" if key and key not in REPORTING else None
