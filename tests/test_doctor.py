from __future__ import annotations

import asyncio
import itertools
import os
import re
import sqlite3
import tempfile
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, text
from support import chat_server
from support.cli_seed import NOON, fill
from support.factory import ANA, mention
from support.memory_people import MEMORY, receipt
from support.rows_of_people import new_user

from bot import doctor, factory
from bot.config.settings import load
from bot.doctor import local, queue, remote
from bot.doctor.check import Check
from bot.doctor.row_security import check_row_security
from bot.domain.events import Gap
from bot.errors import BreakerOpen, SettingsError, TransientBrainError, TransientNetworkError
from bot.network import chat_rules
from bot.network.account import SUSPENDED, trouble
from bot.storage import gaps, mentions
from bot.storage.tables import OutboxRow
from memory.db import Database
from memory.model import Remember

NOWHERE = {"SCRUBJAY_PDS_URL": "http://127.0.0.1:1", "SCRUBJAY_FIREHOSE_URL": "ws://127.0.0.1:1"}
NETWORK = {"pds", "clock", "stream"}


@pytest.fixture
def settings(tmp_path):
    return load({**NOWHERE, "SCRUBJAY_DATA_DIR": str(tmp_path / "data")}, home=tmp_path)


@pytest.fixture
def pds(tmp_path):
    """A PDS that answers, and whose clock may be wrong: `pds(ahead)` returns settings for it."""
    servers = []

    def serve(ahead, body=b'{"did": "did:web:pds", "availableUserDomains": []}', status=200):
        class Describe(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(status)
                self.send_header("Date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Describe)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        account = {"SCRUBJAY_HANDLE": "jay.test", "SCRUBJAY_PASSWORD": "abcd-efgh-ijkl-mnop"}
        return load(account | {"SCRUBJAY_PDS_URL": f"http://127.0.0.1:{server.server_port}"}, home=tmp_path)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_with_nothing_there_every_check_reports_and_every_failure_tells_what_mends_it(settings):
    found = list(doctor.checks(settings))
    failed = [check for check in found if not check.ok]
    assert {check.name for check in failed} == NETWORK | {"account", "login", "messages"}
    assert [check for check in failed if not check.mend] == []
    assert not settings.data_dir.exists()


def test_a_check_that_raises_is_a_failed_check():
    def ill(_settings):
        raise RuntimeError("first line\n[parameters: ('hunter2',)]")

    def troubled(_settings):
        raise TransientNetworkError("timed out")

    def silent(_settings):
        raise TimeoutError

    assert doctor.run_check("x", ill, None, "mend") == Check("x", False, "RuntimeError: first line", "mend")
    assert doctor.run_check("x", silent, None, "m").detail == "TimeoutError: no answer in time"
    assert "timed out" in doctor.run_check("x", troubled, None, "m").detail


def test_bad_settings_are_checks_too():
    _, bad, worse = doctor.settings_checks(SettingsError("one", "two"))
    assert [bad.detail, worse.detail] == ["one", "two"]
    assert not bad.ok


def test_a_current_database_is_well_and_an_old_one_is_mended_by_the_upgrade(settings):
    assert "not yet" in local.check_database(settings).detail
    settings.data_dir.mkdir()
    db = Database(settings.database)
    with db.write() as tx:
        tx.execute(text("CREATE TABLE of_another_time (id INTEGER)"))
    assert local.check_database(settings).mend == "scrubjay db upgrade"
    db.upgrade()
    db.close()
    assert local.check_database(settings).ok


def test_the_databases_password_is_not_shown(tmp_path):
    env = {"SCRUBJAY_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}
    found = doctor.run_check("database", local.check_database, load(env, home=tmp_path), "mend")
    assert not found.ok
    assert "hunter2" not in found.detail


def test_it_is_told_that_the_bot_sleeps(settings):
    settings = settings.model_copy(update={"quiet_days": (f"{NOON:%m-%d}",)})
    settings.data_dir.mkdir()
    Database(settings.database).upgrade()
    found = queue.check_mentions(settings, NOON)
    wakes = (NOON + timedelta(days=1)).replace(hour=0)
    assert found.ok
    assert found.detail == f"0 open, none stuck; asleep until {wakes:%Y-%m-%d %H:%M}Z"


def test_failed_and_late_mentions_are_told(settings):
    settings.data_dir.mkdir()
    db = Database(settings.database)
    db.upgrade()
    assert queue.check_mentions(settings).ok
    fill(db)
    db.close()
    found = queue.check_mentions(settings, NOON + timedelta(minutes=90))
    assert not found.ok
    assert found.detail == "1 failed in a day, 0 left by a worker, the oldest 30 min late"
    later = queue.check_mentions(settings, NOON + timedelta(days=2))
    assert later.detail.startswith("0 failed in a day")


@pytest.mark.parametrize(
    ("error", "subject"),
    [
        (BreakerOpen("asked again in 60 s", retry_after=60), "brain"),
        (TransientBrainError("503"), "brain"),
        (trouble("scrubjay.example.com", SUSPENDED), "account"),
    ],
)
def test_mentions_that_wait_for_an_ill_brain_or_the_account_are_told(settings, error, subject):
    settings.data_dir.mkdir()
    db = Database(settings.database)
    db.upgrade()
    with db.write() as tx:
        mentions.accept(tx, mention(), now=NOON, due_at=NOON)
    claim = mentions.claim(db, "w", now=NOON, lease=timedelta(seconds=30))
    with db.write() as tx:
        mentions.postpone(tx, claim, NOON + timedelta(minutes=1), str(error), failed=False)
    db.close()
    found = queue.check_mentions(settings, NOON)
    assert (found.ok, found.detail) == (False, f"1 of 1 open ones wait for the {subject}: {error}")


@pytest.mark.parametrize(
    ("age", "ok"), [(timedelta(minutes=14), True), (timedelta(minutes=16), False), (timedelta(days=2), True)]
)
def test_a_gap_is_told_while_mentions_in_it_may_still_be_found(settings, age, ok):
    settings.data_dir.mkdir()
    db = Database(settings.database)
    db.upgrade()
    with db.write() as tx:
        gaps.record(tx, Gap(0, "bsky.network", 7, 9, "OutdatedCursor", NOON), NOON)
        gaps.record(tx, Gap(0, "bsky.network", 9, 12, "closed 1001", NOON, replayed=True), NOON)
    db.close()
    found = queue.check_gaps(settings, NOON + age)
    assert (found.ok, "OutdatedCursor" in found.detail, "closed" in found.detail) == (ok, not ok, False)


@pytest.mark.slow
@pytest.mark.parametrize(("ahead", "ok"), [(timedelta(0), True), (timedelta(minutes=3), False)])
def test_the_clock_is_compared_with_the_pds(pds, ahead, ok):
    settings = pds(ahead)
    assert remote.check_pds(settings).ok
    assert remote.check_clock(settings).ok == ok


@pytest.mark.parametrize("place", ["/proc/scrubjay", "a file", "a file/below"])
def test_a_folder_that_cannot_be_written_to_is_told(tmp_path, place):
    (tmp_path / "a file").write_text("no folder")
    settings = load({"SCRUBJAY_DATA_DIR": str(tmp_path / place)}, home=tmp_path)
    found = doctor.run_check("data", local.check_data_dir, settings, "set SCRUBJAY_DATA_DIR")
    assert not found.ok
    assert found.mend == "set SCRUBJAY_DATA_DIR"


def test_a_database_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "scrubjay.db").mkdir()
    settings = load({**NOWHERE, "SCRUBJAY_DATA_DIR": str(tmp_path)}, home=tmp_path)
    found = local.check_database(settings)
    assert (found.ok, "is a folder" in found.detail, found.mend) == (False, True, local.FILE_ADVICE)


# --- each fault has its own mend -----------------------------------------------------------------


@pytest.fixture
def made(settings):
    """Settings of a data directory with a database of this version."""
    settings.data_dir.mkdir()
    db = Database(settings.database)
    db.upgrade()
    fill(db)
    db.close()
    return settings


def database_file(settings):
    return settings.data_dir / "scrubjay.db"


def overwrite_header(path):
    path.write_bytes(b"something else" + path.read_bytes()[14:])


def overwrite_middle(path):
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content) - 4096, 8192):
        content[page : page + 2048] = b"\xa5" * 2048
    path.write_bytes(content)


