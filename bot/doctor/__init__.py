"""Checks what the bot needs. Each check says what to do if it fails, and none raises an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.doctor import local, queue, remote
from bot.doctor.check import ACCOUNT_ADVICE, Check, run_check
from bot.doctor.row_security import check_row_security

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.config.settings import Settings
    from bot.errors import SettingsError


def checks(settings: Settings) -> Iterator[Check]:
    """Run the checks one after the other and yield their results. Those of the network take seconds."""
    yield local.check_python()
    for name, check, mend in (
        ("account", local.check_account, ACCOUNT_ADVICE),
        ("persona", local.check_persona, "mend the file, or unset SCRUBJAY_PERSONA_FILE"),
        ("data", local.check_data_dir, "set SCRUBJAY_DATA_DIR to a folder that you may write to"),
        ("secrets", local.check_secrets, "chmod 600 the files"),
        ("disk", local.check_disk, "make room, or set SCRUBJAY_DATA_DIR to another disk"),
        ("ledger", local.check_ledger, local.LEDGER_ADVICE),
    ):
        yield run_check(name, check, settings, mend)
    yield from storage_checks(settings)
    for name, check, mend in (
        ("pds", remote.check_pds, f"check the network, and SCRUBJAY_PDS_URL={settings.pds_url}"),
        ("clock", remote.check_clock, f"check the network, and SCRUBJAY_PDS_URL={settings.pds_url}"),
        ("login", remote.check_login, "check SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD"),
        ("operator", remote.check_operator, "see `login` above"),
        ("messages", remote.check_messages, "check SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD"),
        (
            "stream",
            remote.check_stream,
            f"check the network, and SCRUBJAY_SOURCE={settings.source} with its hosts",
        ),
        ("brain", remote.check_brain, f"check SCRUBJAY_BRAIN={settings.brain}"),
    ):
        yield run_check(name, check, settings, mend)


def storage_checks(settings: Settings) -> Iterator[Check]:
    """The database, and what waits in it if it can be read."""
    mend = "see that SCRUBJAY_DATABASE_URL is what you mean"
    database = run_check("database", local.check_database, settings, mend)
    yield database
    for name, check in (
        ("journal", local.check_journal),
        ("row security", check_row_security),
        ("leftovers", local.check_leftovers),
        ("mentions", queue.check_mentions),
        ("gaps", queue.check_gaps),
    ):
        if database.ok:
            yield run_check(name, check, settings, mend)
        else:
            yield Check(name, ok=False, detail="cannot be read: see `database` above", mend=database.mend)


def settings_checks(error: SettingsError) -> Iterator[Check]:
    """Yield a failed check for each problem of the settings. Nothing else can be checked without them."""
    yield local.check_python()
    for problem in error.args:
        yield Check("settings", ok=False, detail=str(problem), mend="change it as in the example")
