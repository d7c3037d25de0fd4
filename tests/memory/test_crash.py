"""The points at which a test lets the process die."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memory import crash

ROOT = Path(__file__).parents[2]
PASSES = "from memory import crash; [crash.reach('put') or print(n, flush=True) for n in range(4)]"


def passing(setting):
    """Pass `put` four times in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PASSES],
        env={**os.environ, crash.VARIABLE: setting},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_point_of_the_list_is_in_the_code_and_no_other_is():
    code = (path.read_text("utf-8") for folder in ("bot", "memory") for path in (ROOT / folder).rglob("*.py"))
    assert {point for text in code for point in re.findall(r'crash\.reach\("(\w+)"\)', text)} == {
        *crash.POINTS
    }


@pytest.mark.parametrize(
    ("setting", "passed"), [("put:3", "0\n1\n"), ("put", ""), ("drafted", "0\n1\n2\n3\n")]
)
def test_the_process_dies_when_it_passes_its_point_for_the_last_time(setting, passed):
    done = passing(setting)
    assert done.returncode == (0 if setting == "drafted" else -signal.SIGKILL)
    assert done.stdout == passed


def test_a_point_that_does_not_exist_is_an_error_and_without_the_variable_nothing_happens():
    assert "there is no crash point putt" in passing("putt").stderr
    assert passing("").stdout == "0\n1\n2\n3\n"