def overwrite_one_page(path):
    """Of a table that nothing reads at the start; the schema and its version are whole."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE pages (content)")
        connection.executemany("INSERT INTO pages VALUES (?)", [("x" * 3000,)] * 50)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    at = content.rindex(b"x" * 3000) // 4096 * 4096
    path.write_bytes(content[:at] + b"\xa5" * 64 + content[at + 64 :])


@pytest.mark.parametrize("spoil", [overwrite_header, overwrite_middle, overwrite_one_page])
def test_a_damaged_database_is_restored_and_not_upgraded(made, spoil):
    spoil(database_file(made))

    found = list(doctor.storage_checks(made))
    names = ["database", "journal", "row security", "leftovers", "mentions", "gaps"]
    assert [check.name for check in found] == names
    assert [check.name for check in found if check.ok or "restore" not in check.mend] == []


def test_a_journal_that_is_gone_is_copied_back_and_a_new_one_is_begun_by_a_run(made):
    found = local.check_journal(made)
    assert (found.ok, "is not there" in found.detail) == (False, True)
    assert "copy it back" in found.mend
    with closing(Database(made.database)) as db:
        factory.open_journal(made, db)
    assert local.check_journal(made).detail.endswith("journal, 0 erasures")


@pytest.mark.parametrize("spoil", [b"", b"my diary\n", b"\xff" * 100])
def test_a_journal_that_cannot_be_read_is_told_and_left_alone(made, spoil):
    path = made.data_dir / "journal"
    path.write_bytes(spoil)
    found = local.check_journal(made)
    assert (found.ok, "copy it back" in found.mend, path.read_bytes()) == (False, True, spoil)


def test_on_postgresql_a_machine_without_the_file_takes_the_journal_from_the_database(postgres, tmp_path):
    one, other = (
        load(
            {**NOWHERE, "SCRUBJAY_DATA_DIR": f"{tmp_path}/{name}", "SCRUBJAY_DATABASE_URL": url},
            home=tmp_path,
        )
        for url in [postgres()]
        for name in "ab"
    )
    before = local.check_journal(one).ok
    with closing(Database(one.database)) as db:
        factory.open_journal(one, db)
    found = local.check_journal(other)
    assert (before, found.ok, "copies it here" in found.detail) == (False, True, True)


def test_a_database_of_a_newer_version_is_not_upgraded(made):
    with closing(Database(made.database)) as db, db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    found = local.check_database(made)

    assert not found.ok
    assert "install the scrubjay that wrote it" in found.mend


def test_a_server_that_is_down_is_started_and_not_upgraded(tmp_path):
    env = {"SCRUBJAY_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}
    found = local.check_database(load(env, home=tmp_path))
    assert not found.ok
    assert "PostgreSQL server runs" in found.mend
    assert "hunter2" not in found.detail


@pytest.fixture
def shared():
    """Settings of a data directory that another user may look into, with all that a run makes."""
    with tempfile.TemporaryDirectory(prefix="scrubjay-") as name:
        home = Path(name)
        settings = load({**NOWHERE, "SCRUBJAY_DATA_DIR": f"{home}/data"}, home=home)
        with closing(factory.open_database(settings)) as db:
            factory.open_journal(settings, db)
            factory.open_ledger(settings)
        home.chmod(0o755)
        for path in (settings.data_dir, *settings.data_dir.iterdir()):
            path.chmod(0o777)
        list(doctor.checks(settings))  # all that it imports is imported
        yield settings


@contextmanager
def another_user():
    """Within the block this process has the rights of nobody, if it had those of root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "rights", "failing"),
    [
        ("", 0o555, {"data", "database"}),
        ("", 0o700, {"data", "database"}),
        ("scrubjay.db", 0o444, {"database"}),
        ("scrubjay.db", 0o600, {"database"}),
        ("scrubjay.db-wal", 0o444, {"database"}),
        ("journal", 0o600, {"journal"}),
        ("journal", 0o444, {"journal"}),
        ("ledger", 0o600, {"ledger"}),
        ("ledger", 0o444, {"ledger"}),
    ],
)
def test_what_may_not_be_read_or_written_is_told_with_the_rights_that_are_missing(
    shared, name, rights, failing
):
    if os.geteuid():
        rights &= 0o077 << 3 if rights & 0o077 else 0  # the owner asks, and not another user
    path = shared.data_dir / name
    path.touch()
    path.chmod(rights)
    with another_user():
        found = [check for check in doctor.checks(shared) if not check.ok]
    path.chmod(0o777)
    told = {check.name: check for check in found if "above" not in check.detail}
    assert told.keys() & {"data", "database", "journal", "ledger"} == failing
    advice = {check.mend for name, check in told.items() if name in failing - {"data"}}
    assert advice == {local.RIGHTS_ADVICE}


