"""Runs the bot for an hour among troubles, and asks what stands: `python -m benchmarks.soak --json`.

It is `benchmarks.crash` with one process that is not to die. Between the bot and its PDS, the people's hosts
and its model stands the server of `benchmarks.faults`. Every two minutes there is trouble for a minute: the
PDS is killed, slow, busy (429), breaks the connection or answers 500 after it has stored a post; the model
fails, hangs or is busy; the database is restarted (on SQLite: held by somebody else); the disk is full; the
clock jumps ahead and back; the bot is killed, and frozen. People post all the time. The judgement is that of
`crash`. Memory, open files and the sizes of files are those of the bot, ten minutes after it began and at
the end: what grows besides the database and the log is not as it should be.

A full disk needs the right to mount one (`root`), and a clock that jumps the package libfaketime, of which
this has no need otherwise: `pip install libfaketime`. What was left out is told.
"""

from __future__ import annotations

import argparse
import errno
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import faults
from benchmarks.crash import BAD, Trial, postgres
from benchmarks.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERIOD = 120.0  # seconds from one trouble to the next; it lasts half of that
WARM = 600.0  # seconds until sizes count
POST_EVERY = (8.0, 22.0)  # seconds between two posts: the bot allows itself 1,000 write points an hour
DISK_MB = 256
AHEAD = 3600  # seconds
MODEL = """
brain = "model"
model = "openai-compatible:double"
model_url = "{url}/v1"
model_key = "none"
brain_timeout = 10
"""
OF_SERVERS = (
    *("slow", "rate_limit", "outage", "busy", "lost_answer", "stored_500"),
    *("model_500", "model_hang", "model_429"),
)


