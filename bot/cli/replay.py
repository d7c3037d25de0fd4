"""The command that asks a brain again about stored turns. Nothing is posted or remembered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, now, pass_app
from bot.cli.turn import brain_name, find_turns, format_cost, format_edit, reply_text
from bot.domain.as_json import turn_json
from bot.errors import NotFound

if TYPE_CHECKING:
    from bot.config.settings import Settings
    from bot.domain.turn import TurnRecord
    from bot.ports import Brain
    from bot.worker.replay import Replay
    from memory.model import Note

AGO = re.compile(r"(\d{1,4})([dh])")


class DateType(click.ParamType[datetime]):
    """A date, a time, or how long ago: 2026-11-01, 2026-11-01T12:00, 7d, 12h."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if span := AGO.fullmatch(value):
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
@click.option("--all-since", "since", type=DateType(), help="Every kept turn since a date, or 7d, 12h.")
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
    replays = asyncio.run(_replay_all(app.settings, turns, persona, brain, model))
    if as_json:
        output.print_json(
            _document(replays[0]) if uri else {"turns": list(map(_document, replays)), **_totals(replays)}
        )
    else:
        _print_replays(replays, whole=uri is not None, erased=erased)


def _turns(
    app: App, uri: str | None, since: datetime | None, limit: int
) -> tuple[list[tuple[TurnRecord, tuple[Note, ...]]], int]:
    """Return the last turn about each mention with the notes of that time, and how many turns were erased."""
    from bot.storage import turns
    from bot.worker.replay import notes_of_turn

    with app.database.read() as tx:
        kept = (
            find_turns(tx, app.uri(tx, uri))[0][::-1] if uri else turns.latest(tx, since=since, limit=limit)
        )
        newest = list({turn.uri: turn for turn in reversed(kept)}.values())[::-1]
        readable = [(turn, notes_of_turn(tx, app.memory, turn.told)) for turn in newest if turn.told]
    if since and len(kept) == limit:
        output.message(f"Only the last {limit} turns are looked at: -n asks for more.")
    if uri and not readable:
        raise NotFound(f"prompt of the turn over {uri} any more: its words were erased.")
    return readable, len(newest) - len(readable)


async def _replay_all(
    settings: Settings,
    turns: list[tuple[TurnRecord, tuple[Note, ...]]],
    persona: str | None,
    brain: str | None,
    model: str | None,
) -> list[Replay]:
    """Replay the turns one after the other, because of providers' limits. Each brain is made once."""
    from bot import clock, factory
    from bot.worker.replay import replay as replay_turn

    def brain_for(turn: TurnRecord) -> str:
        """Return the brain for this turn: one that asks a model, if a model is given."""
        return brain or (turn.brain if not model or turn.brain in factory.BRAIN_OPTIONS else "model")

    time_limit = timedelta(seconds=settings.brain_timeout)
    model_settings = {"model": model, "letta_model": model} if model else {}
    brains: dict[str, Brain] = {}
    try:
        for named in {brain_for(turn) for turn, _ in turns}:
            brains[named] = factory.make_brain(settings.model_copy(update={"brain": named, **model_settings}))
            await factory.start_brain(brains[named])
        return [
            await replay_turn(turn, notes, brains[brain_for(turn)], clock.now, time_limit, persona)
            for turn, notes in turns
        ]
    finally:
        for asked in brains.values():
            await asked.close()


# --- side by side --------------------------------------------------------------------------------


def _print_replays(replays: list[Replay], *, whole: bool, erased: int) -> None:
    page = output.Page()
    for replayed in replays:
        asked = replayed.then.told.mention.text if replayed.then.told else ""
        page.card(
            [
                "changed" if replayed.changed else "same",
                output.format_time(replayed.then.at),
                replayed.then.uri,
            ],
            [asked],
        )
        page.table(("", "then", "now"), _rows(replayed), fold=("then", "now"))
        page.prose("", 0)
    page.heading("Alike for both")
    page.prose(
        "\n".join(replays[0].same) if whole else "of each turn: what was sent, but for what stands below"
    )
    page.heading("Not alike")
    page.prose("\n".join(dict.fromkeys(line for replayed in replays for line in replayed.differs)))
    if not whole:
        total = _totals(replays)
        page.heading(f"{total['changed']} of {len(replays)} came out differently")
        page.prose(f"then {_sum(total['then'])}\nnow  {_sum(total['now'])}")
        if erased:
            page.prose(f"{erased} more were erased since and cannot be thought again.")


def _rows(replayed: Replay) -> list[tuple[str, str, str]]:
    rows = [
        (name, tell(replayed.then), tell(replayed.now))
        for name, tell in (
            ("brain", brain_name),
            ("persona", lambda turn: turn.persona),
            ("outcome", lambda turn: turn.outcome),
            ("tokens", lambda turn: f"{turn.tokens_in:,} in, {turn.tokens_out:,} out"),
            ("cost", lambda turn: format_cost(turn.cost)),
            ("took", lambda turn: f"{turn.took_ms / 1000:.2f} s"),
            ("calls", lambda turn: ", ".join(call.name for call in turn.calls)),
            ("edits", lambda turn: "; ".join(map(format_edit, turn.edits))),
            ("says", reply_text),
        )
    ]
    return [row for row in rows if any(row[1:])]


def _document(replayed: Replay) -> dict[str, Any]:
    return {
        "uri": replayed.then.uri,
        "changed": replayed.changed,
        "same": replayed.same,
        "differs": replayed.differs,
        "then": turn_json(replayed.then),
        "now": turn_json(replayed.now),
    }


def _totals(replays: list[Replay]) -> dict[str, Any]:
    def total(turns: list[TurnRecord]) -> dict[str, int | None]:
        known = [turn.cost for turn in turns if turn.cost is not None]
        return {
            "tokens_in": sum(turn.tokens_in for turn in turns),
            "tokens_out": sum(turn.tokens_out for turn in turns),
            "cost": sum(known) if len(known) == len(turns) else None,
        }

    return {
        "changed": sum(replayed.changed for replayed in replays),
        "then": total([replayed.then for replayed in replays]),
        "now": total([replayed.now for replayed in replays]),
    }


def _sum(total: dict[str, int]) -> str:
    used = f"{total['tokens_in']:,} tokens in, {total['tokens_out']:,} out"
    return " · ".join(filter(None, (used, format_cost(total["cost"]))))
