"""A Letta server, with a scripted model behind it, behind the real letta brain.

It is the double on loopback; or the live server at LETTA_BASE_URL, if LETTA_STUB tells where its model is
scripted (see stub_model.py): then the conformance suite proves the double too.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from bot.brains.letta.brain import Letta, LettaOptions
from support.brain_script import strings
from support.letta_double import MODEL, LettaDouble, serving

LIVE = bool(os.environ.get("LETTA_BASE_URL") and os.environ.get("LETTA_STUB"))


class LettaRig:
    def __init__(self, double: LettaDouble, url: str, timeout: float) -> None:
        span = timedelta(seconds=timeout)
        self.brain = Letta(LettaOptions(url, None, "scrubjay", MODEL, span, _now))
        self.script = double.script
        self._double = double

    @property
    def requests(self) -> list[str]:
        return [strings(shown) for shown in self._double.seen]


class LiveMind:
    def __init__(self, timeout: float) -> None:
        from support.stub_model import RemoteStub

        self.brain = live_brain(timeout)
        self._stub = RemoteStub(os.environ["LETTA_STUB"])
        self.script = self._stub.script

    @property
    def requests(self) -> list[str]:
        return self._stub.seen


@contextmanager
def letta_rig(*, timeout: float = 60.0 if LIVE else 20.0):
    """Yield one that has started: its agent stands, and the server has proved to obey."""
    if LIVE:
        yield from _live(timeout)
        return
    with serving(double := LettaDouble()) as url:
        rig = LettaRig(double, url, timeout)
        _run(rig.brain.start())
        yield rig


def _live(timeout: float):
    rig = LiveMind(timeout)
    _run(rig.brain.start())
    yield rig
    _run(leave(rig.brain))


def live_brain(timeout: float = 60.0) -> Letta:
    """A brain before the server at LETTA_BASE_URL, with an agent of its own."""
    key, model = os.environ.get("LETTA_API_KEY"), os.environ.get("LETTA_MODEL", "openai-proxy/stub")
    name = f"scrubjay-contract-{secrets.token_hex(4)}"
    span = timedelta(seconds=timeout)
    url = os.environ["LETTA_BASE_URL"]
    brain = Letta(LettaOptions(url, SecretStr(key) if key else None, name, model, span, _now))
    brain._client._client.headers["connection"] = "close"  # it lives through several event loops
    return brain


def _run(work) -> None:
    """In a thread of its own, because the caller may stand in an event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def leave(brain: Letta) -> None:
    """Leave nothing on the live server."""
    await brain.forget()
    await brain.close()


def _now() -> datetime:
    return datetime.now(UTC)
