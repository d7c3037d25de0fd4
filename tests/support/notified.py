"""What systemd would be told: a real datagram socket to which a service reports."""

from __future__ import annotations

import socket
import time


class Notified:
    """Bind it to a path, or to `@name` in the abstract namespace. `watchdog`: seconds."""

    def __init__(self, address, watchdog=None):
        self.address = str(address)
        self.messages = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self.address[1:]}" if self.address.startswith("@") else self.address)
        self.environment = {"NOTIFY_SOCKET": self.address}
        if watchdog is not None:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))

    def next(self, seconds):
        """The next message within so many seconds; None if there is none."""
        self._socket.settimeout(max(seconds, 0.001))
        try:
            self.messages.append(self._socket.recv(4096).decode())
        except TimeoutError:
            return None
        return self.messages[-1]

    def until(self, wanted, seconds=60):
        """Whether this message comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if (message := self.next(left)) is not None and wanted in message.splitlines():
                return True
        return False

    def empty(self):
        """Take what is there."""
        while self.next(0) is not None:
            pass

    def close(self):
        self._socket.close()
