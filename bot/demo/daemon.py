"""The daemon of the demo: `scrubjay run` in its own process, with its own settings file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memory import crash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.devnet.localnet import LocalNet
    from bot.devnet.people import Account

STOP_SECONDS = 30

SETTINGS = """\
# The demo's settings: minutes of conversation in seconds. Everything else is as it ships.
handle = "{handle}"
password = "{password}"
pds_url = "{pds}"
plc_url = "{plc}"
source = "firehose"
firehose_url = "{firehose}"
firehose_start = "oldest"    # the first start reads what was posted before it
data_dir = "{data}"
tempo = "at once"
think_delay = 0.3
post_delay = 0.1
person_spacing = 0.3
spacing = 0.02
partner_posts = 10           # these people talk faster than people do
direct_messages = false      # there is no chat service on loopback
lease = 2.0                  # a killed worker's mention is taken over soon
sweep = 0.2
"""


class Daemon:
    """`scrubjay run` in `folder`, where its settings, data and log stay."""

    def __init__(self, folder: Path, net: LocalNet, account: Account) -> None:
        self.config = folder / "scrubjay.toml"
        self.data = folder / "data"
        self.log = folder / "daemon.log"
        self.environment: dict[str, str] = {}  # beside that of this process
        self._process: subprocess.Popen[bytes] | None = None
        self.config.write_text(
            SETTINGS.format(
                handle=account.handle,
                password=account.password,
                pds=net.pds_url,
                plc=net.plc_url,
                firehose=net.firehose_url,
                data=self.data,
            )
        )
        self.config.chmod(0o600)

    def start(self, role: str = "all", *, crash_at: str | None = None) -> None:
        """Start it. `crash_at`: let it die at a point of `memory.crash`."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                self._words("run", "--role", role),
                cwd=self.config.parent,
                env=_environment(crash_at) | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def command(self, *words: str, crash_at: str | None = None) -> subprocess.CompletedProcess[str]:
        """Give another command with these settings, as the bot's operator does, and wait for its end."""
        return subprocess.run(  # noqa: S603 - this very program
            self._words(*words),
            cwd=self.config.parent,
            env=_environment(crash_at),
            capture_output=True,
            text=True,
            check=False,
        )

    def _words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "bot", "--config", str(self.config), *words]

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it stand still within the block, as a machine does that sleeps or swaps (SIGSTOP)."""
        if self._process is None:
            yield
            return
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to stop, as systemd does; return its exit code."""
        if self._process is not None:
            self._process.terminate()
        return self.wait(STOP_SECONDS)

    def wait(self, seconds: float) -> int:
        """Return its exit code. If it does not exit in time, it is killed, and the code is -1."""
        if self._process is None:
            return 0
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1


def _environment(crash_at: str | None) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("SCRUBJAY_")}
    return own | ({crash.VARIABLE: crash_at} if crash_at else {})