def test_a_server_that_only_reads_is_told_as_such(postgres, tmp_path):
    url = postgres()
    with closing(Database(url)) as db, db.engine.connect() as connection:
        name = db.engine.url.database
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
            f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        )
    found = local.check_database(on_server(url, tmp_path))
    assert not found.ok
    assert "only reads" in found.detail


@pytest.mark.parametrize("spoil", [b"", b"my diary\n", b"\xff" * 100])
def test_a_ledger_that_cannot_be_read_is_told_and_left_alone(made, spoil):
    path = made.data_dir / "ledger"
    path.write_bytes(spoil)
    found = local.check_ledger(made)
    assert (found.ok, "copy it back" in found.mend, path.read_bytes()) == (False, True, spoil)


def test_lines_of_a_ledger_that_cannot_be_read_are_told(made):
    factory.open_ledger(made)
    path = made.data_dir / "ledger"
    head = path.read_bytes()
    entry = b"a " + b"0" * 64 + b" 2026-11-30\n"
    path.write_bytes(head + 30 * entry + b"a cut li\n")
    once = local.check_ledger(made)
    path.write_bytes(head + 30 * entry.replace(b"\n", b"\r\n"))
    copied = local.check_ledger(made)

    assert (once.ok, once.detail) == (True, f"{path}, of which 1 lines cannot be read")
    assert (copied.ok, copied.detail) == (False, f"{path}, of which 30 lines cannot be read")