class Soak(Trial):
    """The trial of `crash` with one process, behind a server of faults, with data on a disk of its own."""

    def __init__(
        self, folder: Path, server: Any, period: float, chance: random.Random, stack: ExitStack
    ) -> None:
        super().__init__(folder, server and server.get_uri(), 0, 1, chance, stack)
        self._postgres, self._troubled = server, period / 2
        self._front = stack.enter_context(faults.serving(self._net.pds_url, self._net.plc_url))
        written = self._first.config.read_text()
        for url in (self._net.pds_url, self._net.plc_url):
            written = written.replace(f'"{url}"', f'"{self._front.url}"')
        self._first.config.write_text(written + MODEL.format(url=self._front.url))
        self.without: list[str] = []
        self.troubles = self._troubles(stack)
        self._posting = threading.Lock()

    def _troubles(self, stack: ExitStack) -> dict[str, Callable[[], None]]:
        def served(name: str) -> Callable[[], None]:
            return lambda: self._serve(Fault(name, tuple(person.did for person in self._people)))

        found = {name: served(name) for name in OF_SERVERS}
        found |= {"pds down": self._down, "killed": self._die, "frozen": self._stand_still}
        found["database"] = self._restart if self._postgres else self._occupy
        if self._mount(stack):
            found["full disk"] = self._fill
        else:
            self.without.append("full disk")
        if find_spec("libfaketime"):
            found["clock"] = self._jump
            self._first.environment |= faked_clock(self._skew)
        else:
            self.without.append("clock")
        return found

    def _mount(self, stack: ExitStack) -> bool:
        self._first.data.mkdir()
        disk = ["-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "scrubjay", str(self._first.data)]
        done = subprocess.run(["mount", *disk], capture_output=True, check=False)
        if done.returncode == 0:
            stack.callback(subprocess.run, ["umount", "--lazy", str(self._first.data)], check=False)
        return done.returncode == 0

    @property
    def _skew(self) -> Path:
        return self._first.config.parent / "skew"

    # --- the troubles ----------------------------------------------------------------------------

    def _serve(self, fault: Fault) -> None:
        self._front.set(fault)
        time.sleep(self._troubled)
        self._front.set(Fault())

    def _down(self) -> None:
        with self._posting:  # nobody can post, and no post is under way
            self._net.kill()
            time.sleep(self._troubled)
            self._net.start()

    def _die(self) -> None:
        self._first.kill()
        self._first.start()

    def _stand_still(self) -> None:
        with self._first.frozen():
            time.sleep(self._troubled / 4)

    def _restart(self) -> None:
        for _ in range(3):
            self._postgres.stop()
            self._postgres.start()
            time.sleep(self._troubled / 3)

    def _occupy(self) -> None:
        with sqlite3.connect(self._first.data / "scrubjay.db", isolation_level=None) as held:
            held.execute("BEGIN IMMEDIATE")
            time.sleep(self._troubled)
            held.execute("ROLLBACK")

    def _fill(self) -> None:
        ballast = self._first.data / "ballast"
        with ballast.open("wb", buffering=0) as file:
            ends = time.monotonic() + self._troubled
            while time.monotonic() < ends:  # also what the bot sets free
                try:
                    file.write(bytes(4096))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    time.sleep(0.2)
        ballast.unlink()

    def _jump(self) -> None:
        for skew in (AHEAD, 0):
            self._skew.write_text(f"{skew:+}s")
            time.sleep(self._troubled / 2)

    # --- the hour --------------------------------------------------------------------------------

    def run(self, minutes: float) -> dict[str, Any]:
        """Run it so long. Returns what was measured of the process and its files."""
        self._skew.write_text("+0s")
        self._first.start()
        self.say()
        self.wait()  # until it runs
        over = threading.Event()
        talking = threading.Thread(target=self._talk, args=(over,))
        talking.start()
        began = time.monotonic()
        sizes: dict[str, dict[str, float]] = {}
        try:
            for number, name in enumerate(self._in_turn(began + minutes * 60)):
                self._tell(name)
                next_at = time.monotonic() + 2 * self._troubled
                self.troubles[name]()
                self.hits[name] += 1
                if not self._first.alive():
                    raise SystemExit(f"the bot ended by itself:\n{self._first.log.read_text()[-2000:]}")
                time.sleep(max(0.0, next_at - time.monotonic()))
                if number == 0 or time.monotonic() - began < WARM:
                    sizes["begin"] = self._sizes()
        finally:
            over.set()
            talking.join()
        self.wait()
        sizes["end"] = self._sizes()
        self._first.stop()
        return sizes

    def _tell(self, trouble: str) -> None:
        process, rss = self._first.pid, self._sizes()["rss_mb"]  # a process that was killed begins small
        told = f"{len(self.asked)} mentions, process {process}: {rss} MB; {trouble}"
        print(f"{time.strftime('%T')}, {told}", file=sys.stderr)

    def _in_turn(self, ends: float) -> Iterator[str]:
        """The troubles in an order that chance makes anew each time they are through."""
        while True:
            for name in self._chance.sample(sorted(self.troubles), len(self.troubles)):
                if time.monotonic() > ends:
                    return
                yield name

    def _talk(self, over: threading.Event) -> None:
        while not over.wait(self._chance.uniform(*POST_EVERY)):
            with self._posting:
                self.say()

    def _sizes(self) -> dict[str, float]:
        process = Path(f"/proc/{self._first.pid}")
        lines = (process / "status").read_text("ascii").splitlines()
        found = {"rss_mb": next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))}
        for name, folder in (("open_files", "fd"), ("threads", "task")):
            found[name] = float(sum(1 for _ in (process / folder).iterdir()))
        for file in self._first.data.iterdir():
            found[f"{file.name}_kb"] = file.stat().st_size / 1024
        return {name: round(value, 1) for name, value in found.items()}


def faked_clock(skew: Path) -> dict[str, str]:
    """The environment of a process whose clock goes wrong by what stands in this file."""
    library = next(Path(str(find_spec("libfaketime").origin)).parent.rglob("libfaketime.so.1"))  # type: ignore[union-attr]
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(skew),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def measure(minutes: float, period: float, db: str, seed: int) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        server = postgres(folder, stack) if db == "postgres" else None
        soak = Soak(folder, server, period, random.Random(seed), stack)
        sizes = soak.run(minutes)
        found = soak.judge()
    setting = {"benchmark": "soak", "db": db, "minutes": minutes, "seed": seed, "without": soak.without}
    return {**setting, **found, **sizes, "troubles": soak.hits}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--period", type=float, default=PERIOD, help="seconds from one trouble to the next")
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = measure(options.minutes, options.period, options.db, options.seed)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return 1 if any(found[name] for name in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
