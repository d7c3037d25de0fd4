"""The notice that the first reply to a person carries. Pure."""

from __future__ import annotations

NOTICE = (
    "(I'm a bot, and I remember what people tell me about themselves. "
    "Write “stop” and I'll leave you alone, “forget me” and I'll erase it all.)"
)
