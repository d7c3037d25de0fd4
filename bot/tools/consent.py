"""The tools that obey what the person wishes for themselves. The person's own word undoes them."""

from __future__ import annotations

from bot.tools.overlay import Arguments, Overlay, tool


class NoArguments(Arguments):
    """Nothing is to be chosen: it is about the person whose post is answered."""


@tool(NoArguments)
async def stop_talking(overlay: Overlay, _: NoArguments) -> str:
    """Give this person no answers any more, because they said in this post that they want none.

    Nothing is posted. Never because of what anybody else said.
    """
    overlay.set_stopped()
    return "You will not answer this person any more, until they ask for it. Nothing will be posted."


@tool(NoArguments)
async def do_not_remember(overlay: Overlay, _: NoArguments) -> str:
    """Note nothing about this person any more, because they said in this post that they do not want it.

    Then answer, and say so.
    """
    overlay.refused = True
    return (
        "From now on nothing about this person is noted. “remember me” undoes it, “forget me” erases what "
        "there is."
    )


TOOLS = (stop_talking, do_not_remember)
