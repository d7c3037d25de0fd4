"""A command that is told to end leaves nothing half done."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

COMMAND = """
import signal, sys, tempfile, time
import click
from bot.cli.context import RootGroup

group = RootGroup("group")

@group.command()
def work():
    with tempfile.TemporaryDirectory() as folder:
        print(folder, flush=True)
        time.sleep(60)

if sys.argv[1] == "deaf":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
group(["work"])
"""


def begin(folder, kind=""):
    """Begin a command, and wait until it has made a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, kind], env={"TMPDIR": str(folder)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith(str(folder))
    return process


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_removes_what_is_half_done(tmp_path, number):
    with begin(tmp_path) as process:
        process.send_signal(number)
    assert process.returncode == -number
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_signal_that_is_ignored_stays_ignored(tmp_path):
    with begin(tmp_path, "deaf") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM
