"""SIGTERM and SIGHUP end a command as Ctrl-C does, so that it removes what it has half done."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SIGNALS = signal.SIGTERM, signal.SIGHUP


class _Ended(SystemExit):
    """A signal came; `code` is its number."""


@contextmanager
def tidy() -> Iterator[None]:
    """Leave the block when a signal comes, and die of it then; at once of a second one.

    A signal that is ignored (nohup) stays so.
    """
    ours = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []  # only the main thread is told of signals
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    except _Ended as ended:
        os.kill(os.getpid(), int(ended.args[0]))
        raise
    finally:
        _give_back(ours)


def _end(number: int, _frame: object) -> None:
    _give_back(SIGNALS)
    raise _Ended(number)


def _give_back(numbers: Iterable[int]) -> None:
    for number in numbers:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)