def test_a_ledger_that_was_lost_is_told_if_there_are_answers(made):
    lost = local.check_ledger(made)
    with closing(Database(made.database)) as db, db.write() as tx:
        tx.execute(delete(OutboxRow))
    new = local.check_ledger(made)

    assert (lost.ok, "copy it back" in lost.mend, new.ok) == (False, True, True)


def test_a_persona_that_is_missing_is_found(tmp_path):
    settings = load({"SCRUBJAY_PERSONA_FILE": str(tmp_path / "nobody.md")}, home=tmp_path)
    found = doctor.run_check("persona", local.check_persona, settings, "mend the file")
    assert not found.ok
    assert "nobody.md" in found.detail


def test_secrets_that_others_can_read_are_found(tmp_path):
    config = tmp_path / "scrubjay.toml"
    config.write_text('password = "abcd-efgh-ijkl-mnop"\n')
    config.chmod(0o644)
    settings = load({"SCRUBJAY_DATA_DIR": str(tmp_path / "data")}, home=tmp_path)

    found = local.check_secrets(settings)
    assert (found.ok, found.mend) == (False, f"chmod 600 {config}")
    config.chmod(0o600)
    assert local.check_secrets(settings).ok


def test_a_database_that_others_can_read_is_found(made):
    database_file(made).chmod(0o640)
    assert str(database_file(made)) in local.check_secrets(made).detail


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>log in to the hotel's network</html>"),
        (200, b"[]"),
        (200, b'{"ok": true}'),
        (301, b""),
        (403, b"<html>"),
        (404, b"<html>"),
        (404, b'{"error": "XRPCNotSupported", "message": "x"}'),
        (501, b'{"error": "MethodNotImplemented"}'),
    ],
)
def test_a_server_that_is_no_pds_is_told_as_such_and_not_as_a_wrong_password(pds, status, body):
    settings = pds(timedelta(0), body, status)
    found = remote.check_pds(settings)
    assert (found.ok, found.mend) == (False, "set SCRUBJAY_PDS_URL to the account's PDS")
    login = remote.check_login(settings)
    assert (login.ok, "see `pds` above" in login.mend) == (False, True)


