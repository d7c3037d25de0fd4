"""What a person has one of at a time, read from how a note is worded. Pure."""

from __future__ import annotations

import regex

from memory.text import STATEMENT_ENDS, folded

# What a person has one of at a time, and how notes in several languages begin (or, where the verb comes last,
# end) when they tell of it. A value in small letters is no name: "lives in a boat", "lives in fear".
NAMELIKE = r"(?P<value>[\p{Lu}\p{Lt}\p{Lo}].*)"
ONE_OF_A_KIND: tuple[tuple[str, tuple[str, ...]], ...] = (
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
SLOTS = tuple((name, regex.compile(pattern)) for name, patterns in ONE_OF_A_KIND for pattern in patterns)
# "birthday: 3 May", "favourite tea: oolong": whoever writes so has named the slot
NAMED_SLOT = regex.compile(r"(?P<slot>[\p{L}\p{M}\p{N} '-]{2,40})\s*[:\uff1a=\uff1d]\s*(?P<value>[^/].*)")
SEVERAL = regex.compile(r"(?:^|\s)(?:and|und|et|y|e|en|och|i|и|или|or|oder|ou|o)(?:\s|$)|[,;&+、와과]")


def slot(text: str) -> str | None:
    """What `text` tells of, if a person has but one of it: 'home', ':birthday'. None: nobody can know."""
    line = text.rstrip(STATEMENT_ENDS)
    for name, pattern in SLOTS:
        if (found := pattern.fullmatch(line)) and not SEVERAL.search(found["value"]):
            return name
    found = NAMED_SLOT.fullmatch(line)
    return f":{folded(found['slot'])}" if found else None
