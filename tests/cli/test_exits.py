"""The exit codes, of real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.exits import Exit, told
from bot.errors import PermanentBrainError, StoreMoved, TransientBrainError

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "scrubjay.service"
ACCOUNT = {"HANDLE": "jay.example.org", "PASSWORD": "abcd-efgh-ijkl-mnop"}
MODEL = {"BRAIN": "model", "MODEL": "openai:of-my-own", "MODEL_URL": "http://127.0.0.1:9/v1"}


def end(folder, *command, **settings):
    """Run `scrubjay` in a process of its own. Returns its exit code and what it wrote to stderr."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("SCRUBJAY_")}
    given = {f"SCRUBJAY_{name}": value for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-m", "bot", *command],
        cwd=folder,
        env=known | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "command", "settings"),
    [
        (Exit.GOOD, "--version", {}),
        (Exit.GOOD, "run --help", {}),
        (Exit.TROUBLE, "memory show n1", {}),
        (Exit.TROUBLE, "db check", {}),
        (Exit.USAGE, "fly", {}),
        (Exit.USAGE, "run --role sleep", {}),
        (Exit.USAGE, "--config nowhere.toml run", ACCOUNT),
        (Exit.CONFIGURATION, "run", {}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"SPACING": "soon"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"SPACINGS": "5"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"CONFIG": "nowhere.toml"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"CONFIG": "broken.toml"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"PASSWORD_FILE": "nowhere", "PASSWORD": ""}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"PERSONA_FILE": "persona.md"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"PERSONA_FILE": "nowhere.md"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"BRAIN": "none"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"DATABASE_URL": "postgresql://host:port/name"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | {"PER_DAY": "100000"}),
        (Exit.CONFIGURATION, "run", ACCOUNT | MODEL | {"MONEY_PER_DAY": "2"}),
        (
            Exit.CONFIGURATION,
            "run",
            ACCOUNT | MODEL | {"MONEY_PER_DAY": "0.001", "PRICE_IN": "3", "PRICE_OUT": "15"},
        ),
        (Exit.CONFIGURATION, "persona check persona.md", {}),
        (Exit.CONFIGURATION, "stats", {"SPACING": "soon"}),
    ],
)
def test_the_exit_code_tells_trouble_wrong_usage_and_wrong_settings_apart(tmp_path, code, command, settings):
    (tmp_path / "broken.toml").write_text("spacing = [")
    (tmp_path / "persona.md").write_text("# nobody")
    ended, said = end(tmp_path, *command.split(), **settings)
    assert ended == code, said
    assert "Traceback" not in said
    assert ended == Exit.GOOD or said


def test_a_key_that_the_brain_refuses_and_a_store_that_was_moved_are_wrong_settings():
    errors = PermanentBrainError("401"), StoreMoved("to another"), TransientBrainError("it is down")
    ends = [told(error, str(error)).exit_code for error in errors]
    assert ends == [Exit.CONFIGURATION, Exit.CONFIGURATION, Exit.TROUBLE]


def test_systemd_restarts_nothing_that_ends_the_same_way_again():
    (codes,) = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)
    assert {int(code) for code in codes.split()} == {Exit.CONFIGURATION, Exit.USAGE}