@pytest.mark.slow
def test_a_pds_in_trouble_is_no_wrong_address(pds):
    settings = pds(timedelta(0), b"", 502)
    found = next(check for check in doctor.checks(settings) if check.name == "pds")
    assert (found.ok, "check the network" in found.mend) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "error"), [(401, "AuthenticationRequired"), (400, "InvalidPassword")])
def test_a_wrong_password_is_told_as_such(pds, status, error):
    body = f'{{"error": "{error}", "message": "Invalid identifier or password"}}'.encode()
    found = remote.check_login(pds(timedelta(0), body, status))
    assert (found.ok, "make a new app password" in found.mend) == (False, True)


def test_a_pds_that_does_not_answer_is_no_wrong_password(tmp_path):
    env = {"SCRUBJAY_HANDLE": "jay.test", "SCRUBJAY_PASSWORD": "abcd-efgh-ijkl-mnop", **NOWHERE}
    found = remote.check_login(load(env, home=tmp_path))
    assert not found.ok
    assert "see `pds` above" in found.mend


def on_server(url, home):
    return load({**NOWHERE, "SCRUBJAY_DATABASE_URL": url}, home=home)


def test_a_user_who_passes_the_policies_is_told_what_a_superuser_must_run(postgres, tmp_path):
    url = new_user(postgres, "BYPASSRLS")
    made, server = Database(url), Database(postgres())
    made.upgrade()
    name = made.engine.url.database
    found = check_row_security(on_server(url, tmp_path))
    assert not found.ok
    assert found.detail.startswith("the database's user passes the policies of answer_source, block, ")
    _, statements, _ = re.split("as a superuser, in this database: |then start scrubjay again", found.mend)

    as_superuser = Database(str(server.engine.url.set(database=name)))
    with as_superuser.write() as tx:
        tx.execute(text(statements))
    assert check_row_security(on_server(url, tmp_path)).detail == f"holds, as the role scrubjay_person_{name}"
    with made.write(ANA) as tx:
        MEMORY.people.meet(tx, ANA, NOON)
        MEMORY.apply(tx, ANA, [Remember("has a dog")], receipt(ANA), key="e", actor="rules", at=NOON)
    for each in (made, server, as_superuser):
        each.close()


def test_row_security_that_was_switched_off_is_switched_on_again(postgres, tmp_path):
    url = postgres()
    assert check_row_security(on_server(url, tmp_path)).ok
    db = Database(url)
    with db.write() as tx:
        tx.execute(text("ALTER TABLE note DISABLE ROW LEVEL SECURITY"))
    found = check_row_security(on_server(url, tmp_path))
    assert (found.ok, "policies of note" in found.detail) == (False, True)
    with db.write() as tx:
        tx.execute(text(found.mend))
    assert check_row_security(on_server(url, tmp_path)).ok
    db.close()


def test_a_plain_owner_without_the_role_passes_no_policy(postgres, tmp_path):
    url = new_user(postgres, "NOCREATEROLE")
    db = Database(url)
    db.upgrade()
    db.close()
    found = check_row_security(on_server(url, tmp_path))
    assert (found.ok, found.detail) == (True, "holds: the user passes no policy")


