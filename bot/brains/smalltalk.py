"""Small talk, and what is too little to answer. Pure.

To answer one more kind of small talk, add it to TALK, and its answers to `voice.ANSWERS`.
"""

from __future__ import annotations

from enum import StrEnum

import regex

from bot.brains.statements import tidy


class Talk(StrEnum):
    """Small talk, and what is said about the bot."""

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


TALK = tuple(
    (talk, regex.compile(rf"(?:{pattern})", regex.IGNORECASE))
    for talk, pattern in (
        (Talk.NEVER_MIND, r"never ?mind|nvm|forget (?:about )?it"),
        (
            Talk.HELP,
            (r"help(?: me)?|what (?:can|do) you do|how do(?:es)? (?:you|this) work|what are you for"
            r"|how can i use you"
            r"|what can i (?:ask|tell|say to) you|commands?"),
        ),
        (
            Talk.WHO,
            (r"(?:who|what) are you|what(?:'s| is) your name|are you (?:an? )?(?:real |actual )?(?:bot|human"
            r"|person|ai|robot|real"
            r"|alive|bird|llm|chatgpt|machine)(?: or .+)?|introduce yourself|tell me about (?:you|yourself)"),
        ),
        (Talk.HOW, (r"how are you(?: doing| today| feeling)*|how's it going|how do you do|what's up|sup"
            r"|you (?:ok|okay|alright)")),
        (Talk.HELLO, (r"(?:hi|hello|hey|hiya|howdy|yo|greetings|good (?:morning|evening|afternoon|day)"
            r"|morning|g'day)"
         r"(?: (?:there|jay|scrub ?jay|birdie|bird|friend|again|everyone|little bird))*|(?:nice|good"
         r"|lovely) to (?:meet|see) you(?: too)?")),
        (Talk.THANKS, (r"(?:oh |ok |okay |great |cool |wow )?(?:many |so )?(?:thanks|thank you|thx|ty|cheers"
            r"|tysm|much appreciated)"
         r"(?: (?:so much|a lot|very much|again|jay|bird|for .+|all|friend|little bird))*")),
        (Talk.BYE, (r"(?:ok |okay )?(?:bye(?: bye)?|goodbye|good ?night|see (?:you|ya)(?: .+)?|farewell"
            r"|later|take care|ciao|talk (?:to you )?(?:soon|later)"
         r"|gotta go|sleep well|have a (?:good|nice|great|lovely) .+)(?: (?:jay|bird|friend|now|then"
         r"|everyone))*")),
        (Talk.FOND, (r"(?:i (?:really )?(?:love|like|adore) (?:you|u)(?: .+)?|(?:you're|you are|ur) (?:so "
            r"|very |really )?(?:.+ )?"
         r"(?:great|cute|lovely|sweet|nice|adorable|awesome|amazing|kind|the best|clever|smart|funny|cool"
         r"|good|wonderful)(?: .+)?|good (?:bot|bird|jay|boy|job|birb)|well done|best bot)")),
        (Talk.CROSS, (r"(?:bad (?:bot|bird)|i hate (?:you|u)(?: .+)?|(?:you're|you are|ur) (?:so |very "
            r"|really |an? )*(?:.+ )?"
         r"(?:stupid|dumb|useless|wrong|annoying|bad|terrible|awful|creepy|idiot|boring|liar|rude"
         r"|moron)(?: .+)?|that's (?:wrong|not (?:true|right))|wrong)")),
        (Talk.SORRY, (r"(?:i'?m|i am|i feel|feeling)(?: (?:so|very|really|a bit|a little|just|pretty"
            r"|kind of))* (?:tired|sad|ill|sick|lonely|bored|down"
         r"|exhausted|stressed|unhappy|scared|worried|anxious|upset|angry|hungry|cold|lost|heartbroken"
         r"|depressed|sleepy|awful|terrible|not (?:well|ok|okay|good))(?: .+)?")),
        (Talk.GLAD, (r"(?:i'?m|i am|i feel|feeling)(?: (?:so|very|really|doing|just|pretty|quite))* (?:fine"
            r"|good|great|well|ok|okay|happy|excited|glad|better|proud)(?: .+)?")),
    )
)  # fmt: skip
ADDRESS = regex.compile(r"^(?:(?:hey|hi|hello|ok|okay|so|and|well|oh|aw+|no|yes)[,!]?\s+)+", regex.IGNORECASE)


def small_talk(clause: str) -> Talk | None:
    bare = tidy(clause)
    for text in (bare, ADDRESS.sub("", bare)):
        for talk, pattern in TALK:
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
FEW = 4
LATIN = regex.compile(r"\p{Latin}")
LETTER = regex.compile(r"\p{L}")


def is_noise(text: str) -> bool:
    """Nothing that anyone would answer: no words, or only such as 'ok', 'lol' or 'niiice'."""
    words = regex.findall(r"[\p{L}\p{M}\p{N}']+", text.casefold())
    short = [
        regex.sub(
            r"(.)\1{2,}",
            r"\1",
            regex.sub(
                r"^(?:ha|he"
                r"|lo){2,}h?l?$",
                "haha",
                word,
            ),
        )
        for word in words
    ]
    return len(short) <= FEW and all(word in NOISE for word in short)


def is_foreign(text: str) -> bool:
    """Whether most letters are of another script than English is written in."""
    letters = LETTER.findall(text)
    return sum(bool(LATIN.match(letter)) for letter in letters) * 2 < len(letters)
