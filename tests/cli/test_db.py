"""Commands about the database's schema."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "The database cannot be used"),
    ],
)
def test_a_database_that_cannot_be_opened_is_one_clear_message(cli, url, said):
    done = cli("db", "upgrade", SCRUBJAY_DATABASE_URL=url)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert "hunter2" not in done.err


def test_a_data_dir_that_cannot_be_made_is_one_clear_message(cli):
    (cli.home / "file").write_text("")
    done = cli("db", "upgrade", SCRUBJAY_DATA_DIR="file/data")
    assert (done.code, done.out) == (1, "")
    assert "file/data" in done.err


def test_check_creates_nothing_and_fails_until_the_upgrade(cli):
    done = cli("db", "check", "--json")
    assert done.code == 1
    told = json.loads(done.out)
    assert (told["found"], bool(told["wanted"]), told["ok"]) == (None, True, False)
    assert "scrubjay db upgrade" in done.err
    assert list(cli.home.iterdir()) == []
    assert cli("db", "upgrade").code == 0
    assert cli("db", "check").code == 0
