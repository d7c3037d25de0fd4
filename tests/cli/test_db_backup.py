"""Commands that verify, back up, restore and move."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from bot.backup.folder import NAMES
from bot.cli.exits import Exit
from bot.storage import presence
from memory.db import Database

PASSWORD, KEY = "zebra-pass-word", "sk-zebra"
PERSONA = "---\nname: Jay\n---\n\nA jay.\n\n## Voice\nDry.\n\n## Boundaries\nNone.\n"


@pytest.fixture
def bot(talked):
    """A bot that talked, with settings, secrets and a persona of its own."""
    cli, _ = talked
    (cli.home / "mine.md").write_text(PERSONA)
    (cli.home / "scrubjay.toml").write_text(
        f'handle = "jay.test"\npassword = "{PASSWORD}"\nmodel_key = "{KEY}"\npersona_file = "mine.md"\n'
        'encoder = "none"\nlink_hosts = ["bsky.app", "example.org"]\n'
    )
    return cli


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_backup_is_made_checked_and_restored(bot):
    made = bot("db", "backup", "copies/one")
    assert (made.code, made.out) == (0, "")
    assert "Written to copies/one, readable only by you" in made.err
    checked = bot("db", "restore", "copies/one", "--check")
    assert (checked.code, "WRONG" in checked.out) == (0, False)
    assert "rows" in checked.out
    done = bot("db", "restore", "copies/one", "--yes")
    assert done.code == 0
    assert "What stood there is kept as data/scrubjay.db.replaced-" in done.err
    assert bot("db", "verify").code == 0


def test_in_a_folder_of_any_name_everything_goes_on(bot):
    odd = "a?mode=ro#b 100%25"
    (bot.home / "data").rename(bot.home / odd)
    for words in ("verify", "backup one", "restore one --check", "restore one --yes"):
        done = bot("db", *words.split(), SCRUBJAY_DATA_DIR=odd)
        assert done.code == 0, done
    assert not (bot.home / "a").exists()


def test_a_check_as_json_tells_all(bot):
    bot("db", "backup", "one")
    bot("memory", "forget", "ana.test", "--yes")
    told = json.loads(bot("db", "restore", "one", "--check", "--json").out)
    assert told["ok"]
    assert told["report"]["erased"]["people"] == 1
    assert {finding["name"] for finding in told["report"]["findings"]} == {
        *("file", "integrity", "schema", "foreign keys", "rows", "bot")
    }


def test_a_check_of_a_wrong_backup_fails_and_says_what_is_wrong(bot):
    bot("db", "backup", "one")
    with (bot.home / "one").open("r+b") as file:
        file.truncate(100_000)
    before = contents(bot.home / "data")
    checked = bot("db", "restore", "one", "--check")
    assert (checked.code, "WRONG" in checked.out) == (1, True)
    done = bot("db", "restore", "one", "--yes")
    assert (done.code, "is not restored" in done.err) == (1, True)
    assert before.items() <= contents(bot.home / "data").items()


def test_a_restoration_asks_first(bot):
    bot("db", "backup", "one")
    before = contents(bot.home / "data")
    done = bot("db", "restore", "one")
    assert (done.code, "Say --yes" in done.err) == (2, True)
    assert contents(bot.home / "data") == before


def test_a_folder_has_everything_but_secrets(bot):
    assert bot("db", "backup", "--all", "all").code == 0
    folder = bot.home / "all"
    held = contents(folder)
    assert set(held) == {
        *("scrubjay.db", "scrubjay.db.json", "ledger", "journal", "persona.md", "scrubjay.toml", "README.txt")
    }
    assert (folder.stat().st_mode & 0o777, set(held) <= {*NAMES}) == (0o700, True)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert held["persona.md"].decode() == PERSONA
    assert held["ledger"] == (bot.home / "data" / "ledger").read_bytes()
    for secret in (PASSWORD, KEY):
        assert [name for name, data in held.items() if secret.encode() in data] == []
    settings = held["scrubjay.toml"].decode().splitlines()
    assert 'link_hosts = ["bsky.app", "example.org"]' in settings
    assert [line.partition(":")[0] for line in settings if line[0] == "#"] == ["# password", "# model_key"]


def test_a_folder_brings_a_whole_bot_to_an_empty_place(bot, monkeypatch):
    bot("db", "backup", "--all", "all")
    before = bot("memory", "export", "--all").out
    place = bot.home / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    done = bot("db", "restore", "--all", "../all", "--yes")
    assert done.code == 0, done.err
    assert (place / "mine.md").read_text() == PERSONA
    assert "Settings written to" in done.err
    assert bot("memory", "export", "--all").out == before
    assert (place / "data" / "ledger").read_bytes() == (bot.home / "data" / "ledger").read_bytes()


def test_of_a_folder_that_is_not_restored_no_settings_are_left(bot, monkeypatch):
    bot("db", "backup", "--all", "all")
    place = bot.home / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    assert bot("db", "restore", "--all", "../all").code == 2  # nobody can be asked
    with (bot.home / "all" / "scrubjay.db").open("r+b") as file:
        file.truncate(100_000)
    assert bot("db", "restore", "--all", "../all", "--yes").code == 1
    (bot.home / "all" / "scrubjay.db").unlink()
    assert bot("db", "restore", "--all", "../all", "--yes").code == 1
    assert not (place / "scrubjay.toml").exists()


def test_settings_and_persona_that_are_there_are_left_alone(bot):
    bot("db", "backup", "--all", "all")
    (bot.home / "mine.md").write_text("another persona")
    settings = (bot.home / "scrubjay.toml").read_bytes()
    done = bot("db", "restore", "--all", "all", "--yes")
    assert "Your settings are left alone" in done.err
    assert "mine.md is left alone" in done.err
    assert (bot.home / "mine.md").read_text() == "another persona"
    assert (bot.home / "scrubjay.toml").read_bytes() == settings


def test_a_persona_with_which_no_bot_starts_is_backed_up_as_it_is(bot):
    (bot.home / "mine.md").write_bytes(b"\xff\r\n")
    assert bot("db", "backup", "--all", "all").code == 0
    assert (bot.home / "all" / "persona.md").read_bytes() == b"\xff\r\n"


def test_a_folder_that_cannot_be_finished_is_not_left(bot):
    (bot.home / "mine.md").unlink()
    done = bot("db", "backup", "--all", "all")
    assert (done.code, "mine.md" in done.err) == (1, True)
    assert [path.name for path in bot.home.glob("all*")] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("backup", "scrubjay.toml"), "exists already"),
        (("backup", "--all", "data"), "exists already"),
        (("restore", "nothing", "--check"), "There is no nothing"),
        (("restore", "data", "--check"), "add --all"),
        (("restore", "scrubjay.toml", "--check"), "neither an SQLite database nor"),
        (("restore", "--all", "data/chat", "--check"), "is no folder of"),
        (("move", "--to", "sqlite:///other.db"), "from SQLite"),
        (("move", "--to", "mysql://x/y"), "is not supported"),
        (("move",), "Missing option '--to'"),
    ],
)
def test_what_cannot_be_done_is_one_clear_message_and_changes_nothing(bot, words, said):
    (bot.home / "data" / "chat").mkdir()
    before = contents(bot.home), contents(bot.home / "data")
    done = bot("db", *words)
    assert done.code in {1, 2, Exit.CONFIGURATION}, done.err
    assert (said in done.err, done.err.count("Error")) == (True, 1), done.err
    after = contents(bot.home), contents(bot.home / "data")
    after[1].pop("scrubjay.db.lock", None)
    assert after == before


def test_a_server_that_is_not_there_is_told_without_its_password(bot):
    url = "postgresql://u:hunter2@127.0.0.1:1/x"
    for words in (("backup", "one"), ("restore", "one", "--check"), ("verify",), ("move", "--to", url)):
        (bot.home / "one").unlink(missing_ok=True)
        if words[0] == "restore":
            (bot.home / "one").write_bytes(b"PGDMP")
        env = {} if words[0] == "move" else {"SCRUBJAY_DATABASE_URL": url}
        done = bot("db", *words, **env)
        assert (done.code, "hunter2" in done.out + done.err) == (1, False)
        assert "Connection refused" in done.out + done.err or "connection failed" in done.out + done.err


def test_nothing_serves_a_database_that_was_moved(bot):
    with Database(f"sqlite:///{bot.home}/data/scrubjay.db").engine.connect() as _:
        presence.mark_moved(Database("sqlite:///data/scrubjay.db"), "postgresql://here/jay")
    done = bot("run")
    assert (done.code, "was moved to postgresql://here/jay" in done.err) == (Exit.CONFIGURATION, True)
    assert bot("memory", "list", "ana.test").code == Exit.CONFIGURATION


def test_a_verification_fails_with_what_is_wrong(bot):
    db = Database("sqlite:///data/scrubjay.db")
    with db.write() as tx:
        tx.exec_driver_sql("UPDATE mention SET state = 'lost'")
    db.close()
    done = bot("db", "verify", "--json")
    wrong = [finding["name"] for finding in json.loads(done.out) if finding["ok"] is False]
    assert done.code == 1
    assert "every state is known" in wrong


@pytest.mark.slow
def test_a_backup_of_postgres_needs_a_fitting_pg_dump_and_shows_no_password(
    bot, postgres, tmp_path, monkeypatch
):
    """A program of this name that is too old, or only tells how it was called."""
    url = postgres()
    fake = tmp_path / "bin"
    fake.mkdir()
    script = fake / "pg_dump"
    script.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}{os.pathsep}{os.defpath}")
    monkeypatch.setattr("bot.backup.postgres.BINARIES", "SELECT '/nowhere'")
    monkeypatch.setattr("bot.backup.postgres.DEBIAN", tmp_path)
    done = bot("db", "backup", "one", SCRUBJAY_DATABASE_URL=url)
    assert done.code == 1
    assert "pg_dump is of 9" in done.err
    assert "Install postgresql-client-" in done.err
    script.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 99.1" && exit\n'
        'echo "$@" > "$OUT"; echo "$PGPASSWORD" >> "$OUT"; echo "pg_dump: error: enough" >&2; exit 1\n'
    )
    monkeypatch.setenv("OUT", str(tmp_path / "called"))
    separator = "&" if "?" in url else "?"
    done = bot("db", "backup", "one", SCRUBJAY_DATABASE_URL=f"{url}{separator}password=hunter2")
    words, password = (tmp_path / "called").read_text().splitlines()
    assert (done.code, "pg_dump: error: enough" in done.err) == (1, True)
    assert ("hunter2" in words, password) == (False, "hunter2")
    assert not list(tmp_path.glob("one*"))
    shutil.rmtree(fake)
    postgres.drop(url)
