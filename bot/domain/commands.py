"""The notice that the first reply to a person carries. Pure."""

from __future__ import annotations

NOTICE = (
    "(I'm a bot, and I remember what people tell me about themselves. "
    "Write “stop” and I'll leave you alone, “forget me” and I'll erase it all.)"
)


def introduce(reply: str, notice: str = NOTICE) -> str:
    """The first reply to a person, with the notice that they talk to a bot."""
    return f"{reply}\n\n{notice}" if notice else reply
