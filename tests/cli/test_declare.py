"""The bot's records about itself, on a real PDS."""

from __future__ import annotations

import itertools
import json

import pytest

from bot.config.settings import load
from bot.doctor import remote
from bot.domain.disclosure import AGENT, COLLECTIONS
from bot.domain.mention import StrongRef
from bot.domain.uris import PROFILE, profile_uri

NUMBERS = itertools.count(1)
LABELS = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}


def describe(actor, bio):
    profile = {"$type": PROFILE, "description": bio, "labels": LABELS}
    actor.edit(StrongRef(profile_uri(actor.did), ""), profile)


@pytest.fixture
def people(localnet):
    number = next(NUMBERS)
    bot, operator = localnet.actor(f"declared{number}"), localnet.actor(f"operator{number}")
    describe(bot, "A bot that remembers.")
    return bot, operator


@pytest.fixture
def env(localnet, people, tmp_path):
    bot, operator = people
    return {
        "SCRUBJAY_HANDLE": bot.handle,
        "SCRUBJAY_PASSWORD": bot.account.password,
        "SCRUBJAY_PDS_URL": localnet.pds_url,
        "SCRUBJAY_PLC_URL": localnet.plc_url,
        "SCRUBJAY_OPERATOR": operator.handle,
        "SCRUBJAY_DATA_DIR": str(tmp_path / "data"),
    }


def standing(bot):
    found = [
        bot._query("listRecords", {"repo": bot.did, "collection": name})["records"] for name in COLLECTIONS
    ]
    return [record["value"] for records in found for record in records]


@pytest.mark.network
def test_declarations_are_shown_then_written_once_and_removed(cli, env, people):
    bot, operator = people
    shown = cli("declare", **env)  # here is no terminal to ask on
    assert (shown.code, "--yes" in shown.err, standing(bot)) == (2, True, [])
    assert all(name in shown.out for name in COLLECTIONS)
    assert operator.did in shown.out

    written = cli("declare", "--yes", **env)
    assert (written.code, f"@{bot.handle}" in written.err) == (0, True)
    assert [record["operator"]["did"] for record in standing(bot) if record["$type"] == AGENT] == [
        operator.did
    ]

    again = cli("declare", **env)  # nothing is to be asked
    assert (again.code, "stands there already" in again.err) == (0, True)
    as_json = cli("declare", "--json", **env)
    assert list(json.loads(as_json.out).values()) == standing(bot)

    assert cli("declare", "--remove", **env).code == 2
    assert len(standing(bot)) == 2
    assert (cli("declare", "--remove", "--yes", **env).code, standing(bot)) == (0, [])
    assert "No such record" in cli("declare", "--remove", **env).err


@pytest.mark.network
def test_an_operator_who_is_nobody_is_told_and_nothing_is_written(cli, env, people):
    done = cli("declare", "--yes", **{**env, "SCRUBJAY_OPERATOR": "nobody.test"})
    assert (done.code, "SCRUBJAY_OPERATOR" in done.err, standing(people[0])) == (1, True, [])


def test_without_an_operator_it_says_exactly_what_to_set(cli):
    done = cli("declare", SCRUBJAY_HANDLE="jay.test", SCRUBJAY_PASSWORD="abcd-efgh")
    assert (done.code, "SCRUBJAY_OPERATOR is not set" in done.err) == (78, True)


@pytest.mark.network
def test_doctor_names_what_is_missing_until_both_accounts_say_the_same(cli, env, people, tmp_path):
    bot, operator = people

    def checked(**more):
        found = remote.check_operator(load({**env, **more}, home=tmp_path))
        return found.ok, found.mend or found.detail

    assert checked(SCRUBJAY_OPERATOR="") == (
        True,
        "not named yet: set SCRUBJAY_OPERATOR, then `scrubjay declare`",
    )
    assert checked(SCRUBJAY_OPERATOR="nobody.test") == (False, "set SCRUBJAY_OPERATOR to your own account")
    assert checked() == (False, "scrubjay declare")
    cli("declare", "--yes", **env)
    assert checked() == (False, f"write @{bot.handle} into its bio")
    operator.describe(f"I run @{bot.handle}.")
    assert checked()[0]
    describe(bot, "I remember.")
    assert checked() == (False, "write it there, and who runs it")
