"""What the commands share: the parts they open, the names of people and posts, and how errors are shown."""

from __future__ import annotations

import errno
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import click

from bot.cli import output
from bot.cli.ending import tidy
from bot.cli.exits import told
from bot.domain.uris import POST, AtUri, author
from bot.errors import ScrubjayError
from memory.errors import MemoryFault, UnknownPerson

if TYPE_CHECKING:
    from pathlib import Path

    from bot.config.settings import Settings
    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Database, Tx
    from memory.store import Memory

OPERATOR = "operator"
READERS = "sqlalchemy.sql.type_api", "bot.storage.rows"  # what reads values of rows
UNREADABLE = (
    "The database: a value in it cannot be read. `scrubjay db verify` may tell which. Restore a backup, or "
    "mend it by hand."
)
POST_ADDRESSES = (
    re.compile(rf"at://([^/\s]+)/{re.escape(POST)}/([^/\s]+)"),
    re.compile(r"https://bsky\.app/profile/([^/\s]+)/post/([^/?#\s]+)/?"),
)


class RootGroup(click.Group):
    """The group of all commands. It shows an error as one message, not as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with tidy():
                return super().invoke(ctx)
        except (ScrubjayError, MemoryFault) as error:
            raise told(error, str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # click exits in silence when the reader has closed the pipe
                raise
            raise told(error, str(error)) from error
        except Exception as error:
            if type(error).__module__.startswith("sqlalchemy"):
                # the whole message would show parameters, which are what people wrote
                raise told(error, f"The database: {_first_line(error)}") from error
            if _is_of_a_row(error):
                raise told(error, UNREADABLE) from error
            raise


def _is_of_a_row(error: Exception) -> bool:
    """Whether a value that is stored could not be read as what its column holds."""
    modules = {frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)}
    return isinstance(error, TypeError | ValueError) and not modules.isdisjoint(READERS)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).split("\n")[0]


@dataclass
class App:
    """The parts that commands work with. Each is opened when it is needed first."""

    config: Path | None = None

    @cached_property
    def settings(self) -> Settings:
        from bot.config.settings import load

        return load(config=self.config)

    @cached_property
    def database(self) -> Database:
        from bot import factory, log

        log.configure(self.settings.log_level, self.settings.log_format)
        return factory.open_existing(self.settings)

    def make_database(self) -> Database:
        """Make the database if there is none, and bring it to this version; then commands may use it."""
        from bot import factory

        factory.open_database(self.settings).close()
        return self.database

    @cached_property
    def memory(self) -> Memory:
        from bot import factory

        return factory.open_memory(self.settings)

    @cached_property
    def ledger(self) -> Ledger:
        from bot import factory

        return factory.open_ledger(self.settings, self.database)

    @cached_property
    def journal(self) -> Journal:
        from bot import factory

        return factory.open_journal(self.settings, self.database)

    def close(self) -> None:
        if "database" in self.__dict__:
            self.database.close()

    def did(self, tx: Tx, who: str) -> str:
        """Return the DID of a person, from a handle or a DID. Raises UnknownPerson."""
        bare = who.removeprefix("@")
        return bare if bare.startswith("did:") else self.memory.people.get(tx, bare).did

    def name(self, tx: Tx, did: str) -> str:
        """Return the handle of a person, or the DID if no handle is known."""
        if did.startswith("forgotten:"):
            return "(forgotten)"
        try:
            person = self.memory.people.get(tx, did)
        except UnknownPerson:
            return did
        return f"@{person.handle}" if person.handle else did

    def full_name(self, tx: Tx, did: str) -> str:
        """Return handle and DID of a person, or the DID alone."""
        name = self.name(tx, did)
        return f"{name} ({did})" if name.startswith("@") else name

    def uri(self, tx: Tx, text: str) -> str:
        """Return the AT URI of a post, from an AT URI or a link to bsky.app.

        Raises UnknownPerson, and UsageError if the text is neither.
        """
        if text.startswith("forgotten:"):
            return text
        found = next((found for form in POST_ADDRESSES if (found := form.fullmatch(text))), None)
        if found is None:
            raise click.UsageError(
                f"{output.escape(text)!r} is no post. Give its AT URI (at://did:plc:.../{POST}/...) or its "
                "link (https://bsky.app/profile/.../post/...)."
            )
        return str(AtUri(self._author(tx, found[1]), POST, found[2]))

    def _author(self, tx: Tx, who: str) -> str:
        if who.removeprefix("@").lower() != self.settings.handle:
            return self.did(tx, who)
        from bot.storage import views

        own = (said.part.ref for said in views.posts(tx, limit=50))
        return next((author(ref.uri) for ref in own if ref), who)


def post_link(uri: str) -> str:
    """Return the link to a post on bsky.app; '' if the URI is no post's."""
    found = POST_ADDRESSES[0].fullmatch(uri)
    return f"https://bsky.app/profile/{found[1]}/post/{found[2]}" if found else ""


def now() -> datetime:
    return datetime.now(UTC)


def confirm(question: str, *, yes: bool) -> None:
    """Ask the operator before what cannot be undone.

    Raises UsageError if stdin is no terminal, and click's Abort if the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{question} This asks first, and here is no terminal to ask on. Say --yes to do it."
        )
    click.confirm(question, abort=True, err=True)


pass_app = click.make_pass_decorator(App)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
who_argument = click.argument("who", metavar="WHO")
limit_option = click.option(
    "-n", "limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most."
)
