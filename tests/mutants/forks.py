"""Runs tests in forks of this process, in each of which another bug may stand in the source.

What takes long is done once: the libraries are imported here, and the databases that tests copy are made. The
project's own modules are not imported here, so that a fork reads them anew. There the source of one file is
replaced as it is read; on the disk nothing changes.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import pkgutil
import shutil
import signal
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from mutants.catalogue import ROOT, Mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import ForkProcess

FORKS = multiprocessing.get_context("fork")
OWN = ("bot", "memory", "migrations", "benchmarks", "support", "conftest", "__mp_main__")
PLUGINS = ("pytest", "_pytest", "hypothesis", "_hypothesis", "xdist", "anyio")  # pytest itself imports them
TOLD = "told.json"  # what a fork tells of itself
CRASHED = -1  # instead of pytest's exit code
OPTIONS = (
    *("--hypothesis-seed=0", "--timeout=0", "--tb=short"),
    *("-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"),  # some plugins are libraries, too
)


@dataclass(frozen=True, slots=True)
class Task:
    """Tests to run (node ids or paths), on one of the databases, with a bug in the source or without one."""

    tests: tuple[str, ...]
    mutant: Mutant | None = None
    postgres: bool = False
    stop_early: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. `code` is pytest's exit code; None if it had to be killed. `failed` are node ids."""

    task: Task
    code: int | None
    failed: tuple[str, ...]
    seconds: float
    output: str


@dataclass(frozen=True, slots=True)
class _Fork:
    task: Task
    process: ForkProcess
    folder: Path
    started: float


def warm_up() -> None:
    """Import here what the project's modules import from elsewhere."""
    receiver, sender = FORKS.Pipe(duplex=False)
    scout = FORKS.Process(target=_scout, args=(sender,))
    scout.start()
    for name in receiver.recv():
        with suppress(Exception), warnings.catch_warnings(action="ignore"):
            importlib.import_module(name)
    scout.join()


def make_templates(folder: Path, *, postgres: bool) -> None:
    """Make the databases that tests copy, in a fork: this process must not import the project."""
    maker = FORKS.Process(target=_make_templates, args=(folder, postgres))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit("the databases to copy could not be made")


def run(tasks: Sequence[Task], folder: Path, *, at_once: int, seconds: float) -> Iterator[Result]:
    """Run each task in a fork, `at_once` at a time, for at most so many `seconds` each."""
    waiting, running = list(enumerate(tasks)), list[_Fork]()
    while waiting or running:
        while waiting and len(running) < at_once:
            number, task = waiting.pop(0)
            running.append(_start(task, folder, folder / f"{number}-{os.getpid()}"))
        oldest = min(fork.started for fork in running)
        wait([fork.process.sentinel for fork in running], max(0, oldest + seconds - monotonic()))
        for fork in list(running):
            is_late = monotonic() - fork.started > seconds
            if is_late or not fork.process.is_alive():
                running.remove(fork)
                yield _end(fork)


def _start(task: Task, templates: Path, folder: Path) -> _Fork:
    folder.mkdir()
    process = FORKS.Process(target=_in_fork, args=(task, templates, folder))
    process.start()
    return _Fork(task, process, folder, monotonic())


def _end(fork: _Fork) -> Result:
    late = fork.process.is_alive()
    with suppress(ProcessLookupError, PermissionError):  # its own children as well
        os.killpg(fork.process.pid or 0, signal.SIGKILL)
    fork.process.join()
    seconds = monotonic() - fork.started
    told = fork.folder / TOLD
    found = json.loads(told.read_text("utf-8")) if told.exists() else {"code": CRASHED, "failed": []}
    output = (fork.folder / "output").read_text("utf-8", errors="replace")
    shutil.rmtree(fork.folder, ignore_errors=True)
    return Result(fork.task, None if late else found["code"], tuple(found["failed"]), seconds, output)


# --- in a fork -------------------------------------------------------------------------------------


def _in_fork(task: Task, templates: Path, folder: Path) -> None:
    os.setsid()
    os.chdir(ROOT)  # node ids are relative to it
    with (folder / "output").open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    if task.mutant is not None:
        seed(task.mutant)
    failures = _Failures()
    arguments = [*OPTIONS, *(["-x"] if task.stop_early else []), f"--basetemp={folder}/tmp"]
    arguments += [f"--templates={templates}", "-m", "postgres" if task.postgres else "not postgres"]
    code = pytest.main([*arguments, *task.tests], plugins=[failures])
    (folder / TOLD).write_text(json.dumps({"code": int(code), "failed": failures.names}), "utf-8")
    sys.stdout.flush()
    os._exit(0)  # threads that a bug left running do not hold it up


class _Failures:
    """A plugin of pytest that lists which tests fail."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self.names:
            self.names.append(report.nodeid)


def seed(mutant: Mutant) -> None:
    """From now on, whoever imports the mutant's file gets it with the bug. Migrations are read so, too."""
    read: Callable[[SourceFileLoader, str], object] = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> object:
        if Path(loader.path) == mutant.path:
            return compile(mutant.source, loader.path, "exec", dont_inherit=True)
        return read(loader, name)

    SourceFileLoader.get_code = get_code


def _scout(sender: multiprocessing.connection.Connection) -> None:
    """Import the project, and send the names of all modules of others that were imported with it."""
    with warnings.catch_warnings(action="ignore"):
        for package in map(importlib.import_module, ("bot", "memory")):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if not module.name.endswith("__main__") and ".migrations" not in module.name:
                    importlib.import_module(module.name)
    own = {*OWN, *PLUGINS}
    sender.send([name for name in sys.modules if name.split(".")[0] not in own])
    sender.close()
    os._exit(0)


def _make_templates(folder: Path, postgres: bool) -> None:  # noqa: FBT001 - Process passes places
    from support import templates

    templates.make_sqlite(folder / "scrubjay.db")
    if postgres:
        templates.fill_postgres(templates.server(folder, None))
    os._exit(0)
