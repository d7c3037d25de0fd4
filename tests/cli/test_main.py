from __future__ import annotations

import json
import subprocess
import sys

import pytest

SLOW = (
    "sqlalchemy",
    "alembic",
    "atproto",
    "pydantic",
    "rich",
    "structlog",
    "httpx",
    "httpx2",
    "httpcore2",
    "asyncio",
    "letta_client",
)


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["memory", "--help"], ["run", "--help"]])
def test_help_imports_nothing_slow(args):
    script = (
        "import sys\nfrom bot.cli import main\n"
        f"try: main({args!r})\nexcept SystemExit: pass\n"
        f"print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert done.stdout


def test_run_without_an_account_says_exactly_what_to_set(cli):
    done = cli("run")
    assert (done.code, done.out) == (1, "")
    assert "SCRUBJAY_HANDLE is not set" in done.err
    assert "SCRUBJAY_PASSWORD is not set" in done.err
    assert "SCRUBJAY_PASSWORD_FILE=" in done.err


def test_a_bad_setting_is_told_by_every_command_that_reads_settings(cli):
    done = cli("person", "list", SCRUBJAY_WORKERS="many")
    assert done.code == 1
    assert "SCRUBJAY_WORKERS='many' should be a valid integer" in done.err
    assert "Example: SCRUBJAY_WORKERS=2" in done.err


def test_the_toml_may_be_named_on_the_command_line(cli):
    (cli.home / "mine.toml").write_text("workers = 0")
    done = cli("--config", "mine.toml", "person", "list")
    assert "workers = 0 in mine.toml should be" in done.err
    assert cli("--config", "none.toml", "person", "list").code == 2


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
