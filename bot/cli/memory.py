"""Commands about notes: show, explain, correct and erase them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from bot.cli import memory_forget, memory_history, memory_review, memory_transfer, output
from bot.cli.context import (
    OPERATOR,
    App,
    json_option,
    limit_option,
    now,
    pass_app,
    post_link,
    who_argument,
)
from bot.cli.memory_forget import note_id
from bot.cli.memory_review import note_json
from bot.domain.as_json import to_json
from bot.errors import NotFound

if TYPE_CHECKING:
    from bot.domain.mention import Part
    from memory.db import Tx
    from memory.model import Note

PASSAGE = re.compile(r"p\d{1,9}", re.IGNORECASE)
note_argument = click.argument("name", metavar="NOTE")


@click.group()
def memory() -> None:
    """What it remembers of people."""


for command in (
    memory_forget.forget,
    memory_history.at,
    memory_history.diff,
    memory_history.rollback,
    memory_review.accept,
    memory_review.drop,
    memory_review.review,
    memory_transfer.export,
    memory_transfer.import_,
):
    memory.add_command(command)


@memory.command("list")
@who_argument
@json_option
@pass_app
def list_(app: App, who: str, *, as_json: bool) -> None:
    """A person's notes, oldest first."""
    with app.database.read() as tx:
        known = app.memory.recall(tx, app.did(tx, who))
    notes, status = known.notes, known.person.status
    if as_json:
        output.print_json([note_json(note) for note in notes])
    elif notes:
        rows = [(note.name, output.format_time(note.receipt.said_at), note.text) for note in notes]
        output.Page().table(("note", "said", "text"), rows, fold=("text",))
    if status:
        output.message(f"What is remembered of {who} is hidden: their account is {status}.")
    elif not notes:
        output.message(f"Nothing is remembered of {who}.")


@memory.command()
@note_argument
@json_option
@pass_app
def show(app: App, name: str, *, as_json: bool) -> None:
    """One note."""
    with app.database.read() as tx:
        note = app.memory.note(tx, note_id(name))
        who = app.full_name(tx, note.did)
    if as_json:
        output.print_json(note_json(note))
    else:
        output.Page().pairs(_note_pairs(note, who))


@memory.command()
@note_argument
@json_option
@pass_app
def why(app: App, name: str, *, as_json: bool) -> None:
    """A note's receipts: the posts it comes from.

    Who said it, when, where it can be seen, what it replaced, and what the bot answered. A passage that a
    prompt was shown (p34) has a receipt, too.
    """
    if PASSAGE.fullmatch(name):
        _why_passage(app, name, as_json=as_json)
        return
    with app.database.read() as tx:
        note = app.memory.note(tx, note_id(name))
        who = app.full_name(tx, note.did)
        older = [old for old in app.memory.chain(tx, note.id) if old.id < note.id]
        answer = _answer(tx, note.receipt.uri)
    uri = note.receipt.uri
    if as_json:
        replaced = [note_json(old) for old in older]
        output.print_json(
            {"note": note_json(note), "link": post_link(uri), "replaced": replaced, "answer": answer}
        )
        return
    again = [
        f"{output.format_time(receipt.said_at)} · {receipt.uri} · {post_link(receipt.uri)}"
        for receipt in note.also
    ]
    details = [
        ("link", post_link(uri)),
        ("cid", note.receipt.cid),
        ("said again", "\n".join(again)),
        ("replaced", "\n".join(f"{old.name} · {old.text}" for old in older)),
        ("answer", "\n".join(part.text for part in answer) or "(none)"),
    ]
    output.Page().pairs([*_note_pairs(note, who), *details])


def _why_passage(app: App, name: str, *, as_json: bool) -> None:
    with app.database.read() as tx:
        passage = app.memory.retrieval.passage(tx, int(name[1:]))
        who = "the bot" if passage.kind == "answer" else app.full_name(tx, passage.author)
    if as_json:
        output.print_json({"passage": to_json(passage), "link": post_link(passage.uri)})
        return
    post = "in answer to" if passage.kind == "answer" else "post"
    output.Page().pairs(
        [
            ("passage", f"{name} · {passage.text}"),
            ("said by", who),
            ("said", output.format_time(passage.at)),
            (post, passage.uri),
            ("link", post_link(passage.uri)),
        ]
    )


def _answer(tx: Tx, uri: str) -> tuple[Part, ...]:
    from bot.storage import views

    try:
        return views.entry(tx, uri).parts
    except NotFound:
        return ()


@memory.command()
@who_argument
@json_option
@pass_app
def history(app: App, who: str, *, as_json: bool) -> None:
    """What was kept, revised and forgotten."""
    with app.database.read() as tx:
        revisions = app.memory.history(tx, app.did(tx, who))
    if as_json:
        output.print_json(revisions)
    elif revisions:
        rows = [
            (
                str(revision.id),
                output.format_time(revision.at),
                f"n{revision.note_id}",
                revision.op,
                revision.actor,
                _change(revision.before, revision.after),
            )
            for revision in revisions
        ]
        output.Page().table(("rev", "when", "note", "what", "by", "text"), rows, fold=("by", "text"))
    if not revisions:
        output.message(f"Nothing was ever remembered of {who}.")


def _change(before: str | None, after: str | None) -> str:
    return " → ".join(text for text in (before, after) if text)


@memory.command()
@click.argument("query")
@click.option("--who", metavar="WHO", help="Only of this person.")
@limit_option
@json_option
@pass_app
def search(app: App, query: str, who: str | None, limit: int, *, as_json: bool) -> None:
    """Find notes by their words."""
    with app.database.read() as tx:
        did = app.did(tx, who) if who else None
        notes = app.memory.search(tx, query, did=did, limit=limit)
        rows = [(note.name, app.name(tx, note.did), note.text) for note in notes]
    if as_json:
        output.print_json([note_json(note) for note in notes])
    elif rows:
        output.Page().table(("note", "who", "text"), rows, fold=("who", "text"))
    if not notes:
        output.message("No note has these words.")


@memory.command()
@note_argument
@click.argument("text")
@pass_app
def edit(app: App, name: str, text: str) -> None:
    """Replace a note; the old text stays as history."""
    with app.database.write() as tx:
        note = app.memory.edit(tx, note_id(name), text, actor=OPERATOR, at=now())
    output.message(f"{name} is replaced.")
    click.echo(f"{note.name} · {output.escape(note.text)}")


def _note_pairs(note: Note, who: str) -> list[tuple[str, str]]:
    gone = (
        f"{output.format_time(note.valid_to)}, then replaced by n{note.superseded_by}"
        if note.superseded_by
        else ""
    )
    if note.withdrawn_at:
        gone = f"{output.format_time(note.withdrawn_at)}, then withdrawn by a rollback"
    return [
        ("note", f"{note.name} · {note.text}"),
        ("until", gone),
        ("waits", "for `scrubjay memory review`" if note.waits else ""),
        ("said by", who),
        ("said", output.format_time(note.receipt.said_at)),
        ("written", output.format_time(note.written_at)),
        ("post", note.receipt.uri),
    ]
