"""The catalogue of seeded bugs fits the code: `make mutants` proves that each is killed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
from mutants.catalogue import FOLDER, ROOT, Mutant, load, share

MUTANTS = load()
AT_LEAST = 120
each_area = pytest.mark.parametrize("area", sorted(path.stem for path in FOLDER.glob("*.toml")))


def of(area: str) -> list[Mutant]:
    return [mutant for mutant in MUTANTS if mutant.area == area]


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions)


def exists(test: str) -> bool:
    """`test` is a node id, perhaps with parameters."""
    file, _, name = test.partition("::")
    return (ROOT / file).is_file() and name.rpartition("::")[2].partition("[")[0] in names_in(file)


@each_area
def test_what_a_bug_replaces_stands_once_in_its_file(area: str):
    found = {mutant.name: mutant.path.read_text("utf-8").count(mutant.old) for mutant in of(area)}
    assert {name: count for name, count in found.items() if count != 1} == {}


@each_area
def test_a_bug_changes_the_program_and_compiles(area: str):
    for mutant in of(area):
        before = ast.dump(ast.parse(mutant.path.read_text("utf-8")))
        assert ast.dump(ast.parse(mutant.source)) != before, mutant.name
        compile(mutant.source, mutant.file, "exec", dont_inherit=True)


@each_area
def test_the_tests_that_kill_a_bug_exist(area: str):
    assert [mutant.name for mutant in of(area) if not mutant.killed_by] == []
    assert [test for mutant in of(area) for test in mutant.killed_by if not exists(test)] == []


def test_no_bug_stands_there_twice():
    names = Counter(mutant.name for mutant in MUTANTS)
    bugs = Counter((mutant.file, mutant.old, mutant.new) for mutant in MUTANTS)
    assert [name for name, count in (names + bugs).items() if count > 1] == []


def test_the_catalogue_is_as_large_as_promised():
    assert len(MUTANTS) >= AT_LEAST


def test_the_shares_are_the_whole():
    shares = [share(MUTANTS, 5, f"{number:x}") for number in range(10, 15)]
    assert sorted(mutant.name for one in shares for mutant in one) == sorted(one.name for one in MUTANTS)


def test_a_test_that_does_not_exist_is_noticed():
    assert exists("tests/test_mutants.py::test_a_test_that_does_not_exist_is_noticed")
    assert not exists("tests/test_mutants.py::test_nothing")
    assert not exists("tests/test_nothing.py::test_nothing")


@pytest.fixture
def run(tmp_path):
    """Runs `make mutants` with these arguments: (exit code, what it tells)."""

    def run(*arguments: str):
        done = subprocess.run(
            [sys.executable, "-m", "mutants", "--json", "--folder", str(tmp_path), *arguments],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout) | {"seconds": None}

    return run


@pytest.mark.slow
def test_a_bug_is_killed_by_the_tests_that_are_named_for_it_and_lives_with_others(run):
    bug, stranger = "A claim has no lease", "tests/storage/test_cursors.py"
    told = {"count": 1, "killed": 1, "lived": [], "seconds": None}
    assert run(bug) == (0, told)
    assert run(bug, "--with", stranger) == (1, told | {"killed": 0, "lived": [bug]})
