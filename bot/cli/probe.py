"""The command that asks the brain about its own notes. Nothing is posted or remembered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.context import App, json_option, now, pass_app
from bot.domain.probing import Side

if TYPE_CHECKING:
    from bot.worker.probe import Probe
    from memory.model import Note
    from memory.recollection import Recollection


@click.command()
@click.argument("who")
@click.option("-n", "count", type=click.IntRange(1, 60), default=5, show_default=True, help="Notes at most.")
@click.option("--brain", help="Another brain than the settings name: letta, model or rules.")
@json_option
@pass_app
def probe(app: App, who: str, count: int, brain: str | None, *, as_json: bool) -> None:
    """Ask the brain for each note about a person from three sides, and tell contradictions.

    The newest notes come first. A note takes three calls of the brain; nothing is posted or remembered. The
    exit code is 1 if an answer contradicts another one.
    """
    import asyncio

    from bot.domain.consent import may_remember
    from bot.storage import consent
    from memory.recollection import reviewed

    with app.database.read() as tx:
        did = app.did(tx, who)
        if app.memory.denials.get(tx, did).inference:
            raise click.ClickException("This person declared that no model may be shown their words.")
        if not may_remember(app.settings.consent, consent.memory_wish(tx, did)):
            raise click.ClickException("This person is not to be remembered: no prompt shows their notes.")
        known = reviewed(app.memory.recall(tx, did), app.memory.block_tokens)
    notes = sorted(known.notes, key=lambda note: note.written_at, reverse=True)[:count]
    if not notes:
        output.message("There is no note about this person that a prompt may show.")
        return
    probes = asyncio.run(_probe(app, known, notes, brain))
    if as_json:
        output.print_json([_document(one) for one in probes])
    else:
        _print(probes)
    if any(one.contradicts for one in probes):
        raise click.exceptions.Exit(1)


async def _probe(app: App, known: Recollection, notes: list[Note], brain: str | None) -> list[Probe]:
    from bot import factory
    from bot.worker.probe import Prober

    settings = app.settings if brain is None else app.settings.model_copy(update={"brain": brain})
    persona = factory.read_persona(settings.persona_file).text()
    asked = factory.make_brain(settings)
    limit = timedelta(seconds=settings.brain_timeout)
    try:
        await factory.start_brain(asked)
        prober = Prober(asked, persona, known, settings.memory_limits, now(), limit)
        return [await prober.probe(note) for note in notes]
    finally:
        await asked.close()


def _print(probes: list[Probe]) -> None:
    page = output.Page()
    for one in probes:
        page.heading(one.note.name, one.note.text)
        rows = [(answer.side, answer.verdict, answer.text or answer.error or "") for answer in one.answers]
        page.table(("asked", "it", "said"), rows, fold=("said",))
    wrong = ", ".join(one.note.name for one in probes if one.contradicts)
    asked = f"{len(probes)} {'note' if len(probes) == 1 else 'notes'}, {len(Side) * len(probes)} questions"
    output.message(f"{asked}. {f'Contradictions: {wrong}.' if wrong else 'No contradiction.'}")


def _document(one: Probe) -> dict[str, Any]:
    return {
        "note": one.note.name,
        "text": one.note.text,
        "contradicts": one.contradicts,
        "answers": list(one.answers),
    }
