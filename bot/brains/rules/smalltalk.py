"""Recognises small talk, and posts with nothing to answer. Pure.

To answer one more kind of small talk, add it to PATTERNS, and its answers to `wording.ANSWERS`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.statements import tidy

if TYPE_CHECKING:
    from collections.abc import Mapping


class SmallTalk(StrEnum):
    """A kind of small talk, or of remark about the bot."""

    FORGET_ALL = "forget all"
    NEVER_MIND = "never mind"
    HELP = "help"
    WHO = "who"
    HOW = "how"
    HELLO = "hello"
    THANKS = "thanks"
    BYE = "bye"
    FOND = "fond"
    CROSS = "cross"
    GLAD = "glad"
    SORRY = "sorry"
    LOSS = "loss"


BIRD = r"(?: (?:there|jay|scrub ?jay|birdie|bird|friend|again|everyone|all|now|then|little bird))*"
VERY = r"(?: (?:so|very|really|a bit|a little|just|pretty|quite|kind of|doing|an?))*"
FEEL = rf"(?:i'?m|i am|i feel|feeling){VERY}"
YOU_ARE = rf"(?:you're|you are|ur){VERY}(?: .+)?"
PRAISE = (
    r"(?:great|cute|lovely|sweet|nice|adorable|awesome|amazing|kind|the best|clever|smart|funny|cool|good"
    r"|wonderful)"
)
BLAME = r"(?:stupid|dumb|useless|wrong|annoying|bad|terrible|awful|creepy|idiot|boring|liar|rude|moron)"
DEAR = (
    r"(?:mum|mom|mother|dad|father|wife|husband|dog|cat|gran\p{L}*|brother|sister|son|daughter|friend|partner"
    r"|job)"
)
LOW = (
    r"(?:tired|sad|ill|sick|lonely|bored|down|exhausted|stressed|unhappy|scared|worried|anxious|upset|angry"
    r"|hungry|cold|lost|heartbroken|depressed|sleepy|awful|terrible|not (?:well|ok|okay|good))"
)
HIGH = r"(?:fine|good|great|well|ok|okay|happy|excited|glad|better|proud)"
SELF = r"(?:bot|human|person|ai|robot|real|alive|bird|llm|chatgpt|machine)"

PATTERNS: Mapping[SmallTalk, tuple[str, ...]] = {
    SmallTalk.NEVER_MIND: (r"never ?mind", "nvm", r"forget (?:about )?it"),
    SmallTalk.HELP: (
        r"help(?: me)?",
        r"what (?:can|do) you do",
        r"how do(?:es)? (?:you|this) work",
        r"what are you for",
        r"how can i use you",
        r"what can i (?:ask|tell|say to) you",
        r"commands?",
    ),
    SmallTalk.WHO: (
        r"(?:who|what) are you",
        r"what(?:'s| is) your name",
        r"do you have a name",
        rf"are you (?:an? )?(?:real |actual )?{SELF}(?: or .+)?",
        r"introduce yourself",
        r"tell me about (?:you|yourself)",
    ),
    SmallTalk.HOW: (
        r"how are you(?: doing| today| feeling)*",
        r"how's it going",
        r"how do you do",
        r"what's up|sup",
        r"(?:are )?you (?:ok|okay|alright)",
    ),
    SmallTalk.HELLO: (
        rf"(?:hi|hello|hey|hiya|howdy|yo|greetings|(?:good )?morning|g'day){BIRD}",
        rf"good (?:evening|afternoon|day){BIRD}",
        r"(?:nice|good|lovely) to (?:meet|see) you(?: too)?",
    ),
    SmallTalk.THANKS: (
        (
            r"(?:oh |ok |okay |great |cool |wow )?(?:many |so )?"
            r"(?:thanks|thank you|thx|ty|cheers|tysm|much appreciated)"
            rf"(?: (?:so much|a lot|very much|for .+))*{BIRD}"
        ),
    ),
    SmallTalk.BYE: (
        rf"(?:ok |okay )?(?:bye(?: bye)?|goodbye|good ?night|farewell|later|take care|ciao){BIRD}",
        r"see (?:you|ya)(?: .+)?",
        r"talk (?:to you )?(?:soon|later)",
        r"gotta go|sleep well",
        r"have a (?:good|nice|great|lovely) .+",
    ),
    SmallTalk.FOND: (
        r"i (?:really )?(?:love|like|adore) (?:you|u)(?: .+)?",
        rf"{YOU_ARE} {PRAISE}(?: .+)?",
        r"good (?:bot|bird|jay|boy|job|birb)|well done|best bot",
    ),
    SmallTalk.CROSS: (
        r"bad (?:bot|bird)",
        r"i hate (?:you|u)(?: .+)?",
        rf"{YOU_ARE} {BLAME}(?: .+)?",
        r"that's (?:wrong|not (?:true|right))|wrong",
    ),
    SmallTalk.LOSS: (
        r"(?:(?:today|yesterday|sadly|unfortunately),? )?my .+ (?:(?:has )?(?:died|passed)|is dead).*",
        rf"i (?:just |recently )?lost my {DEAR}.*",
    ),
    SmallTalk.SORRY: (rf"{FEEL} {LOW}(?: .+)?",),
    SmallTalk.GLAD: (rf"{FEEL} {HIGH}(?: .+)?", rf"{HIGH}(?: thanks| thank you)", "not bad|all good"),
}
COMPILED = tuple((talk, regex.compile("|".join(ways), regex.IGNORECASE)) for talk, ways in PATTERNS.items())
LEADING_WORDS = regex.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|and|well|oh|aw+|no|yes)[,!]?\s+)+", regex.IGNORECASE
)


def small_talk(clause: str) -> SmallTalk | None:
    bare = tidy(clause)
    for text in (bare, LEADING_WORDS.sub("", bare)):
        for talk, pattern in COMPILED:
            if pattern.fullmatch(text):
                return talk
    return None


# --- noise ---------------------------------------------------------------------------------------

NOISE = frozenset({
    "ok", "okay", "k", "kk", "lol", "lmao", "rofl", "haha", "ha", "heh", "hehe", "nice", "cool",
    "yes", "no", "yep", "yeah", "yup", "nope", "sure", "hm", "hmm", "mm", "mhm", "wow", "same",
    "true", "this", "great", "good", "right", "fair", "oh", "ah", "aha", "ooh", "aw", "aww", "yay",
    "omg", "wtf", "xd", "indeed", "exactly", "agreed", "whatever", "idk", "ikr", "fr", "bruh",
    "based", "neat", "perfect", "alright", "and", "but", "so", "ya", "da", "got", "it", "i", "see",
    "understood", "noted", "first", "test", "ping", "very", "too", "of", "course", "cute", "sweet",
    "amazing", "awesome", "lovely",
})  # fmt: skip
MAX_NOISE_WORDS = 4
LATIN = regex.compile(r"\p{Latin}")
LETTER = regex.compile(r"\p{L}")


def is_noise(text: str) -> bool:
    """Whether a post has nothing to answer: no words, or only words like 'ok', 'lol' or 'niiice'."""
    words = regex.findall(r"[\p{L}\p{M}\p{N}']+", text.casefold())
    short = [
        regex.sub(
            r"(.)\1{2,}",
            r"\1",
            regex.sub(
                r"^(?:ha|he|lo){2,}h?l?$",
                "haha",
                word,
            ),
        )
        for word in words
    ]
    return len(short) <= MAX_NOISE_WORDS and all(word in NOISE for word in short)


def is_foreign(text: str) -> bool:
    """Whether most letters are not Latin."""
    letters = LETTER.findall(text)
    return sum(bool(LATIN.match(letter)) for letter in letters) * 2 < len(letters)
