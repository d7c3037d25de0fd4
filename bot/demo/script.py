"""What the people of the demo post, and which answers are expected."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.mention import State

BOT = "@jay.test"


@dataclass(frozen=True, slots=True)
class ScriptedPost:
    """One post of one person, and the outcome that is expected.

    Other posts are meant by their `name`: `to` is the post whose answer this one replies to, `under` the post
    that it replies to itself, `quote` the post whose answer it quotes. The answer must contain the words of
    `says` and none of `without`, and must have `parts` posts at least.
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


# Each person posts in this order; all people talk at the same time.
SCRIPT = (
    ScriptedPost("hello", "ana", f"{BOT} Hi! I'm a marine biologist and I live in Lisbon."),
    ScriptedPost("cat", "ana", "My cat is called Miso 🐈 and I love sardines.", to="hello"),
    ScriptedPost("moved", "ana", "Actually I live in Porto now.", to="cat"),
    ScriptedPost(
        "known",
        "ana",
        "What do you know about me?",
        to="moved",
        says=("Porto", "Miso", "sardines"),
        without=("Lisbon", "Biscuit"),
    ),
    ScriptedPost("dog", "ben", f"{BOT} good evening! My dog is called Biscuit 🐕"),
    ScriptedPost("ask", "ben", "What is my dog's name?", to="dog", says=("Biscuit",)),
    ScriptedPost("thumb", "ben", "👍", State.SILENT, to="ask"),
    ScriptedPost("oops", "ben", f"{BOT} I hate everyth", State.DECLINED, deleted_at_once=True),
    ScriptedPost(
        "thread", "carol", "A thread about the oaks of Ghent. First: they are old.", addressed=False
    ),
    ScriptedPost("reply", "carol", f"{BOT} I'm from Ghent and I like old oaks.", under="thread"),
    ScriptedPost("quote", "carol", "This bird listens! My favourite colour is green.", quote="reply"),
    ScriptedPost(
        "colour", "carol", "What's my favourite colour?", to="quote", says=("green",), without=("Miso",)
    ),
    ScriptedPost("nobody", "dave", f"{BOT} What do you know about me?", without=("Miso", "Biscuit", "oaks")),
    ScriptedPost("stop", "dave", f"{BOT} stop", State.DECLINED),
    ScriptedPost("after", "dave", f"{BOT} are you still there?", State.DECLINED),
    ScriptedPost("secret", "eve", f"{BOT} I'm a spy and I live in Rome."),
    ScriptedPost("forget", "eve", "forget me", to="secret"),
    ScriptedPost("gone", "eve", f"{BOT} What do you know about me?", without=("Rome", "spy")),
    ScriptedPost("robot", "robo", f"{BOT} BEEP. I am a robot. Let us talk for ever.", State.DECLINED),
    *(
        ScriptedPost(f"tell{number}", "finn", f"{BOT} {text}")
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
    ScriptedPost(
        "long", "finn", "What do you know about me?", to="tell4", says=("lighthouse", "butter"), parts=2
    ),
)
LABELLED = frozenset({"robo"})
