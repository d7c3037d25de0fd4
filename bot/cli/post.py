"""Commands about the bot's posts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, confirm, json_option, limit_option, now, pass_app, post_link, yes_option
from bot.domain.as_json import to_json
from bot.errors import NotFound

if TYPE_CHECKING:
    from datetime import timedelta

    from bot.domain.mention import BotPost, Entry, Part
    from memory.db import Tx


uri_argument = click.argument("uri", metavar="URI")


@click.group()
def post() -> None:
    """What it said, and is about to say."""


@post.command("list")
@click.option("--who", metavar="WHO", help="Only in answer to this person.")
@click.option("--held", is_flag=True, help="Only drafts that wait for `approve`, the oldest first.")
@limit_option
@json_option
@pass_app
def list_(app: App, who: str | None, limit: int, *, held: bool, as_json: bool) -> None:
    """Its posts, the latest first."""
    from bot.storage import views

    with app.database.read() as tx:
        did = app.did(tx, who) if who else None
        posts = _held(tx, did, limit) if held else views.posts(tx, did=did, limit=limit)
        names = {did: app.name(tx, did) for did in {said.did for said in posts}}
    if as_json:
        output.print_json(posts)
        return
    page = output.Page()
    for said in posts:
        page.card(_head(said, names[said.did]), _body(said))
    if not posts and held:
        output.message("No draft waits.")
    elif not posts:
        output.message("It has not said anything to this person." if who else "It has not said anything yet.")


def _held(tx: Tx, did: str | None, limit: int) -> tuple[BotPost, ...]:
    from bot.domain.mention import BotPost
    from bot.storage import drafts

    return tuple(
        BotPost(entry.mention.uri, entry.mention.did, part, None, held=True)
        for entry in drafts.held(tx, did, limit)
        for part in entry.parts
    )


def _head(said: BotPost, who: str) -> list[str]:
    number = f"part {said.part.index + 1}" if said.part.index else ""
    edited = "edited" if said.part.edited_at else ""
    return [_state(said), output.format_time(said.posted_at), f"to {who}", number, edited]


def _state(said: BotPost) -> str:
    if said.part.withdrawn_at:
        return "deleted"
    if said.part.ref:
        return "posted"
    return "held" if said.held else "planned"


def _body(said: BotPost) -> list[str]:
    uri = said.part.ref.uri if said.part.ref else said.mention_uri if said.held else ""
    return [" ".join(said.part.text.split()), *([uri] if uri else [])]


@post.command()
@uri_argument
@json_option
@pass_app
def show(app: App, uri: str, *, as_json: bool) -> None:
    """One post: whom it answers, and its exact record. Of a draft, URI is what it answers."""
    from bot.storage import views

    with app.database.read() as tx:
        said = _draft(tx, app.uri(tx, uri)) or views.post(tx, app.uri(tx, uri))
        who = app.full_name(tx, said.did)
    posted_uri = said.part.ref.uri if said.part.ref else ""
    if as_json:
        output.print_json({**to_json(said), "link": post_link(posted_uri)})
        return
    items = [
        ("post", posted_uri),
        ("link", post_link(posted_uri)),
        ("cid", said.part.ref.cid if said.part.ref else ""),
        ("state", _state(said)),
        ("to", who),
        ("answers", said.mention_uri),
        ("posted", output.format_time(said.posted_at)),
        ("edited", output.format_time(said.part.edited_at) if said.part.edited_at else ""),
        ("deleted", output.format_time(said.part.withdrawn_at) if said.part.withdrawn_at else ""),
        ("part", str(said.part.index + 1)),
        ("text", said.part.text),
        ("record", said.part.record or ""),
    ]
    output.Page().pairs(items)


def _draft(tx: Tx, uri: str) -> BotPost | None:
    """The draft for this mention, as one text; None if it is not the URI of a mention with one."""
    from bot.domain.mention import BotPost, Part
    from bot.storage import views

    try:
        entry = views.entry(tx, uri)
    except NotFound:
        return None
    if not entry.parts or any(part.ref for part in entry.parts):
        return None
    edited = entry.parts[0].edited_at
    text = Part(0, _text(entry), (), edited_at=edited)
    return BotPost(entry.mention.uri, entry.mention.did, text, None, held=entry.is_held)


def _text(entry: Entry) -> str:
    from bot.domain.approval import BETWEEN

    return BETWEEN.join(part.text for part in entry.parts)


@post.command()
@uri_argument
@yes_option
@pass_app
def approve(app: App, uri: str, *, yes: bool) -> None:
    """Post a draft that waits. URI is what it answers."""
    from bot.storage import drafts, pauses, views

    with app.database.read() as tx:
        entry = views.entry(tx, app.uri(tx, uri))
        age = _age(tx, entry)
        pause = pauses.current(tx, now())
    if entry.is_held and age > app.settings.limits.max_age:
        days = f"{age.total_seconds() / 86_400:.1f} days"
        confirm(f"It answers what was said {days} ago, and will look late. Post it all the same?", yes=yes)
    with app.database.write() as tx:
        drafts.approve(tx, entry.mention.uri, now())
        approved = views.entry(tx, entry.mention.uri)
    click.echo(output.escape(_text(approved)))
    output.message(
        f"It is posted after the pause: it is {pause.told()}."
        if pause
        else "It is posted at the next free time, if the bot is running."
    )


def _age(tx: Tx, entry: Entry) -> timedelta:
    from bot.domain import pausing
    from bot.storage import pauses

    said_at = entry.mention.said_at
    return pausing.age(said_at, now(), pauses.since(tx, said_at))


@post.command()
@uri_argument
@click.option("--text", help="The new text, instead of an editor. A line `---` begins another post.")
@pass_app
def edit(app: App, uri: str, text: str | None) -> None:
    """Change a draft, in $EDITOR. It waits for `approve` then. URI is what it answers."""
    from bot.storage import drafts, introductions, views

    with app.database.read() as tx:
        entry = views.entry(tx, app.uri(tx, uri))
        tells = introductions.tells(tx, entry.mention.uri)
    if not entry.parts:
        raise NotFound(f"draft for {entry.mention.uri}. `scrubjay post list` shows what there is.")
    written = text if text is not None else _write(_text(entry))
    if written is None:
        output.message("Nothing was changed.")
        return
    parts = _parts(app, entry, written, tells=tells)
    with app.database.write() as tx:
        drafts.edit(tx, entry.mention.uri, entry.parts, parts, now())
        app.memory.retrieval.erase_answers(tx, [entry.mention.uri])  # if it was learned from already
    output.message("It waits now: `scrubjay post approve` posts it.")


def _write(text: str) -> str | None:
    """What the operator's editor makes of it. Raises UsageError where none can be shown."""
    if not (sys.stdin.isatty() or os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise click.UsageError("here is no terminal for an editor. Say --text, or set EDITOR.")
    return click.edit(text, extension=".txt")


def _parts(app: App, entry: Entry, written: str, *, tells: bool) -> list[Part]:
    from bot.domain import approval, reply
    from bot.domain.mention import Part

    notice = entry.parts[0].text.rpartition("\n\n")[2] if tells else ""
    try:
        texts = approval.edited(written, app.settings.reply_parts, notice)
    except ValueError as error:
        raise click.UsageError(f"{error} The draft is as it was.") from error
    did, hosts = entry.mention.did, frozenset(app.settings.link_hosts)
    with app.database.read() as tx:
        name = app.name(tx, did)
    handle = name.removeprefix("@") if name.startswith("@") else None
    return [Part(number, text, reply.facets(text, did, handle, hosts)) for number, text in enumerate(texts)]


@post.command()
@uri_argument
@pass_app
def hold(app: App, uri: str) -> None:
    """Let a draft wait for `approve`. URI is what it answers."""
    from bot.storage import drafts

    with app.database.write() as tx:
        drafts.hold(tx, app.uri(tx, uri))
    output.message("It waits now: `scrubjay post approve` posts it, `retract` withdraws it.")


@post.command()
@uri_argument
@yes_option
@pass_app
def retract(app: App, uri: str, *, yes: bool) -> None:
    """Withdraw a draft, or delete an answer. URI is that post, or what it answers.

    A draft that is withdrawn leaves no memory if it waited for `approve`. An answer that is deleted counts as
    given: it is not given again.
    """
    from bot.storage import drafts, views

    with app.database.read() as tx:
        found = app.uri(tx, uri)
        answered = _answered_by(tx, found)
        entry = views.entry(tx, answered or found)
        who = app.name(tx, entry.mention.did)
    mention_uri = entry.mention.uri
    confirm(f"Retract what it says to {who}: {' '.join(_text(entry).split())}", yes=yes)
    with app.database.write() as tx:
        app.memory.retrieval.erase_answers(tx, [mention_uri])  # it is not what was said
        if drafts.reject(tx, mention_uri, now()):
            output.message("The draft is withdrawn.")
            return
        if not drafts.retract(tx, mention_uri, now()):
            raise NotFound(
                f"post or draft for {mention_uri} that stands. `scrubjay post list` shows what does."
            )
    output.message("It will be deleted at once, if the bot is running.")


def _answered_by(tx: Tx, uri: str) -> str | None:
    """What this post of the bot answers; None if it is none."""
    from bot.storage import views

    try:
        return views.post(tx, uri).mention_uri
    except NotFound:
        return None
