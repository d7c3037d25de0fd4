"""Think again, with nothing posted and nothing remembered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, now, pass_app
from bot.cli.turn import answer, find, money, plain, said, thinker
from bot.errors import NotFound

if TYPE_CHECKING:
    from bot.config.settings import Settings
    from bot.domain.turn import TurnRecord
    from bot.ports import Brain
    from bot.worker.replay import Replay
    from memory.model import Note

SPAN = re.compile(r"(\d{1,4})([dh])")


class When(click.ParamType[datetime]):
    """A date, a time, or how long ago: 2026-11-01, 2026-11-01T12:00, 7d, 12h."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if span := SPAN.fullmatch(value):
            return now() - timedelta(**{"days" if span[2] == "d" else "hours": int(span[1])})
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no date. Examples: 2026-11-01, 7d, 12h.", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command()
@click.argument("uri", metavar="[URI]", required=False)
@click.option(
    "--persona",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With another persona than then.",
)
@click.option("--brain", help="With another brain than then: letta, model or rules.")
@click.option("--model", help="With another model than the settings name.")
@click.option("--all-since", "since", type=When(), help="Every kept turn since a date, or 7d, 12h.")
@limit_option
@json_option
@pass_app
def replay(
    app: App,
    uri: str | None,
    file: Path | None,
    brain: str | None,
    model: str | None,
    since: datetime | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Think again about a mention, from what was told then; nothing is posted or remembered."""
    if (uri is None) == (since is None):
        raise click.UsageError("Name one mention by its URI, or many with --all-since.")
    if brain == "rules" and model:
        raise click.UsageError("The brain `rules` asks no model.")
    turns, erased = _turns(app, uri, since, limit)
    if not turns:
        output.message(f"No turn is kept since then{f', but {erased} without words' if erased else ''}.")
        return
    import asyncio

    from bot import factory

    persona = factory.read_persona(file).text() if file else None
    done = asyncio.run(_think(app.settings, turns, persona, brain, model))
    if as_json:
        output.document(_document(done[0]) if uri else {"turns": list(map(_document, done)), **_totals(done)})
    else:
        _show(done, whole=uri is not None, erased=erased)


def _turns(
    app: App, uri: str | None, since: datetime | None, limit: int
) -> tuple[list[tuple[TurnRecord, tuple[Note, ...]]], int]:
    """The last turn over each mention with the notes known then; and how many were erased."""
    from bot.storage import turns
    from bot.worker.replay import notes_of_turn

    with app.database.read() as tx:
        kept = find(tx, app.uri(tx, uri))[0][::-1] if uri else turns.latest(tx, since=since, limit=limit)
        newest = list({one.uri: one for one in reversed(kept)}.values())[::-1]
        whole = [(one, notes_of_turn(tx, app.memory, one.told)) for one in newest if one.told]
    if since and len(kept) == limit:
        output.message(f"Only the last {limit} turns are looked at: -n asks for more.")
    if uri and not whole:
        raise NotFound(f"prompt of the turn over {uri} any more: its words were erased.")
    return whole, len(newest) - len(whole)


async def _think(
    settings: Settings,
    turns: list[tuple[TurnRecord, tuple[Note, ...]]],
    persona: str | None,
    brain: str | None,
    model: str | None,
) -> list[Replay]:
    """One after the other, so that a provider's limits are not met; each brain is made once."""
    from bot import clock, factory
    from bot.worker.replay import replay as again

    def name(turn: TurnRecord) -> str:
        """A model is asked by a brain that asks one."""
        return brain or (turn.brain if not model or turn.brain in factory.BRAIN_OPTIONS else "model")

    within = timedelta(seconds=settings.brain_timeout)
    chosen = {"model": model, "letta_model": model} if model else {}
    made: dict[str, Brain] = {}
    try:
        for one in {name(turn) for turn, _ in turns}:
            made[one] = factory.make_brain(settings.model_copy(update={"brain": one, **chosen}))
            await factory.start_brain(made[one])
        return [
            await again(turn, notes, made[name(turn)], clock.now, within, persona) for turn, notes in turns
        ]
    finally:
        for asked in made.values():
            await asked.close()


# --- side by side --------------------------------------------------------------------------------


def _show(done: list[Replay], *, whole: bool, erased: int) -> None:
    page = output.Page()
    for one in done:
        asked = one.then.told.mention.text if one.then.told else ""
        page.card(["changed" if one.changed else "same", output.when(one.then.at), one.then.uri], [asked])
        page.table(("", "then", "now"), _rows(one), fold=("then", "now"))
        page.prose("", 0)
    page.heading("Alike for both")
    page.prose("\n".join(done[0].same) if whole else "of each turn: what was sent, but for what stands below")
    page.heading("Not alike")
    page.prose("\n".join(dict.fromkeys(line for one in done for line in one.differs)))
    if not whole:
        total = _totals(done)
        page.heading(f"{total['changed']} of {len(done)} came out differently")
        page.prose(f"then {_sum(total['then'])}\nnow  {_sum(total['now'])}")
        if erased:
            page.prose(f"{erased} more were erased since and cannot be thought again.")


def _rows(one: Replay) -> list[tuple[str, str, str]]:
    rows = [
        (name, tell(one.then), tell(one.now))
        for name, tell in (
            ("brain", thinker),
            ("persona", lambda turn: turn.persona),
            ("outcome", lambda turn: turn.outcome),
            ("tokens", lambda turn: f"{turn.tokens_in:,} in, {turn.tokens_out:,} out"),
            ("cost", lambda turn: money(turn.cost)),
            ("took", lambda turn: f"{turn.took_ms / 1000:.2f} s"),
            ("calls", lambda turn: ", ".join(call.name for call in turn.calls)),
            ("edits", lambda turn: "; ".join(map(said, turn.edits))),
            ("says", answer),
        )
    ]
    return [row for row in rows if any(row[1:])]


def _document(one: Replay) -> dict[str, Any]:
    return {
        "uri": one.then.uri,
        "changed": one.changed,
        "same": one.same,
        "differs": one.differs,
        "then": plain(one.then),
        "now": plain(one.now),
    }


def _totals(done: list[Replay]) -> dict[str, Any]:
    def total(turns: list[TurnRecord]) -> dict[str, int | None]:
        known = [turn.cost for turn in turns if turn.cost is not None]
        return {
            "tokens_in": sum(turn.tokens_in for turn in turns),
            "tokens_out": sum(turn.tokens_out for turn in turns),
            "cost": sum(known) if len(known) == len(turns) else None,
        }

    return {
        "changed": sum(one.changed for one in done),
        "then": total([one.then for one in done]),
        "now": total([one.now for one in done]),
    }


def _sum(total: dict[str, int]) -> str:
    used = f"{total['tokens_in']:,} tokens in, {total['tokens_out']:,} out"
    return " · ".join(filter(None, (used, money(total["cost"]))))
