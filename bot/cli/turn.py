"""Why it said that: every turn of the brain, as it was kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, link, pass_app
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
        names = {did: app.name(tx, did) for did in {one.did for one in found}}
    if as_json:
        output.document([plain(one) for one in found])
        return
    page = output.Page()
    for one in found:
        head = [one.outcome, output.when(one.at), names[one.did], thinker(one), spent(one)]
        asked = " ".join(one.told.mention.text.split()) if one.told else ERASED
        page.card(head, filter(None, (asked, f"→ {answer(one)}", one.uri)))
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
        found, entry = find(tx, app.uri(tx, uri))
        who = app.full_name(tx, found[0].did)
        notes = {number: _note(app, tx, number) for one in found if one.told for number in one.told.shown}
    if as_json:
        output.document([plain(one) for one in found])
        return
    page = output.Page()
    for number, one in enumerate(found, 1):
        if number > 1:
            page.heading("─" * 78)
        page.pairs(_facts(one, who, number, len(found), entry if number == len(found) else None))
        if one.told:
            _tell(page, one, notes, full=full)
        else:
            page.prose("\nIts words were erased, with the person, the note or the post they came from.", 0)


def find(tx: Tx, uri: str) -> tuple[tuple[TurnRecord, ...], Entry | None]:
    """The turns over a mention, named by itself or by the bot's answer. Raises NotFound."""
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


def _facts(one: TurnRecord, who: str, number: int, of: int, entry: Entry | None) -> list[tuple[str, str]]:
    attempt = f", attempt {number} of {of}" if of > 1 else ""
    fate = f"{entry.state}{f': {entry.why}' if entry.why else ''}" if entry else ""
    posted = "\n".join(link(part.ref.uri) for part in entry.parts if part.ref) if entry else ""
    return [
        ("mention", one.uri),
        ("link", link(one.uri)),
        ("who", who),
        ("when", f"{output.when(one.at)}{attempt}"),
        ("brain", thinker(one)),
        ("persona", one.persona),
        ("spent", spent(one)),
        ("outcome", one.outcome),
        ("error", one.error or ""),
        ("became", fate),
        ("posted", posted),
    ]


def _tell(page: output.Page, one: TurnRecord, notes: dict[int, Note | None], *, full: bool) -> None:
    told = one.told
    assert told is not None
    from memory.model import tokens

    for section in told.sections:
        page.heading(section.name, f"{section.trust}: {section.source} · {tokens(str(section)):,} tokens")
        page.prose(_shortened(section, full=full))
    if told.images:
        page.heading("Pictures that went along")
    for image in told.images:
        page.prose(_picture(told, image))
    if told.shown:
        page.heading("Where those notes come from")
    for number in told.shown:
        page.prose(_receipt(number, notes[number]))
    if one.calls:
        page.heading("What it did", "1 call" if len(one.calls) == 1 else f"{len(one.calls)} calls")
    for call in one.calls:
        page.prose(_call(call, full=full))
    page.heading("What it said")
    page.prose(answer(one))
    if one.edits:
        page.heading("What it wants to remember")
    for edit in one.edits:
        page.prose(said(edit))


def _shortened(section: Section, *, full: bool) -> str:
    lines = section.text.split("\n")
    keep = len(lines) if full else 0 if section.trust == "operator" else SHOWN_LINES
    more = len(lines) - keep
    return "\n".join([*lines[:keep], *([f"… {more} more lines: --full"] if more > 0 else [])])


def _picture(told: TurnInput, image: Media) -> str:
    from bot.prompt.images import place

    where = place(told.post, told.thread, image)
    return f"{where} · {image.mime}, {image.size or 0:,} bytes\n{image.cid}"


def _receipt(number: int, note: Note | None) -> str:
    if note is None:
        return f"n{number} was erased since"
    return f"n{number} · said {output.when(note.receipt.said_at)}\n{note.receipt.uri}"


def _call(call: Call, *, full: bool) -> str:
    given = (
        call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments, ensure_ascii=False)
    )
    mark = "→" if call.ok else "✗"
    return f"{call.name} {_cut(given, full=full)}\n  {mark} {_cut(call.answer, full=full)}"


def _cut(text: str, *, full: bool) -> str:
    line = " ".join(text.split())
    return text if full else line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}…"


# --- one turn in few words -----------------------------------------------------------------------


def answer(one: TurnRecord) -> str:
    if one.reply is not None:
        return one.reply
    return f"(nothing: {one.error or one.why})" if one.error or one.why else ERASED


def thinker(one: TurnRecord) -> str:
    return " ".join(filter(None, (one.brain, one.model)))


def spent(one: TurnRecord) -> str:
    used = f"{one.tokens_in:,} + {one.tokens_out:,} tokens" if one.tokens_in or one.tokens_out else ""
    return " · ".join(filter(None, (used, money(one.cost), f"{one.took_ms / 1000:.2f} s")))


def money(cost: int | None) -> str:
    """From millionths of a US dollar; nothing for no cost."""
    if cost is None:
        return "price unknown"
    return f"${cost / 1_000_000:.4f}" if cost else ""


def said(edit: Edit) -> str:
    number, text = getattr(edit, "note_id", None), getattr(edit, "text", "")
    return " ".join(filter(None, (type(edit).__name__.lower(), f"n{number}" if number else "", text)))


def plain(one: TurnRecord) -> dict[str, Any]:
    """As JSON, with each edit's name."""
    edits = [{"op": type(edit).__name__.lower(), **output.plain(edit)} for edit in one.edits]
    return {**output.plain(one), "edits": edits, "erased": one.erased}
