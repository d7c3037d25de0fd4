"""The commands that people write in plain words, and the texts that the program itself sends. Pure."""

from __future__ import annotations

import re
import unicodedata

from bot.domain.mention import Command

NOTICE = (
    "(I'm a bot, and I remember what people tell me about themselves. "
    "Write “stop” and I'll leave you alone, “forget me” and I'll erase it all.)"
)
ERASED_REPLY = (
    "Done: I've erased everything I remembered about you. What we both posted stays on Bluesky until it is "
    "deleted there. If you talk to me again, we start from nothing."
)


HANDLE = re.compile(r"@[\w.-]+")
HANDLES = re.compile(rf"^\W*?{HANDLE.pattern}|{HANDLE.pattern}\W*$")
MAX_CHARS = 200  # characters; no command is longer
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0f\ufeff]")
FILLER = r"(?:please|pls|plz|hey|hi|ok|okay|now|bot|thanks|thank you|kindly)"
FILLERS = re.compile(rf"^(?:{FILLER}\s+)+|(?:\s+{FILLER})+$")
COMMANDS = {
    Command.STOP: re.compile(
        r"stop(?: it| that| this)?|unsubscribe|opt out|go away|leave me (?:alone|be)"
        r"|(?:stop|quit) (?:replying|responding|answering|talking|writing|posting|messaging|tagging"
        r"|mentioning|bothering|contacting)(?: to| at)?(?: me)?"
        r"|(?:do not|don t|dont|never) (?:reply|respond|answer|talk|write)(?: to)?(?: me)?"
        r"(?: again| any ?more)?"
    ),
    Command.FORGET: re.compile(
        r"(?:forget|erase|delete|remove|wipe) (?:"
        r"me|(?:all )?(?:of )?my (?:data|memory|memories|notes|information)"
        r"|(?:everything|all|all data|what)(?: that)?(?: (?:you know|you have|you ve got|you remember))? "
        r"(?:about|on|of) me)"
    ),
    Command.START: re.compile(
        r"start(?: again)?|resume|unstop|resubscribe"
        r"|start (?:replying|responding|answering|talking)(?: to)?(?: me)?(?: again)?"
        r"|(?:you (?:can|may) )?(?:talk|reply|write|speak|answer)(?: to)? me again"
    ),
}


def parse(text: str) -> Command | None:
    """The command, if the whole text is one. `text` has no mention of the bot.

    `forget me?` and `start?` are questions and no commands. `stop?` is one: stopping harms nobody.
    """
    if len(text) > MAX_CHARS:
        return None
    words = _normalized(text)
    for name, pattern in COMMANDS.items():
        if pattern.fullmatch(words):
            return None if "?" in text and name is not Command.STOP else name
    return None


def _normalized(text: str) -> str:
    """The text in lower case, without punctuation, without handles at its ends, without words of courtesy."""
    plain = HANDLES.sub(" ", INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))
    if HANDLE.search(plain):
        return ""
    words = " ".join(re.findall(r"[^\W_]+", plain.casefold()))
    return FILLERS.sub("", words)
