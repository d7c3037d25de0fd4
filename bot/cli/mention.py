"""Commands about mentions and their outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, confirm, json_option, limit_option, now, pass_app, post_link, yes_option
from bot.domain.as_json import to_json
from bot.domain.mention import State

if TYPE_CHECKING:
    from bot.domain.mention import Entry

uri_argument = click.argument("uri", metavar="URI")


@click.group()
def mention() -> None:
    """The mentions it heard, and what became of them."""


@mention.command("list")
@click.option("--who", metavar="WHO", help="Only of this person.")
@click.option("--state", type=click.Choice([str(state) for state in State]), help="Only in this state.")
@limit_option
@json_option
@pass_app
def list_(app: App, who: str | None, state: str | None, limit: int, *, as_json: bool) -> None:
    """Mentions, the latest first."""
    from bot.storage import views

    with app.database.read() as tx:
        did = app.did(tx, who) if who else None
        entries = views.entries(tx, did=did, state=State(state) if state else None, limit=limit)
        names = {did: app.name(tx, did) for did in {entry.mention.did for entry in entries}}
    if as_json:
        output.print_json(entries)
        return
    page = output.Page()
    for entry in entries:
        page.card(_head(entry, names[entry.mention.did]), _body(entry))
    if not entries:
        output.message("There is no such mention." if who or state else "Nobody has mentioned it yet.")


def _head(entry: Entry, who: str) -> list[str]:
    return [entry.state, output.format_time(entry.seen_at), who, entry.mention.reason, entry.why or ""]


def _body(entry: Entry) -> list[str]:
    return [text for text in (" ".join(entry.mention.text.split()), entry.mention.uri) if text]


@mention.command()
@uri_argument
@json_option
@pass_app
def show(app: App, uri: str, *, as_json: bool) -> None:
    """One mention, and what became of it."""
    from bot.storage import views

    with app.database.read() as tx:
        entry = views.entry(tx, app.uri(tx, uri))
        who = app.full_name(tx, entry.mention.did)
    if as_json:
        output.print_json({**to_json(entry), "link": post_link(entry.mention.uri)})
    else:
        output.Page().pairs([*_mention_pairs(entry, who), *_outcome_pairs(entry)])


def _mention_pairs(entry: Entry, who: str) -> list[tuple[str, str]]:
    mentioned = entry.mention
    return [
        ("mention", mentioned.uri),
        ("link", post_link(mentioned.uri)),
        ("who", who),
        ("how", mentioned.reason),
        ("parent", mentioned.parent.uri if mentioned.parent else ""),
        ("thread", mentioned.root.uri if mentioned.root.uri != mentioned.uri else ""),
        ("said", output.format_time(mentioned.said_at)),
        ("heard", output.format_time(entry.seen_at)),
        ("command", mentioned.command or ""),
        ("text", mentioned.text),
    ]


def _outcome_pairs(entry: Entry) -> list[tuple[str, str]]:
    spent = f"{entry.tokens_in} in, {entry.tokens_out} out" if entry.tokens_in or entry.tokens_out else ""
    dates = {
        "due": entry.due_at,
        "drafted": entry.drafted_at,
        "to post": entry.post_at,
        "ended": entry.ended_at,
    }
    return [
        ("state", entry.state),
        ("why", entry.why or ""),
        ("answered with", entry.merged_into or ""),
        ("attempts", str(entry.attempts)),
        ("brain", " ".join(name for name in (entry.brain, entry.model) if name)),
        ("tokens", spent),
        ("cost", "" if not entry.cost else f"${entry.cost / 1e6:.4f}"),
        *((name, output.format_time(at)) for name, at in dates.items() if at),
        *(
            (f"answer {part.index + 1}", f"{part.text}\n{part.ref.uri if part.ref else '(not posted)'}")
            for part in entry.parts
        ),
    ]


@mention.command()
@uri_argument
@pass_app
def retry(app: App, uri: str) -> None:
    """Try a failed or refused mention again, now."""
    from bot.storage import steering

    if uri.startswith("forgotten:"):
        raise click.UsageError("its author asked to be forgotten; nothing is left to answer.")
    with app.database.write() as tx:
        steering.retry(tx, app.uri(tx, uri), now())
    output.message("It will be tried again at once, if the bot is running.")


@mention.command()
@uri_argument
@click.option("--why", default="skipped by the operator", show_default=True, help="The reason to record.")
@yes_option
@pass_app
def skip(app: App, uri: str, why: str, *, yes: bool) -> None:
    """Leave a mention unanswered."""
    from bot.storage import steering, views

    with app.database.read() as tx:
        entry = views.entry(tx, app.uri(tx, uri))
        who = app.name(tx, entry.mention.did)
    confirm(f"Never answer the mention of {who} that is {entry.state} now?", yes=yes)
    with app.database.write() as tx:
        steering.skip(tx, entry.mention.uri, now(), why)
    output.message("It stays unanswered.")
