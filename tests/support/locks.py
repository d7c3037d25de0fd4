"""What a lock file holds, and whether it is what a project's requirements come to.

It asks no network: what a package requires is read from its installed metadata.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ENTRY = re.compile(r"^(?P<pin>[a-z0-9][^\\\n]*?)(?: \\)?\n(?P<more>(?: .*\n?)*)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
FOREIGN = re.compile(r"://|^-|^\S+ @ ", re.MULTILINE)


def pins(lock: str) -> dict[str, Requirement]:
    """The pins that apply to this platform and this Python, by name."""
    found = (Requirement(entry["pin"]) for entry in ENTRY.finditer(lock))
    return {canonicalize_name(one.name): one for one in found if one.marker is None or one.marker.evaluate()}


def version(pin: Requirement) -> str:
    (exact,) = pin.specifier
    return exact.version


def closure(asked: Iterable[str], left_out: Iterable[str] = ()) -> Iterator[Requirement]:
    """These requirements, and what the installed packages require in turn, as far as it applies here."""
    todo = [(Requirement(one), "") for one in asked]
    seen = set()
    while todo:
        wanted, extra = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in left_out or (wanted.marker and not wanted.marker.evaluate({"extra": extra})):
            continue
        yield wanted
        for each in {"", *wanted.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, each))
            todo += [(one, each) for one in required(name)]


@cache
def required(name: str) -> tuple[Requirement, ...]:
    """What the package of this name requires, if it is installed."""
    try:
        return tuple(map(Requirement, requires(name) or ()))
    except PackageNotFoundError:
        return ()


def faults(lock: str, asked: Iterable[str], left_out: Iterable[str] = ()) -> list[str]:
    """One line for each way in which this lock is not what is asked for."""
    pinned, wanted = pins(lock), list(closure(asked, left_out))
    names = {canonicalize_name(one.name) for one in wanted}
    return [
        *(f"{name}: nothing asks for it" for name in sorted(pinned.keys() - names)),
        *sorted({fault for one in wanted if (fault := _fault(one, pinned))}),
        *(f"{entry['pin']}: no hash" for entry in ENTRY.finditer(lock) if not HASH.search(entry["more"])),
        *(f"{found[0]}: a lock names no host, no option and no file" for found in FOREIGN.finditer(lock)),
    ]


def _fault(wanted: Requirement, pinned: dict[str, Requirement]) -> str | None:
    pin = pinned.get(canonicalize_name(wanted.name))
    if pin is None:
        return f"{wanted.name}: missing"
    if not wanted.specifier.contains(version(pin), prereleases=True):
        return f"{pin}: not {wanted}"
    if not wanted.extras <= pin.extras:
        return f"{pin}: pip takes it only with the extras of {wanted}"
    return None
