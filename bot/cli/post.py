"""Commands about the bot's posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, json_option, limit_option, pass_app, post_link
from bot.domain.as_json import to_json

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
        posts = views.posts(tx, did=app.did(tx, who) if who else None, limit=limit)
        names = {did: app.name(tx, did) for did in {said.did for said in posts}}
    if as_json:
        output.print_json(posts)
        return
    page = output.Page()
    for said in posts:
        page.card(_head(said, names[said.did]), _body(said))
    if not posts:
        output.message("It has not said anything to this person." if who else "It has not said anything yet.")


def _head(said: BotPost, who: str) -> list[str]:
    number = f"part {said.part.index + 1}" if said.part.index else ""
    return ["posted" if said.part.ref else "planned", output.format_time(said.posted_at), f"to {who}", number]


def _body(said: BotPost) -> list[str]:
    return [" ".join(said.part.text.split()), *([said.part.ref.uri] if said.part.ref else [])]


@post.command()
@click.argument("uri", metavar="URI")
@json_option
@pass_app
def show(app: App, uri: str, *, as_json: bool) -> None:
    """One post: whom it answers, and its exact record."""
    from bot.storage import views

    with app.database.read() as tx:
        said = views.post(tx, app.uri(tx, uri))
        who = app.full_name(tx, said.did)
    posted_uri = said.part.ref.uri if said.part.ref else ""
    if as_json:
        output.print_json({**to_json(said), "link": post_link(posted_uri)})
        return
    items = [
        ("post", posted_uri),
        ("link", post_link(posted_uri)),
        ("cid", said.part.ref.cid if said.part.ref else ""),
        ("to", who),
        ("answers", said.mention_uri),
        ("posted", output.format_time(said.posted_at)),
        ("part", str(said.part.index + 1)),
        ("text", said.part.text),
        ("record", said.part.record or ""),
    ]
    output.Page().pairs(items)
