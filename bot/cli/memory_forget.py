"""`scrubjay memory forget`: erase a note or a person, and prove that nothing is left."""

from __future__ import annotations

import re

import click

from bot.cli import output
from bot.cli.context import OPERATOR, App, confirm, now, pass_app, yes_option

NOTE = re.compile(r"n?\d+", re.IGNORECASE)


@click.command()
@click.argument("what", metavar="WHO|NOTE")
@click.option("--prove", is_flag=True, help="Then search the database and all files for the words.")
@yes_option
@pass_app
def forget(app: App, what: str, *, prove: bool, yes: bool) -> None:
    """Erase a note, or all about a person."""
    words = (_forget_note if NOTE.fullmatch(what) else _forget_person)(app, what, yes=yes)
    if prove:
        _prove(app, words)


def _forget_note(app: App, name: str, *, yes: bool) -> frozenset[str]:
    """Erase the note. Returns the texts that must be gone now."""
    from bot.privacy import proof

    with app.database.read() as tx:
        note = app.memory.note(tx, note_id(name))
        who = app.name(tx, note.did)
        words = proof.words_of_note(tx, app.memory, note)
    confirm(
        f"Erase {note.name} of {who} ({output.escape(note.text)}) and all it replaced, for good?", yes=yes
    )
    from bot.privacy.erasure import propagate_erasure

    at = now()
    with app.database.write() as tx, propagate_erasure(tx, app.memory, app.journal, note.did, at):
        erased = app.memory.forget_note(tx, note.id, actor=OPERATOR, at=at)
    output.message(f"Erased {erased} {'note' if erased == 1 else 'notes'}.")
    return words


def _forget_person(app: App, who: str, *, yes: bool) -> frozenset[str]:
    """Erase the person. Returns the texts that must be gone now."""
    from bot.privacy import proof

    with app.database.read() as tx:
        did = app.did(tx, who)
        name = app.full_name(tx, did)
        words = proof.words_of_person(tx, app.memory, did)
    confirm(f"Erase all that is held about {name}, for good?", yes=yes)
    from bot.privacy.erasure import erase_person

    erased = erase_person(app.database, app.memory, app.ledger, app.journal, did, now())
    output.message(
        f"Erased all about {name}: {erased} rows of memory, and their words in the queue and in turns."
    )
    return words


def _prove(app: App, words: frozenset[str]) -> None:
    """Tell where the words are found. Exits with 1 if they are where nothing needs them."""
    from bot.privacy import proof

    app.database.scrub(wait=5)
    server = proof.server_folder(app.database)
    rows = proof.find_in_rows(app.database, words)
    files, unread = proof.find_in_files([app.settings.data_dir, *([server] if server else [])], words)
    for trace in rows:
        needed = ", where consent needs it" if trace.needed else ""
        output.message(f"found in {trace.count} rows of {trace.place}{needed}")
    for trace in files:
        output.message(f"found {trace.count} times in {trace.place}")
    for path in unread:
        output.message(f"not read: {path}")
    if not app.database.is_sqlite and server is None:
        output.message("The server's files cannot be read from here; docs/operating.md tells what they keep.")
    if left := [trace for trace in rows if not trace.needed] or (not rows and files):
        raise click.ClickException(f"the words are left in {len(left)} places.")
    output.message(f"{len(words)} texts and names were searched for: none is left that nothing needs.")


def note_id(name: str) -> int:
    if not NOTE.fullmatch(name):
        raise click.UsageError(
            f"{output.escape(name)!r} is no note's name. `scrubjay memory list WHO` shows them: n12."
        )
    return int(name.lower().removeprefix("n"))
