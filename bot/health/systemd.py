"""Tells systemd how the service is: sd_notify(3), over the datagram socket that NOTIFY_SOCKET names.

The libraries for it need C, or are no longer kept; the protocol is one datagram of lines.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger()

PINGS = 3  # in the time after which systemd gives up
SHORTEST = 0.1  # seconds between two messages, however soon the watchdog bites
TICK = 10.0  # seconds between two messages when no watchdog asks for more


@dataclass(slots=True)
class Systemd:
    """`address`: a path, or `@name` in the abstract namespace. `watchdog`: seconds, None without one."""

    address: str
    watchdog: float | None = None
    _unreachable: bool = False

    @property
    def interval(self) -> float:
        """Seconds between two messages."""
        return min(TICK, max(SHORTEST, self.watchdog / PINGS)) if self.watchdog else TICK

    def tell(self, **state: object) -> None:
        """Send these, such as READY=1. That nobody takes them is logged once, and no error."""
        message = "\n".join(f"{name}={value}".replace("\n", " ") for name, value in state.items())
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.setblocking(False)
                to.sendto(message.encode(), address)
            self._unreachable = False
        except OSError as error:
            if not self._unreachable:
                log.warning("systemd.unreachable", error=type(error).__name__)
            self._unreachable = True


def of_environment(env: Mapping[str, str] | None = None) -> Systemd | None:
    """The systemd that started this process; None if none did, or wants to hear nothing."""
    env = os.environ if env is None else env
    address = env.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return None
    ours = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    microseconds = env.get("WATCHDOG_USEC", "")
    watchdog = int(microseconds) / 1_000_000 if ours and microseconds.isdecimal() else 0
    return Systemd(address, watchdog or None)
