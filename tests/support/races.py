"""Threads that meet between what they read and what they write."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import wraps


def meet_after(monkeypatch, owner, name, parties=2):
    """Let threads wait for each other after this call of `owner`, for a second, if they all get that far."""
    call, barrier = getattr(owner, name), threading.Barrier(parties, timeout=1)

    @wraps(call)
    def together(*values, **more):
        result = call(*values, **more)
        with suppress(threading.BrokenBarrierError):
            barrier.wait()
        return result

    monkeypatch.setattr(owner, name, together)


def at_once(*steps):
    """What the steps return, each in a thread of its own."""
    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(lambda step: step(), steps))
