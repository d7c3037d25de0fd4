"""Commands about the persona: the operator's file that says who the bot is."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, now, pass_app
from bot.domain.as_json import to_json

if TYPE_CHECKING:
    from bot.domain.prompt import Prompt

file_argument = click.argument(
    "file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group()
def persona() -> None:
    """Who it is: the file that its operator owns."""


@persona.command()
@file_argument
@json_option
@pass_app
def check(app: App, file: Path | None, *, as_json: bool) -> None:
    """Check a persona, and show the whole prompt it makes, for a sample mention."""
    from bot import factory
    from bot.prompt.persona import advice, digest
    from bot.tools.toolbox import Toolbox
    from memory.text import tokens

    settings = app.settings
    found = factory.read_persona(file or settings.persona_file)
    prompt = sample_prompt(found.text(), settings.prompt_tokens, settings.block_tokens)
    tools = tokens(json.dumps([to_json(spec) for spec in Toolbox.specs]))
    costs = [tokens(str(section)) for section in prompt.sections]
    head = {"name": found.name, "version": found.version, "digest": digest(found.text())}
    if as_json:
        sections = [
            {**to_json(section), "tokens": cost} for section, cost in zip(prompt.sections, costs, strict=True)
        ]
        counts = {"tools_tokens": tools, "tokens": sum(costs) + tools, "allowed": settings.prompt_tokens}
        output.print_json({**head, "advice": advice(found), "sections": sections, **counts})
        return
    page = output.Page()
    page.pairs([*head.items(), ("languages", ", ".join(found.languages) or "any")])
    for section, cost in zip(prompt.sections, costs, strict=True):
        page.heading(f"# {section.name}", f"{section.trust}: {section.source} · {cost:,} tokens")
        page.prose(section.text, 0)
    page.heading("Tokens")
    rows = [(section.name, f"{cost:,}") for section, cost in zip(prompt.sections, costs, strict=True)]
    total = ("in all", f"{sum(costs) + tools:,} (the prompt may have {settings.prompt_tokens:,})")
    page.pairs([*rows, ("The tools' descriptions", f"{tools:,}"), total])
    for text in advice(found):
        output.message(f"Advice: {text}.")


@persona.command()
@file_argument
@json_option
@pass_app
def show(app: App, file: Path | None, *, as_json: bool) -> None:
    """The persona in use, as a prompt has it."""
    from bot import factory
    from bot.prompt.persona import digest

    path = file or app.settings.persona_file
    found = factory.read_persona(path)
    if as_json:
        output.print_json(
            {**to_json(found), "digest": digest(found.text()), "file": str(path) if path else None}
        )
        return
    output.message(f"{path or 'the persona that ships'} · {digest(found.text())}")
    output.Page().prose(found.text(), 0)


def sample_prompt(persona: str, total: int, block_tokens: int) -> Prompt:
    """Return the prompt of a sample mention."""
    from bot.domain.embeds import Embeds, Media
    from bot.domain.mention import Mention, Reason, StrongRef
    from bot.domain.prompt import ThreadPost
    from bot.prompt.compose import compose
    from memory.model import Note, Person, Receipt
    from memory.recollection import Recollection, render

    at, did, bot = now(), "did:plc:samplesamplesamplesample", "at://did:plc:bot/app.bsky.feed.post/3l1"
    ref = StrongRef(f"at://{did}/app.bsky.feed.post/3l2", "bafysample")
    met = at - timedelta(days=40)
    person = Person(did, "iris.example.org", met, at, met)
    facts = ("lives in Lisbon", "has a dog called Biscuit, who is afraid of the vacuum cleaner")
    notes = tuple(
        Note(number, did, fact, Receipt(f"{ref.uri}{number}", ref.cid, did, met), met)
        for number, fact in enumerate(facts, 1)
    )
    text = "she slept next to it today. proof attached. is this growth or is she just old?"
    parent = StrongRef(bot, "bafybot")
    mention = Mention(ref, did, Reason.REPLY, text, parent, parent, at - timedelta(minutes=2), ("en",))
    picture = Media(did, "bafyimage", "image/jpeg", "A brown dog asleep against a vacuum cleaner", 90_000)
    thread = (ThreadPost("scrubjay", "How is Biscuit?", by_bot=True, uri=bot, at=at - timedelta(hours=3)),)
    return compose(
        persona,
        Recollection(person, notes, render(notes, block_tokens)),
        thread,
        mention,
        at,
        post=ThreadPost("iris.example.org", text, by_asker=True, uri=ref.uri, embeds=Embeds((picture,))),
        total=total,
    )
