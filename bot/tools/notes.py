"""What the bot keeps of the person it talks to, one line a fact. Nobody else's notes can be reached."""

from __future__ import annotations

from pydantic import Field

from bot.errors import ToolRefused
from bot.prompt.compose import quote_lines
from bot.tools.overlay import Arguments, Overlay, Text, tool
from memory.identifiers import parse_note_name
from memory.model import Forget, Remember, Revise
from memory.recollection import Item


class Remembered(Arguments):
    text: Text = Field(description='One fact in the third person, for example "lives in Lisbon".')


class Revised(Arguments):
    note: str | int = Field(description="The note's name as shown, for example n12.")
    text: Text = Field(description="What is so now, in the third person.")


class Forgotten(Arguments):
    note: str | int = Field(description="The note's name as shown, for example n12.")


class Query(Arguments):
    query: Text = Field(description="A few words to search for.")


@tool(Remembered)
async def remember(turn: Overlay, arguments: Remembered) -> str:
    """Keep one lasting fact that the person told about themselves in this post."""
    made = turn.edit(Remember(arguments.text))
    assert made is not None
    if made.id > 0:
        return f"{made.name} already says so; this post is now one more receipt of it."
    if made.replaces is not None:
        return f"Kept as {made.name}, in place of n{made.replaces}, which it contradicts."
    return f"Kept as {made.name}."


@tool(Revised)
async def revise(turn: Overlay, arguments: Revised) -> str:
    """Correct a note: it is no longer so, and the new text takes its place. Its history is kept."""
    made = turn.edit(Revise(parse_note_name(arguments.note), arguments.text))
    assert made is not None
    return f"Revised; it is now {made.name}."


@tool(Forgotten)
async def forget(turn: Overlay, arguments: Forgotten) -> str:
    """Erase a note and its history, because the person asked for it."""
    turn.edit(Forget(parse_note_name(arguments.note)))
    return "Erased."


@tool(Query)
async def recall(turn: Overlay, arguments: Query) -> str:
    """Search all that this person and you said, and every note about them, oldest first.

    Each line has its name and its date. What was said later holds.
    """
    if not arguments.query:
        raise ToolRefused("the query is empty. Give a few words to search for.")
    found = await turn.recall(arguments.query)
    return (
        quote_lines("\n".join(Item.of_passage(one).line for one in found))
        if found
        else "Nothing was said about that."
    )


TOOLS = (remember, revise, forget, recall)
