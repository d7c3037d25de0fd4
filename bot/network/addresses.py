"""Where a URL that a stranger wrote may lead. Pure.

A host must be a public DNS name on https and port 443, and every address that it resolves to must be public.
Only the origins of the operator's own settings are exempt: exactly that scheme, host and port.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from bot.errors import ReadRefused

if TYPE_CHECKING:
    from collections.abc import Collection

HTTPS_PORT = 443
PORTS = {"https": HTTPS_PORT, "http": 80}
# Neither user info, escapes, spaces nor backslashes: what no two parsers read differently.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[!-~]*)?"
)
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
LAST_LABEL = re.compile(r"[a-z][a-z0-9-]*")  # 127.1, 0x7f.1 and 10.0.0.0xa are addresses to a resolver
MAX_HOST = 253
# special-use names (RFC 6761, 6762, 7686, 8375, 9476) that lead inward, or nowhere
INWARD = frozenset({"localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp"})
NOWHERE = frozenset({"arpa", "invalid", "onion", "alt"})
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# What some Pythons take for global: protocol assignments (Oracle's metadata service is among them), relays of
# 6to4, Azure's own service, and documentation (RFC 6890, 7526, 9637)
NOT_PUBLIC = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20")))


class Origin(NamedTuple):
    """Scheme, host and port, as RFC 6454 has them. The host is in lower case."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Origin | None:
        """The origin of a URL; None if it is none that two parsers read alike."""
        found = URL.fullmatch(url)
        if not found:
            return None
        scheme = found["scheme"]
        return cls(scheme, found["host"].lower(), int(found["port"] or PORTS[scheme]))


def target(url: str) -> str:
    """Path and query of a URL that has an origin."""
    found = URL.fullmatch(url)
    return (found["target"] if found else None) or "/"


def origin_to_visit(url: str, own: Collection[Origin]) -> Origin:
    """The origin to connect to. Raises ReadRefused with the reason if it is forbidden."""
    origin = Origin.parse(url)
    if origin is None:
        raise ReadRefused("that is no plain URL of a host")
    if origin in own:
        return origin
    reason = _forbidden(origin)
    if reason:
        raise ReadRefused(f"{origin.host[:100]} {reason}")
    return origin


def _forbidden(origin: Origin) -> str | None:
    labels = origin.host.split(".")
    if origin.scheme != "https" or origin.port != HTTPS_PORT:
        return "is not reached by https on port 443"
    if origin.host.startswith("[") or (labels[-1] and not LAST_LABEL.fullmatch(labels[-1])):
        return "is an address, and not a name"
    if len(origin.host) > MAX_HOST or not all(map(LABEL.fullmatch, labels)):
        return "is no host name"
    if len(labels) == 1 or labels[-1] in INWARD:
        return "is a name of a local network"
    if labels[-1] in NOWHERE:
        return "is no name of the public DNS"
    return None


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, also inside of what wraps an IPv4 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return all(map(_is_public, _unwrapped(parsed)))


def _unwrapped(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The addresses that a packet to this one may reach: IPv4-mapped, NAT64, 6to4 and Teredo hold others."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    held = [*(address.teredo or ()), *([address.sixtofour] if address.sixtofour else [])]
    return [address, *held]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
