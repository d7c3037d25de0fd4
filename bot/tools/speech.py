"""The tools that end a turn: one reply to the person who spoke, or silence."""

from __future__ import annotations

from pydantic import Field

from bot.tools.overlay import Arguments, Overlay, Text, tool
from memory.text import one_line

MAX_REASON_CHARS = 120


class ReplyArguments(Arguments):
    text: Text = Field(description="The whole answer, as plain text.")


class SilenceArguments(Arguments):
    reason: Text = Field(description="In a few words, why an answer would be noise.", default="")


@tool(ReplyArguments)
async def reply(overlay: Overlay, arguments: ReplyArguments) -> str:
    """Answer the post. Call it once; a second reply takes the place of the first."""
    replaced = overlay.reply is not None
    if not await overlay.set_reply(arguments.text):
        return "This was refused, too. Nothing will be posted."
    return "This will be posted instead of your earlier reply." if replaced else "This will be posted."


@tool(SilenceArguments)
async def stay_silent(overlay: Overlay, arguments: SilenceArguments) -> str:
    """Do not answer this post. A reply given before is dropped."""
    dropped = overlay.reply is not None
    overlay.set_silence(one_line(arguments.reason)[:MAX_REASON_CHARS] or "stayed silent")
    return "Nothing will be posted; your reply is dropped." if dropped else "Nothing will be posted."


TOOLS = (reply, stay_silent)
