"""The wheel, built and installed outside of the checkout, with what is locked."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from bot.devnet import node

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[1]
TYPED = """
import bot, memory, pathlib
print([pathlib.Path(each.__file__).with_name("py.typed").is_file() for each in (bot, memory)])
"""
SHIPPED = """
from bot.devnet.node import HOME, SHIPPED
print(HOME)
print(*sorted(file.name for file in SHIPPED.iterdir()))
"""
UNPACK = """
import shutil
from bot.devnet.node import HOME, SHIPPED
print(shutil.copytree(SHIPPED, HOME))
"""


def done(*command, **more):
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **more
    )


def must(*command, **more):
    result = done(*command, **more)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the source distribution, as a packager would: what that lacks, the wheel lacks."""
    dist = tmp_path_factory.mktemp("dist")
    must(sys.executable, "-m", "uv", "build", "--no-build-isolation", "--out-dir", dist, cwd=ROOT)
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The `bin` of a fresh environment. pip installs the lock here; make installs it with uv."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=True, symlinks=True)
    binaries = home / "venv" / "bin"
    pip = (binaries / "python", "-m", "pip", "install", "--quiet")
    must(*pip, "--require-hashes", "--requirement", ROOT / "requirements.lock", cwd=home)
    must(*pip, "--no-deps", "--no-index", wheel, cwd=home)
    return binaries


@pytest.fixture
def run(installed, tmp_path):
    """Runs a program of that environment in an empty folder, which is its home, with no setting but these."""

    def start(program, *args, stdin="", **settings):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "localhost,127.0.0.1"}
        return done(installed / program, *args, cwd=tmp_path, env=environment | settings, input=stdin)

    return start


def test_a_wheel_holds_two_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"bot", "memory"}
    shipped = {path.name for path in (ROOT / "migrations" / "versions").glob("*.py")}
    assert {f"memory/migrations/versions/{name}" for name in shipped} < set(names)
    assert {"bot/py.typed", "memory/py.typed", "memory/migrations/env.py"} < set(names)


def test_a_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert set(metadata.get_all("Provides-Extra")) == {"demo", "e5", "model", "postgres"}


def test_an_installed_scrubjay_helps(run):
    assert "A Bluesky bot that remembers people." in run("scrubjay", "--help").stdout


def test_its_types_are_for_those_who_import_it(run):
    assert run("python", "-c", TYPED).stdout == "[True, True]\n"


def test_it_upgrades_its_database_and_runs_no_foreign_migrations(run, tmp_path):
    foreign = tmp_path / "path" / "migrations"
    (foreign / "versions").mkdir(parents=True)
    for name in ("__init__.py", "env.py"):
        (foreign / name).write_text(f"raise SystemExit('foreign {name}')")
    settings = {"PYTHONPATH": str(foreign.parent), "SCRUBJAY_DATABASE_URL": f"sqlite:///{tmp_path}/new.db"}
    upgraded = run("scrubjay", "db", "upgrade", **settings)
    checked = json.loads(run("scrubjay", "db", "check", "--json", **settings).stdout)
    head = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("*.py"))
    assert (upgraded.returncode, "foreign" in upgraded.stderr) == (0, False)
    assert checked == {"found": head, "wanted": head, "ok": True}


def test_it_answers_in_a_chat_and_remembers(run):
    told = run("scrubjay", "chat", stdin="I live in Lisbon.\nWhat do you know about me?\n")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("Lisbon") >= 2


def test_it_finds_the_files_of_the_network_on_loopback(run, tmp_path):
    home, names = run("python", "-c", SHIPPED).stdout.splitlines()
    assert Path(home).is_relative_to(tmp_path / ".cache" / "scrubjay")
    assert names.split() == ["loopback.mjs", "net.mjs", "package-lock.json", "package.json"]


@pytest.mark.network
def test_it_holds_the_demo(run):
    """With the packages that the checkout has, so that npm need not build them once more."""
    home = Path(run("python", "-c", UNPACK).stdout.strip())
    (home / "node_modules").symlink_to(node.HOME / "node_modules")
    shown = run("scrubjay", "demo", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["wrong"] == []
