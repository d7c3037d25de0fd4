"""Commands about turns: what the brain was told, what it did, and what that cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, pass_app, post_link
from bot.domain.as_json import turn_json
from bot.errors import NotFound
from memory.errors import UnknownNote

if TYPE_CHECKING:
    from bot.domain.embeds import Media
    from bot.domain.mention import Entry
    from bot.domain.prompt import Section
    from bot.domain.turn import Call, TurnInput, TurnRecord
    from memory.db import Tx
    from memory.model import Edit, Note

ERASED = "(erased)"
SHOWN_LINES, SHOWN_CHARS = 12, 160  # of a section, of an argument or answer; --full shows all


@click.group()
def turn() -> None:
    """Why it said that: what it was told, did and spent."""


@turn.command("list")
@click.option("--who", metavar="WHO", help="Only about this person.")
@limit_option
@json_option
@pass_app
def list_(app: App, who: str | None, limit: int, *, as_json: bool) -> None:
    """Turns of the brain, the latest first."""
    from bot.storage import turns

    with app.database.read() as tx:
        found = turns.latest(tx, did=app.did(tx, who) if who else None, limit=limit)
        names = {did: app.name(tx, did) for did in {record.did for record in found}}
    if as_json:
        output.print_json([turn_json(record) for record in found])
        return
    page = output.Page()
    for record in found:
        head = [
            record.outcome,
            output.format_time(record.at),
            names[record.did],
            brain_name(record),
            format_spent(record),
        ]
        asked = " ".join(record.told.mention.text.split()) if record.told else ERASED
        page.card(head, filter(None, (asked, f"→ {reply_text(record)}", record.uri)))
    if not found:
        output.message("No turn is kept about this person." if who else "No turn is kept yet.")


@turn.command()
@click.argument("uri", metavar="URI")
@click.option("--full", is_flag=True, help="Every section whole, the persona and the rules too.")
@json_option
@pass_app
def show(app: App, uri: str, *, full: bool, as_json: bool) -> None:
    """Why it said that: URI is the mention, or the bot's answer."""
    with app.database.read() as tx:
        found, entry = find_turns(tx, app.uri(tx, uri))
        who = app.full_name(tx, found[0].did)
        notes = {
            number: _note(app, tx, number) for record in found if record.told for number in record.told.shown
        }
    if as_json:
        output.print_json([turn_json(record) for record in found])
        return
    page = output.Page()
    for number, record in enumerate(found, 1):
        if number > 1:
            page.heading("─" * 78)
        page.pairs(_summary_pairs(record, who, number, len(found), entry if number == len(found) else None))
        if record.told:
            _print_turn(page, record, notes, full=full)
        else:
            page.prose("\nIts words were erased, with the person, the note or the post they came from.", 0)


def find_turns(tx: Tx, uri: str) -> tuple[tuple[TurnRecord, ...], Entry | None]:
    """Return the turns about a mention, and its entry. `uri`: the mention or the answer. Raises NotFound."""
    from bot.storage import turns, views

    try:
        mention = views.post(tx, uri).mention_uri
    except NotFound:
        mention = uri
    found = turns.of_mention(tx, mention)
    try:
        return found, views.entry(tx, mention)
    except NotFound:
        return found, None


def _note(app: App, tx: Tx, number: int) -> Note | None:
    try:
        return app.memory.note(tx, number)
    except UnknownNote:
        return None


def _summary_pairs(
    record: TurnRecord, who: str, number: int, of: int, entry: Entry | None
) -> list[tuple[str, str]]:
    attempt = f", attempt {number} of {of}" if of > 1 else ""
    ended = f"{entry.state}{f': {entry.why}' if entry.why else ''}" if entry else ""
    posted = "\n".join(post_link(part.ref.uri) for part in entry.parts if part.ref) if entry else ""
    return [
        ("mention", record.uri),
        ("link", post_link(record.uri)),
        ("who", who),
        ("when", f"{output.format_time(record.at)}{attempt}"),
        ("brain", brain_name(record)),
        ("persona", record.persona),
        ("spent", format_spent(record)),
        ("outcome", record.outcome),
        ("error", record.error or ""),
        ("became", ended),
        ("posted", posted),
    ]


def _print_turn(page: output.Page, record: TurnRecord, notes: dict[int, Note | None], *, full: bool) -> None:
    turn_input = record.told
    assert turn_input is not None
    from memory.text import tokens

    for section in turn_input.sections:
        page.heading(section.name, f"{section.trust}: {section.source} · {tokens(str(section)):,} tokens")
        page.prose(_shortened(section, full=full))
    if turn_input.images:
        page.heading("Pictures that went along")
    for image in turn_input.images:
        page.prose(_picture(turn_input, image))
    if turn_input.shown:
        page.heading("Where those notes come from")
    for number in turn_input.shown:
        page.prose(_receipt(number, notes[number]))
    if record.calls:
        page.heading("What it did", "1 call" if len(record.calls) == 1 else f"{len(record.calls)} calls")
    for call in record.calls:
        page.prose(_call(call, full=full))
    page.heading("What it said")
    page.prose(reply_text(record))
    if record.edits:
        page.heading("What it wants to remember")
    for edit in record.edits:
        page.prose(format_edit(edit))


def _shortened(section: Section, *, full: bool) -> str:
    lines = section.text.split("\n")
    keep = len(lines) if full else 0 if section.trust == "operator" else SHOWN_LINES
    more = len(lines) - keep
    return "\n".join([*lines[:keep], *([f"… {more} more lines: --full"] if more > 0 else [])])


def _picture(turn_input: TurnInput, image: Media) -> str:
    from bot.prompt.images import place

    where = place(turn_input.post, turn_input.thread, image)
    return f"{where} · {image.mime}, {image.size or 0:,} bytes\n{image.cid}"


def _receipt(number: int, note: Note | None) -> str:
    if note is None:
        return f"n{number} was erased since"
    return f"n{number} · said {output.format_time(note.receipt.said_at)}\n{note.receipt.uri}"


def _call(call: Call, *, full: bool) -> str:
    given = (
        call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)
    )
    mark = "→" if call.ok else "✗"
    return f"{call.name} {_cut(given, full=full)}\n  {mark} {_cut(call.answer, full=full)}"


def _cut(text: str, *, full: bool) -> str:
    line = " ".join(text.split())
    return text if full else line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}…"


# --- parts of one line -----------------------------------------------------------------------


def reply_text(record: TurnRecord) -> str:
    if record.reply is not None:
        return record.reply
    return f"(nothing: {record.error or record.why})" if record.error or record.why else ERASED


def brain_name(record: TurnRecord) -> str:
    return " ".join(filter(None, (record.brain, record.model)))


def format_spent(record: TurnRecord) -> str:
    used = (
        f"{record.tokens_in:,} + {record.tokens_out:,} tokens"
        if record.tokens_in or record.tokens_out
        else ""
    )
    return " · ".join(filter(None, (used, format_cost(record.cost), f"{record.took_ms / 1000:.2f} s")))


def format_cost(cost: int | None) -> str:
    """Return the cost, given in millionths of a US dollar; '' for 0."""
    if cost is None:
        return "price unknown"
    return f"${cost / 1_000_000:.4f}" if cost else ""


def format_edit(edit: Edit) -> str:
    number, text = getattr(edit, "note_id", None), getattr(edit, "text", "")
    return " ".join(filter(None, (type(edit).__name__.lower(), f"n{number}" if number else "", text)))
