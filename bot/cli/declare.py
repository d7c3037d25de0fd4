"""The bot's records about itself, for programs that read them: shown, then written or removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from bot.cli import output
from bot.cli.context import App, confirm, json_option, now, pass_app, yes_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.mention import Record
    from bot.network.bluesky import Bluesky


@click.command()
@click.option("--remove", is_flag=True, help="Remove them.")
@yes_option
@json_option
@pass_app
def declare(app: App, *, remove: bool, yes: bool, as_json: bool) -> None:
    """Say in the bot's own repo who runs it, what it remembers and how to erase that.

    The records are shown first. Nothing else writes or removes them.
    """
    import asyncio

    app.settings.require_account()
    if not remove:
        app.settings.require_operator()
    asyncio.run(_declare(app, remove=remove, yes=yes, as_json=as_json))


async def _declare(app: App, *, remove: bool, yes: bool, as_json: bool) -> None:
    from bot import factory
    from bot.domain.disclosure import COLLECTIONS

    network = await factory.log_in(app.settings, app.make_database())
    try:
        before = {name: record for name in COLLECTIONS if (record := await _standing(network, name))}
        wanted = {} if remove else await _wanted(app, network, before)
        changes = _changes(before, wanted)
        if not as_json:
            _show(before, wanted, changes)
        if changes:
            confirm(f"{'Remove' if remove else 'Write'} this in the repo of @{network.handle}?", yes=yes)
        for name in changes:
            await network.declare(name, wanted.get(name))
        if as_json:
            output.print_json(wanted)
        if not remove:
            await _tell_confirmation(app, network)
    finally:
        await network.close()


async def _standing(network: Bluesky, collection: str) -> Record | None:
    return await network.record(f"at://{network.did}/{collection}/self")


async def _wanted(app: App, network: Bluesky, before: Mapping[str, Record]) -> dict[str, Record]:
    from bot.config.disclosed import disclosed
    from bot.domain.disclosure import records
    from bot.domain.uris import profile_uri

    with app.database.read() as tx:
        kept = app.memory.people.counts(tx)
    profile = await network.record(profile_uri(network.did)) or {}
    return records(disclosed(app.settings, profile, await _operator(app, network), kept), now(), before)


async def _operator(app: App, network: Bluesky) -> str:
    handle = app.settings.require_operator()
    did = await network.did_of(handle)
    if did is None:
        raise click.ClickException(f"Nobody has the handle @{handle}. See SCRUBJAY_OPERATOR.")
    return did


def _changes(before: Mapping[str, Record], wanted: Mapping[str, Record]) -> list[str]:
    """The collections whose record is to be written anew, or removed."""
    if not wanted:
        return list(before)
    return [name for name, record in wanted.items() if before.get(name) != record]


def _show(before: Mapping[str, Record], wanted: Mapping[str, Record], changes: list[str]) -> None:
    page = output.Page()
    for name, record in (wanted or before).items():
        page.heading(name, _state(name, before, wanted, changes))
        page.prose(json.dumps(record, indent=2, ensure_ascii=False))
    if not changes:
        output.message("All of this stands there already." if wanted else "No such record stands there.")


def _state(name: str, before: Mapping[str, Record], wanted: Mapping[str, Record], changes: list[str]) -> str:
    from bot.domain.disclosure import differs

    if name not in changes:
        return "as it stands"
    if not wanted:
        return "to be removed"
    if name not in before:
        return "new"
    return "changed" if differs(before[name], wanted[name]) else "new counts"


async def _tell_confirmation(app: App, network: Bluesky) -> None:
    from bot.domain.disclosure import confirms

    operator = await network.profile(await _operator(app, network), fresh=True)
    if not confirms(operator, network.handle, network.did):
        output.message(
            f"@{operator.handle or app.settings.operator} does not name the bot yet: write @{network.handle} "
            "into its bio, so that people can see that both belong together."
        )
