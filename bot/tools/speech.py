"""What the bot says: one reply to the person who spoke, or nothing."""

from __future__ import annotations

from pydantic import Field

from bot.tools.overlay import Arguments, Overlay, Text, tool
from memory.text import one_line

WHY_CHARS = 120


class Reply(Arguments):
    text: Text = Field(description="The whole answer, as plain text.")


class Silence(Arguments):
    reason: Text = Field(description="In a few words, why an answer would be noise.", default="")


@tool(Reply)
async def reply(turn: Overlay, arguments: Reply) -> str:
    """Answer the post. Call it once; a second reply takes the place of the first."""
    again = turn.reply is not None
    turn.say(arguments.text)
    return "This will be posted instead of your earlier reply." if again else "This will be posted."


@tool(Silence)
async def stay_silent(turn: Overlay, arguments: Silence) -> str:
    """Do not answer this post. A reply given before is dropped."""
    dropped = turn.reply is not None
    turn.stay_silent(one_line(arguments.reason)[:WHY_CHARS] or "stayed silent")
    return "Nothing will be posted; your reply is dropped." if dropped else "Nothing will be posted."


TOOLS = (reply, stay_silent)
