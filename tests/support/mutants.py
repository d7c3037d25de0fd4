"""Takes the conditions that name a person out of the source, one at a time."""

from __future__ import annotations

import ast
import importlib
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FunctionType

EVERYTHING = ast.parse("__import__('sqlalchemy').true()", mode="eval").body
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Condition:
    """`X.did == did` in a function: the `index`-th such comparison of its file."""

    path: Path
    index: int
    line: int
    text: str
    function: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function} {self.text}"

    @property
    def source(self) -> str:
        """The line that it is in."""
        return (ROOT / self.path).read_text("utf-8").splitlines()[self.line - 1].strip()

    @property
    def target(self) -> FunctionType:
        found = importlib.import_module(".".join(self.path.with_suffix("").parts))
        for name in self.function.split("."):
            found = getattr(found, name)
        return inspect.unwrap(found)

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Within the block the function runs without the condition."""
        target, code = self.target, self._code_without()
        before, target.__code__ = target.__code__, code
        try:
            yield
        finally:
            target.__code__ = before

    def _code_without(self) -> CodeType:
        tree = parse(self.path)
        doomed = comparisons(tree)[self.index][0]

        class Remove(ast.NodeTransformer):
            def visit_Compare(self, node: ast.Compare) -> ast.AST:
                return ast.copy_location(EVERYTHING, node) if node is doomed else self.generic_visit(node)

            def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
                node.ifs = [each for each in node.ifs if each is not doomed]
                self.generic_visit(node)
                return node

        changed = ast.fix_missing_locations(Remove().visit(tree))
        return find_code(compile(changed, str(self.path), "exec", dont_inherit=True), self.function)


def conditions(*folders: str) -> list[Condition]:
    """The conditions in these folders and files."""
    paths = [path for each in folders for path in sorted((ROOT / each).rglob("*.py")) or [ROOT / each]]
    return [
        Condition(path.relative_to(ROOT), index, node.lineno, ast.unparse(node), function)
        for path in paths
        for index, (node, function) in enumerate(comparisons(parse(path)))
    ]


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


def comparisons(tree: ast.Module) -> list[tuple[ast.Compare, str]]:
    """Each comparison of a row's person with a value, and the function or method that it is in."""
    owners = [
        (node, f"{parent.name}.{node.name}" if isinstance(parent, ast.ClassDef) else node.name)
        for parent in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef)))
        for node in parent.body
        if isinstance(node, ast.FunctionDef)
    ]
    return [
        (node, name)
        for owner, name in owners
        for node in ast.walk(owner)
        if isinstance(node, ast.Compare) and is_about_a_person(node)
    ]


def is_about_a_person(node: ast.Compare) -> bool:
    """`PASSAGE.did == did`, but not `PERSON.did == NOTE.did`, which joins two tables."""
    column, value = ast.unparse(node.left), ast.unparse(node.comparators[0])
    named = column.endswith(".did") or "selected_columns" in column
    return named and isinstance(node.ops[0], ast.Eq) and not value.split(".")[0][0].isupper()


def find_code(module: CodeType, function: str) -> CodeType:
    code = module
    for name in function.split("."):
        code = next(each for each in code.co_consts if inspect.iscode(each) and each.co_name == name)
    return code
