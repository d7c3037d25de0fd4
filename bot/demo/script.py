"""What the people of the demo say, and what should come of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.mention import State

BOT = "@jay.test"


@dataclass(frozen=True, slots=True)
class Beat:
    """One post of one person.

    `to` names the beat whose answer it replies to, `under` the beat whose own post it replies to, `quote`
    the beat whose answer it quotes. `says` are words that the answer must hold, `without` words it must not;
    `parts` is how many posts it takes at least.
    """

    name: str
    who: str
    text: str
    expect: State = State.ANSWERED
    to: str | None = None
    under: str | None = None
    quote: str | None = None
    says: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    parts: int = 1
    deleted_at_once: bool = False
    addressed: bool = True


# Each person's beats are said in order; the people talk at the same time.
BEATS = (
    Beat("hello", "ana", f"{BOT} Hi! I'm a marine biologist and I live in Lisbon."),
    Beat("cat", "ana", "My cat is called Miso 🐈 and I love sardines.", to="hello"),
    Beat("moved", "ana", "Actually I live in Porto now.", to="cat"),
    Beat(
        "known",
        "ana",
        "What do you know about me?",
        to="moved",
        says=("Porto", "Miso", "sardines"),
        without=("Lisbon", "Biscuit"),
    ),
    Beat("dog", "ben", f"{BOT} good evening! My dog is called Biscuit 🐕"),
    Beat("ask", "ben", "What is my dog's name?", to="dog", says=("Biscuit",)),
    Beat("thumb", "ben", "👍", State.SILENT, to="ask"),
    Beat("oops", "ben", f"{BOT} I hate everyth", State.DECLINED, deleted_at_once=True),
    Beat("thread", "carol", "A thread about the oaks of Ghent. First: they are old.", addressed=False),
    Beat("reply", "carol", f"{BOT} I'm from Ghent and I like old oaks.", under="thread"),
    Beat("quote", "carol", "This bird listens! My favourite colour is green.", quote="reply"),
    Beat("colour", "carol", "What's my favourite colour?", to="quote", says=("green",), without=("Miso",)),
    Beat("nobody", "dave", f"{BOT} What do you know about me?", without=("Miso", "Biscuit", "oaks")),
    Beat("stop", "dave", f"{BOT} stop", State.DECLINED),
    Beat("after", "dave", f"{BOT} are you still there?", State.DECLINED),
    Beat("secret", "eve", f"{BOT} I'm a spy and I live in Rome."),
    Beat("forget", "eve", "forget me", to="secret"),
    Beat("gone", "eve", f"{BOT} What do you know about me?", without=("Rome", "spy")),
    Beat("robot", "robo", f"{BOT} BEEP. I am a robot. Let us talk for ever.", State.DECLINED),
    *(
        Beat(f"tell{number}", "finn", f"{BOT} {text}")
        for number, text in enumerate(
            (
                "I play the double bass in a small jazz trio. My boat is called The Unsinkable Second.",
                "I live in a lighthouse at the end of a very long and windy road in the north of Denmark.",
                "My favourite book is The Rings of Saturn. I love rye bread with far too much salted butter.",
                "I work as a keeper of birds on an island. I hate leaf blowers on a quiet Sunday morning.",
                "My favourite season is the very last week of a long and snowy winter.",
            )
        )
    ),
    Beat("long", "finn", "What do you know about me?", to="tell4", says=("lighthouse", "butter"), parts=2),
)
LABELLED = frozenset({"robo"})
