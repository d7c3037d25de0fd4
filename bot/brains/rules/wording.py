"""The phrases of the rules brain. Pure: the same post gets the same phrases."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.smalltalk import SmallTalk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECOND_PERSON = {
    "is": "are", "has": "have", "does": "do", "goes": "go", "was": "were", "lives": "live", "works": "work",
    "likes": "like", "loves": "love", "hates": "hate", "enjoys": "enjoy", "adores": "adore",
    "dislikes": "dislike", "prefers": "prefer", "plays": "play", "speaks": "speak", "studies": "study",
    "wants": "want", "owns": "own", "knows": "know", "cannot": "cannot", "comes": "come",
}  # fmt: skip
PRONOUNS = {"their": "your", "theirs": "yours", "them": "you", "themselves": "yourself"}

GREETING = (
    "Hello{name}, good to meet you.",
    "Hello{name}! A new face, how nice.",
    "Hello{name}, and welcome. I'm glad you spoke up.",
)
INVITATION = (
    "Tell me something about yourself, and I'll remember it.",
    "Tell me where you live or what you like, and I'll keep it in mind.",
    "Tell me a thing or two about you. Remembering is what I do best.",
)
KEPT = {
    "name": ("{value} it is. I'll remember.", "Lovely to know your name, {value}."),
    "home": ("I'll remember where you live: {value}.", "So you live in {value}. I'll remember that."),
    "thing": (
        "{value} is a fine name. I'll remember your {key}.",
        "Say hello to {value} from me. I'll remember.",
    ),
    "birthday": ("Your birthday is {value}. I'll remember that.",),
}
KEPT_ANY = (
    "I'll remember that {yours}.",
    "I've tucked that away: {yours}.",
    "Safely cached: {yours}.",
)
CHANGED = (
    "Thank you, I've corrected that: {yours}.",
    "I've changed my note. Now it says that {yours}.",
    "Corrected: {yours}.",
)
KNOWN = ("I remember: {yours}.", "Yes, I have that in my cache: {yours}.")
DROPPED = ("Then I had that wrong. I've crossed it out.", "My mistake; I've crossed that out.")
NOTHING_TO_CHANGE = (
    "Good to know. I had nothing noted about that, so nothing needed changing.",
    "Thank you. I hadn't written that down, so there was nothing to correct.",
)
NOT_KEPT = (
    "I couldn't keep {some} for now: I only take in a few things at a time. Tell me again in another post.",
)
NOT_REMEMBERED = (
    "Thank you for telling me. I keep no notes about you, so I won't remember it.",
    "Good to hear. It stays with you: I keep no notes about you.",
)
RECALL = ("Here is what I remember: {list}.", "This is what I have of you: {list}.", "From my cache: {list}.")
RECALL_NOTHING = (
    "Nothing yet. You haven't told me anything about yourself, but I'd like to hear.",
    "So far my cache is empty: you haven't told me anything about yourself yet.",
)
UNKNOWN = (
    "I don't know {name}. Tell me, and I'll remember.",
    "You haven't told me {name} yet. I'd be glad to know.",
    "I'd have to guess {name}, and I'd rather not. Will you tell me?",
)
ERASED = ("Done, that's erased.", "It's gone. I've erased that.", "Erased. I won't bring it up again.")
NOTHING_TO_ERASE = (
    "I had nothing noted about that, so there was nothing to erase.",
    "There was nothing about that in my cache.",
)
MORE_TO_ERASE = ("There is more like it; ask me once more and I'll erase the rest.",)
CANNOT_ANSWER = (
    "I don't know that one. I'm a small bird: I only know what people tell me about themselves.",
    "That's beyond me, I'm afraid. What I can do is remember what you tell me about yourself.",
    "I honestly don't know. Ask me about something you've told me, and I'll do better.",
)
SHORTEST = "I hear you."  # the gate of what is said never refuses it
LISTENING = (
    SHORTEST,
    "I'm listening, though I understand only simple sentences.",
    "Thank you for telling me.",
)
FOREIGN = (
    "I only understand plain English so far, I'm sorry. It's kind of you to write, though.",
    "I'm afraid English is the only language I follow so far. I'm glad you wrote all the same.",
)
ANSWERS: Mapping[SmallTalk, tuple[str, ...]] = {
    SmallTalk.HELLO: (
        "Hello again{name}.",
        "Hello{name}, good to hear from you.",
        "Hello{name}. How are you?",
    ),
    SmallTalk.THANKS: ("You're welcome{name}.", "Any time{name}.", "It was a pleasure."),
    SmallTalk.BYE: ("Take care{name}.", "Goodbye{name}.", "See you{name}."),
    SmallTalk.HELP: (
        (
            "I remember what you tell me about yourself: “I live in Lisbon”, “my dog is called Biscuit”. Ask "
            "“what do you know about me?”, correct me when I'm wrong, or say “forget my dog”."
        ),
    ),
    SmallTalk.WHO: (
        "I'm a bot, a small scrub jay of sorts: I remember what people tell me about themselves.",
        "A bot. Scrub jays remember what they hid and where; I remember what you tell me.",
    ),
    SmallTalk.HOW: (
        "All in order here, as far as a bot can tell. And you{name}?",
        "Well, thank you{name}. And you?",
    ),
    SmallTalk.FOND: ("That's kind of you{name}.", "Thank you{name}. That's a good thing to hear."),
    SmallTalk.CROSS: (
        "I'm sorry. If I have something wrong about you, tell me how it is and I'll correct it.",
        "I'm sorry about that. Tell me what is wrong, and I'll mend it.",
    ),
    SmallTalk.NEVER_MIND: ("No worries.", "All right, never mind."),
    SmallTalk.FORGET_ALL: (
        (
            "If you'd like me to erase everything about you, write just “forget me”. To drop one thing, say "
            "for example “forget my dog”."
        ),
    ),
    SmallTalk.GLAD: ("I'm glad to hear that{name}.", "Good. I'm glad{name}."),
    SmallTalk.LOSS: ("I'm so sorry{name}.", "Oh, I'm so sorry to hear that{name}."),
    SmallTalk.SORRY: (
        "I'm sorry to hear that{name}. I hope it passes soon.",
        "That sounds hard{name}. Be kind to yourself.",
    ),
}


def pick(choices: Sequence[str], seed: str) -> str:
    """Return one of the phrases, the same for the same seed."""
    return choices[zlib.crc32(f"{seed} {choices[0]}".encode(errors="replace")) % len(choices)]


def to_second_person(line: str) -> str:
    """Return a note as it is said to its person: 'has a dog' becomes 'you have a dog'.

    A note with another beginning is quoted.
    """
    words = line.split(" ")
    at = 2 if words[:2] == ["no", "longer"] else 0
    if words[0] == "their":
        return swap_pronouns(line)
    if len(words) <= at or words[at] not in SECOND_PERSON:
        return f"“{line}”"
    return swap_pronouns(" ".join(["you", *words[:at], SECOND_PERSON[words[at]], *words[at + 1 :]]))


def swap_pronouns(text: str) -> str:
    return regex.sub(r"\b(?:their|theirs|them|themselves)\b", lambda word: PRONOUNS[word[0]], text)


def capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def join(parts: Sequence[str]) -> str:
    """Join parts: 'a', 'a, and b', 'a, b, and c'."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f", and {parts[-1]}"
