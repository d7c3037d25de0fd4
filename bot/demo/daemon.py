"""The daemon of the demo: `scrubjay run` in its own process, with its own settings file."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

    def start(self, role: str = "all") -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SCRUBJAY_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "bot", "--config", str(self.config), "run", "--role", role],
                cwd=self.config.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

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
