"""The house rules that no linter keeps."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ONE_SUBJECT = {
    *("bot/config/settings.py", "bot/factory.py", "bot/storage/tables.py"),
}
FILES = sorted(path for package in ("bot", "memory") for path in (ROOT / package).rglob("*.py"))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, without its docstring."""
    first = function.body[0]
    described = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if described and ast.get_docstring(function) else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_over_50_lines(path):
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {one.name: length(one) for one in functions if length(one) > 50} == {}


def test_every_module_over_300_lines_was_found_to_be_one_subject():
    long = {str(path.relative_to(ROOT)) for path in FILES if len(path.read_text("utf-8").splitlines()) > 300}
    assert long == ONE_SUBJECT


def test_the_packages_are_found():
    assert ROOT / "bot" / "domain" / "mention.py" in FILES
    assert ROOT / "memory" / "model.py" in FILES


def test_a_long_function_is_measured_without_its_docstring():
    function = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    return 1\n').body[0]
    assert length(function) == 2
