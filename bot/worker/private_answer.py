"""What a person is told of themself in direct messages: all of it, also what is sensitive or not public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.as_json import dumps
from bot.domain.direct_messages import exact, listed
from bot.domain.mention import Command
from bot.domain.uris import record_key
from bot.ingest import commands
from bot.privacy import export
from bot.storage import sources
from bot.wording import answers
from memory.errors import UnknownPerson

if TYPE_CHECKING:
    from bot.domain.mention import Mention
    from bot.services import Services
    from memory.db import Tx
    from memory.model import Note

COMMANDS = frozenset({Command.MEMORY, Command.WHY, Command.EXPORT})
APP = "bsky.app"  # where the posts of the person are linked


def post_link(did: str, uri: str) -> str:
    return f"https://{APP}/profile/{did}/post/{record_key(uri)}"


def has_any(services: Services, tx: Tx, mention: Mention) -> bool:
    """Whether there is anything to tell in messages."""
    if mention.command is not Command.EXPORT:
        return bool(_notes(services, tx, mention))
    try:
        services.memory.people.get(tx, mention.did)
    except UnknownPerson:
        return False
    return True


def make_messages(services: Services, tx: Tx, mention: Mention) -> tuple[str, ...]:
    """The texts of the messages that answer this command; none if nothing is held about the person."""
    if not has_any(services, tx, mention):
        return ()
    if mention.command is Command.EXPORT:
        return _export(services, tx, mention)
    heading = "memory_some" if mention.command is Command.MEMORY else "why_some"
    return _list(services, tx, mention, heading)


def _notes(services: Services, tx: Tx, mention: Mention) -> tuple[Note, ...]:
    if mention.command is Command.MEMORY:
        return commands.active_notes(tx, services.memory, mention.did)
    return commands.used_notes(tx, services.memory, mention)


def _list(services: Services, tx: Tx, mention: Mention, heading: str) -> tuple[str, ...]:
    notes = _notes(services, tx, mention)
    lang = commands.language(mention)
    posts = {receipt.uri for note in notes for receipt in note.receipts}
    sources.add(tx, mention.uri, posts, services.clock())
    lines = [_line(mention.did, note) for note in notes]
    return listed(answers.text(lang, heading, count=len(notes)), lines, lambda *of: _more(lang, *of))


def _line(did: str, note: Note) -> str:
    """The note by its name, with its day and its post; an imported one names its file."""
    uri = note.receipt.uri
    source = post_link(did, uri) if uri.startswith("at://") else uri
    return f"{note.name} · {note.text} ({note.receipt.said_at:%Y-%m-%d})\n{source}"


def _export(services: Services, tx: Tx, mention: Mention) -> tuple[str, ...]:
    lang = commands.language(mention)
    held = export.document(tx, services.memory, mention.did)
    return exact(
        lambda count: answers.text(lang, "export_sent", count=count),
        dumps(held),
        lambda *of: _more(lang, *of),
    )


def _more(lang: str, count: int, total: int) -> str:
    return answers.text(lang, "messages_more", count=count, total=total)
