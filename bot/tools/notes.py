"""The tools of memory: notes about the person it talks to. No other person's notes can be reached."""

from __future__ import annotations

from pydantic import Field

from bot.errors import ToolRefused
from bot.prompt.compose import quote_lines
from bot.tools.overlay import Arguments, Overlay, Text, tool
from memory.identifiers import parse_note_name
from memory.model import Forget, Remember, Revise
from memory.recollection import Item


class RememberArguments(Arguments):
    text: Text = Field(description='One fact in the third person, for example "lives in Lisbon".')


class ReviseArguments(Arguments):
    note: str | int = Field(description="The note's name as shown, for example n12.")
    text: Text = Field(description="What is so now, in the third person.")


class ForgetArguments(Arguments):
    note: str | int = Field(description="The note's name as shown, for example n12.")


class RecallArguments(Arguments):
    query: Text = Field(description="A few words to search for.")


@tool(RememberArguments)
async def remember(overlay: Overlay, arguments: RememberArguments) -> str:
    """Keep one lasting fact that the person told about themselves in this post."""
    await overlay.check_note(arguments.text)
    note = overlay.edit(Remember(arguments.text))
    assert note is not None
    if note.id > 0:
        return f"{note.name} already says so; this post is now one more receipt of it."
    if note.replaces is not None:
        return f"Kept as {note.name}, in place of n{note.replaces}, which it contradicts."
    return f"Kept as {note.name}."


@tool(ReviseArguments)
async def revise(overlay: Overlay, arguments: ReviseArguments) -> str:
    """Correct a note: it is no longer so, and the new text takes its place. Its history is kept."""
    await overlay.check_note(arguments.text)
    note = overlay.edit(Revise(parse_note_name(arguments.note), arguments.text))
    assert note is not None
    return f"Revised; it is now {note.name}."


@tool(ForgetArguments)
async def forget(overlay: Overlay, arguments: ForgetArguments) -> str:
    """Erase a note and its history, because the person asked for it."""
    overlay.edit(Forget(parse_note_name(arguments.note)))
    return "Erased."


@tool(RecallArguments)
async def recall(overlay: Overlay, arguments: RecallArguments) -> str:
    """Search all that this person and you said, and every note about them, oldest first.

    Each line has its name and its date. What was said later holds.
    """
    if not arguments.query:
        raise ToolRefused("the query is empty. Give a few words to search for.")
    found = await overlay.recall(arguments.query)
    return (
        quote_lines("\n".join(Item.of_passage(one).line for one in found))
        if found
        else "Nothing was said about that."
    )


TOOLS = (remember, revise, forget, recall)
