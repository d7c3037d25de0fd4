"""Where a server listens: an IP address with a port, or a socket in the file system."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self

UNIX = "unix:"
LOCALHOST = "localhost"
MAX_PATH = 100  # bytes; the kernel takes 107 on Linux, 103 on macOS
PORT = re.compile(r"[0-9]{1,5}")
MAX_PORT = 65_535
WRONG = "should be an IP address with a port, or unix: and the whole path of a socket"


@dataclass(frozen=True, slots=True)
class Address:
    """`host` and `port` (0: any that is free), or `path`."""

    host: str = ""
    port: int = 0
    path: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        if text.startswith(UNIX):
            return cls(path=_checked_path(text.removeprefix(UNIX)))
        host, colon, port = text.rpartition(":")
        if not (colon and PORT.fullmatch(port) and int(port) <= MAX_PORT):
            raise ValueError(WRONG)
        return cls(_checked_host(host), int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.path is not None or self.host == LOCALHOST or ipaddress.ip_address(self.host).is_loopback

    def with_port(self, port: int) -> Self:
        return replace(self, port=port)

    def __str__(self) -> str:
        if self.path is not None:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _checked_path(path: str) -> str:
    """Raises ValueError."""
    whole = path.startswith("/") and not path.endswith("/") and "\0" not in path
    if not whole or len(path.encode()) > MAX_PATH:
        raise ValueError(f"{WRONG}, of at most {MAX_PATH} bytes")
    return path


def _checked_host(host: str) -> str:
    """An IPv6 address stands in brackets, because it has colons itself. Raises ValueError."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if bare == LOCALHOST:
        return bare
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(WRONG) from None
    if (address.version == 6) is not (bare != host):  # noqa: PLR2004 - as they are numbered
        raise ValueError(f"{WRONG}; IPv6 in brackets")
    return bare