def test_it_tells_how_long_erased_words_stand_in_the_databases_files(postgres, tmp_path):
    sqlite = load({**NOWHERE, "SCRUBJAY_DATA_DIR": str(tmp_path / "data")}, home=tmp_path)
    server = load({**NOWHERE, "SCRUBJAY_DATABASE_URL": postgres()}, home=tmp_path)
    told = local.check_leftovers(server)
    assert local.check_leftovers(sqlite).detail == "none: SQLite overwrites what it erases"
    assert (told.ok, told.detail) == (
        True,
        "PostgreSQL's log keeps what is erased until about 1GB more is written",
    )


@pytest.mark.parametrize(
    ("unable", "told"),
    [
        (None, None),
        (chat_server.UNPRIVILEGED, chat_rules.UNPRIVILEGED.mend),
        (chat_server.NO_SERVICE, chat_rules.NO_SERVICE.mend),
        ((403, "Forbidden", ""), "cannot be sent now"),
    ],
)
async def test_whether_direct_messages_work_is_told_with_what_mends_it(tmp_path, unable, told):
    service = chat_server.ChatServer("did:plc:jay", "jay.test")
    service.unable = unable
    async with service.running() as url:
        account = {"SCRUBJAY_HANDLE": "jay.test", "SCRUBJAY_PASSWORD": "abcd-efgh-ijkl-mnop"}
        settings = load({**account, "SCRUBJAY_PDS_URL": url, "SCRUBJAY_PLC_URL": url}, home=tmp_path)
        found = await asyncio.to_thread(remote.check_messages, settings)
    assert found.ok  # it answers in public
    assert (told or "@jay.test can send") in found.detail
    assert {name for name in service.asked if name.startswith("chat.")} == {chat_rules.READ}


def test_direct_messages_that_are_switched_off_are_no_fault(tmp_path):
    settings = load({**NOWHERE, "SCRUBJAY_DIRECT_MESSAGES": "false"}, home=tmp_path)
    assert remote.check_messages(settings).ok


# --- at a real PDS -------------------------------------------------------------------------------

ROBOTS = itertools.count(2000)


@pytest.fixture
def robot(localnet, tmp_path):
    """An account with its label, and good settings of a folder that is not there yet."""
    actor = localnet.actor(f"robot{next(ROBOTS)}")
    actor.label("bot")
    env = {
        "SCRUBJAY_HANDLE": actor.handle,
        "SCRUBJAY_PASSWORD": actor.account.password,
        "SCRUBJAY_PDS_URL": localnet.pds_url,
        "SCRUBJAY_PLC_URL": localnet.plc_url,
        "SCRUBJAY_SOURCE": "firehose",
        "SCRUBJAY_FIREHOSE_URL": localnet.firehose_url,
        "SCRUBJAY_DATA_DIR": str(tmp_path / "data"),
    }
    return actor, load(env, home=tmp_path)


@pytest.mark.network
def test_in_a_fresh_folder_with_good_settings_nothing_fails_and_nothing_is_made(robot, tmp_path):
    found = list(doctor.checks(robot[1]))
    assert [check for check in found if not check.ok] == []
    unmade = {check.name for check in found if "`scrubjay run`" in check.detail}
    assert unmade == {"data", "ledger", "database", "journal"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.network
def test_a_wrong_password_is_seen_behind_a_stored_session(robot):
    _, settings = robot
    with closing(factory.open_database(settings)) as db:
        asyncio.run(asyncio.wait_for(connect_once(settings, db), 30))
    wrong = settings.model_copy(update={"password": SecretStr("wrong-wrong-wrong")})
    with closing(Database(settings.database)) as db:
        asyncio.run(asyncio.wait_for(connect_once(wrong, db), 30))  # the session lets it in all the same
    found = remote.check_login(wrong)
    assert (remote.check_login(settings).ok, found.ok, "new app password" in found.mend) == (
        True,
        False,
        True,
    )


async def connect_once(settings, db):
    await (await factory.connect(settings, db)).close()


@pytest.mark.network
def test_an_account_without_the_label_is_told_how_to_get_it(robot):
    actor, settings = robot
    actor.label("nudity")
    found = remote.check_login(settings)
    assert (found.ok, "automation label" in found.mend) == (False, True)
