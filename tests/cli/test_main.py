"""The command line as a whole."""

from __future__ import annotations

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


def test_a_bad_setting_is_told_by_every_command_that_reads_settings(cli):
    done = cli("person", "list", SCRUBJAY_WORKERS="many")
    assert done.code == 78
    assert "SCRUBJAY_WORKERS='many' should be a valid integer" in done.err
    assert "Example: SCRUBJAY_WORKERS=2" in done.err


def test_the_toml_may_be_named_on_the_command_line(cli):
    (cli.home / "mine.toml").write_text("workers = 0")
    done = cli("--config", "mine.toml", "person", "list")
    assert "workers = 0 in mine.toml should be" in done.err
    assert cli("--config", "none.toml", "person", "list").code == 2
