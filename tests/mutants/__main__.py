"""Run the seeded bugs: `make mutants`, or `make mutants ARGS="--area queue"`.

First the named tests run without any bug: they must pass. Then each bug runs with the tests named for it. The
exit code is 1 if a bug lived.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from mutants import catalogue, forks
from mutants.forks import Result, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mutants.catalogue import Mutant

AT_ONCE = 2
SECONDS = 90.0  # for the tests of one bug
PLAIN_SECONDS = 600.0  # for all named tests without a bug
FAILED = 1  # pytest's exit code if tests failed
KILLED, LIVED, HUNG, BROKEN = "killed", "LIVED", "HUNG", "BROKEN"


def main() -> int:
    args = _arguments()
    chosen = _chosen(args)
    started = monotonic()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads do not come along into a fork
    with tempfile.TemporaryDirectory(prefix="mutants-", dir=args.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)  # for root, PostgreSQL runs as another user
        forks.warm_up()
        forks.make_templates(folder, postgres=any(mutant.postgres for mutant in chosen))
        try:
            failing = () if args.tests else _failing_without_a_bug(chosen, folder)
            fates = {} if failing else _run(chosen, folder, args)
        finally:
            _stop_postgres(folder)
    for test in failing:
        print(f"fails without any bug: {test}", file=sys.stderr)
    return _tell(fates, monotonic() - started, args.json) if not failing else 1


def _run(chosen: Sequence[Mutant], folder: Path, args: argparse.Namespace) -> dict[str, str]:
    """What became of each bug, by its name. Each is told of as soon as it is known."""
    tasks = [
        Task(tuple(args.tests) or mutant.killed_by, mutant, mutant.postgres, stop_early=not args.tests)
        for mutant in chosen
    ]
    fates = {}
    for result in forks.run(tasks, folder, at_once=AT_ONCE, seconds=SECONDS):
        mutant = result.task.mutant
        assert mutant is not None
        fates[mutant.name] = fate = _fate(mutant, result)
        if not args.json:
            tests = ", ".join(result.failed) if args.tests else "".join(result.failed[:1])
            print(f"{fate:7}{result.seconds:5.1f} s  {mutant.area}: {mutant.name}  {tests}", flush=True)
        if fate == BROKEN or args.verbose:
            print(result.output, file=sys.stderr)
    return fates


def _fate(mutant: Mutant, result: Result) -> str:
    """Killed by a test that failed; a hang kills only a bug of which that is expected."""
    if result.code is None:
        return KILLED if mutant.hangs else HUNG
    if result.code == FAILED:
        return KILLED
    return BROKEN if result.code else LIVED


def _failing_without_a_bug(chosen: Sequence[Mutant], folder: Path) -> tuple[str, ...]:
    """The named tests that fail on the source as it stands."""
    tasks = []
    for postgres in (False, True):
        named = sorted({test for one in chosen if one.postgres is postgres for test in one.killed_by})
        halves = (tuple(named[start::AT_ONCE]) for start in range(AT_ONCE))
        tasks += [Task(half, postgres=postgres, stop_early=False) for half in halves if half]
    results = list(forks.run(tasks, folder, at_once=AT_ONCE, seconds=PLAIN_SECONDS))
    for result in results:
        if result.code not in {0, FAILED}:
            raise SystemExit(f"the named tests could not be run:\n{result.output}")
    return tuple(name for result in results for name in result.failed)


def _tell(fates: dict[str, str], seconds: float, as_json: bool) -> int:  # noqa: FBT001 - a switch
    lived = [name for name, fate in fates.items() if fate != KILLED]
    if as_json:
        told = {"count": len(fates), "killed": len(fates) - len(lived), "lived": lived}
        print(json.dumps({**told, "seconds": round(seconds, 1)}))
    else:
        print(f"{len(fates)} seeded bugs, {len(fates) - len(lived)} killed, in {seconds:.0f} s")
        for name in lived:
            print(f"{fates[name]}: {name}")
    return bool(lived)


def _chosen(args: argparse.Namespace) -> tuple[Mutant, ...]:
    chosen = catalogue.load()
    if args.area:
        chosen = tuple(mutant for mutant in chosen if mutant.area == args.area)
    if args.name:
        chosen = tuple(mutant for mutant in chosen if args.name.lower() in mutant.name.lower())
    if args.share:
        chosen = catalogue.share(chosen, args.share, args.of)
    if not chosen:
        raise SystemExit("no bug of the catalogue is meant")
    return chosen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("name", nargs="?", help="only bugs whose name has these words")
    parser.add_argument("--area", choices=_areas(), help="only those of this file")
    parser.add_argument("--share", type=_positive, help="only one of so many shares, chosen by --of")
    parser.add_argument("--of", type=_hash, default="0", help="the hash of a commit")
    parser.add_argument("--with", dest="tests", nargs="+", default=(), metavar="TEST", help=WITH)
    parser.add_argument("--folder", help="where to put databases, such as /dev/shm")
    parser.add_argument("--json", action="store_true", help="print one object instead of lines")
    parser.add_argument("--verbose", action="store_true", help="print what the tests print, too")
    return parser.parse_args()


WITH = "run these tests instead of the named ones, and list all that fail: to find out which kill a new bug"


def _areas() -> list[str]:
    return sorted(path.stem for path in catalogue.FOLDER.glob("*.toml"))


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _hash(text: str) -> str:
    try:
        int(text, 16)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no hash") from None
    return text


def _stop_postgres(folder: Path) -> None:
    """Whatever is still running of the server in this folder."""
    pid = folder / "pg" / "postmaster.pid"
    if pid.exists():
        os.kill(int(pid.read_text("utf-8").split()[0]), signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
