"""What a process reads when it starts: `python -m benchmarks.start URL FOLDER` prints times and memory."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.throughput import make_harness
from bot.log import configure
from bot.privacy.reapplying import apply_journal
from bot.wording import detection
from memory.db import Database

ERASED = 1000  # people whom the journal names


def resident_mb() -> float:
    """The memory of this process, in megabytes."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def age_ms() -> float:
    """How long ago this process began."""
    ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
    return (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")) * 1000


def main(url: str, folder: str) -> None:
    configure("error")
    detection.load()
    db, found = Database(url), {}
    with db.read():
        began, before = time.perf_counter(), resident_mb()
    harness = make_harness(db, Path(folder), datetime.now(UTC))
    harness.services.ledger.is_settled("at://nobody/post/1")
    found["start: ledger"] = (time.perf_counter() - began) * 1000
    found["start: ledger, MB"] = resident_mb() - before
    began, before = time.perf_counter(), resident_mb()
    with db.read() as tx:
        harness.handler.load_tracked(tx)
    found["start: tracked"] = (time.perf_counter() - began) * 1000
    found["start: tracked, MB"] = resident_mb() - before
    found["start"] = age_ms()  # but for what is asked of the network
    services = harness.services
    with db.write() as tx:
        services.journal.add(tx, datetime.now(UTC), *(f"did:plc:nobody{number}" for number in range(ERASED)))
        services.journal.mark_applied(tx)
    began = time.perf_counter()
    apply_journal(db, services.memory, services.ledger, services.journal, datetime.now(UTC))
    found["start: journal"] = (time.perf_counter() - began) * 1000
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
