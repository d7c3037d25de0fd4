"""What it said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, link, pass_app

if TYPE_CHECKING:
    from bot.domain.mention import BotPost


@click.group()
def post() -> None:
    """What it said, and is about to say."""


@post.command("list")
@click.option("--who", metavar="WHO", help="Only in answer to this person.")
@limit_option
@json_option
@pass_app
def list_(app: App, who: str | None, limit: int, *, as_json: bool) -> None:
    """Its posts, the latest first."""
    from bot.storage import views

    with app.database.read() as tx:
        said = views.posts(tx, did=app.did(tx, who) if who else None, limit=limit)
        names = {did: app.name(tx, did) for did in {one.did for one in said}}
    if as_json:
        output.document(said)
        return
    page = output.Page()
    for one in said:
        page.card(_head(one, names[one.did]), _body(one))
    if not said:
        output.message("It has not said anything to this person." if who else "It has not said anything yet.")


def _head(one: BotPost, who: str) -> list[str]:
    number = f"part {one.part.index + 1}" if one.part.index else ""
    return ["posted" if one.part.ref else "planned", output.when(one.posted_at), f"to {who}", number]


def _body(one: BotPost) -> list[str]:
    return [" ".join(one.part.text.split()), *([one.part.ref.uri] if one.part.ref else [])]


@post.command()
@click.argument("uri", metavar="URI")
@json_option
@pass_app
def show(app: App, uri: str, *, as_json: bool) -> None:
    """One post: whom it answers, and its exact record."""
    from bot.storage import views

    with app.database.read() as tx:
        one = views.post(tx, app.uri(tx, uri))
        who = app.full_name(tx, one.did)
    place = one.part.ref.uri if one.part.ref else ""
    if as_json:
        output.document({**output.plain(one), "link": link(place)})
        return
    items = [
        ("post", place),
        ("link", link(place)),
        ("cid", one.part.ref.cid if one.part.ref else ""),
        ("to", who),
        ("answers", one.mention_uri),
        ("posted", output.when(one.posted_at)),
        ("part", str(one.part.index + 1)),
        ("text", one.part.text),
        ("record", one.part.record or ""),
    ]
    output.Page().pairs(items)
