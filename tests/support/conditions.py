"""Takes the conditions that name a person out of the source, one at a time.

A condition stands in a function, or in a constant of its module, which is then made anew without it, with
the constants that are made of it.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FunctionType, ModuleType

EVERYTHING = ast.parse("__import__('sqlalchemy').true()", mode="eval").body
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Condition:
    """`X.did == did` in a function or a constant: the `index`-th such comparison of its file."""

    path: Path
    index: int
    line: int
    text: str
    owner: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.owner} {self.text}"

    @property
    def source(self) -> str:
        """The line that it is in."""
        return (ROOT / self.path).read_text("utf-8").splitlines()[self.line - 1].strip()

    @property
    def users(self) -> set[CodeType]:
        """The code that has the condition, or that names a constant which is made of it."""
        if not self.owner.isupper():
            return {self._target.__code__}
        names = {name for name, _ in self._assignments(parse(self.path))}
        return {
            each.__code__ for each in functions(self._module) if not names.isdisjoint(named(each.__code__))
        }

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Within the block the program runs without the condition."""
        if self.owner.isupper():
            space, changed = vars(self._module), self._constants_without()
            before = {name: space[name] for name in changed}
            space.update(changed)
            try:
                yield
            finally:
                space.update(before)
            return
        target, code = self._target, find_code(self._compiled(self._tree_without()), self.owner)
        before_code, target.__code__ = target.__code__, code
        try:
            yield
        finally:
            target.__code__ = before_code

    @property
    def _module(self) -> ModuleType:
        return importlib.import_module(".".join(self.path.with_suffix("").parts))

    @property
    def _target(self) -> FunctionType:
        found: Any = self._module
        for name in self.owner.split("."):
            found = getattr(found, name)
        return inspect.unwrap(found)

    def _constants_without(self) -> dict[str, object]:
        """The constants that the condition is in, made anew without it."""
        space = dict(vars(self._module))
        made = self._assignments(self._tree_without())
        tree = ast.Module([node for _, node in made], type_ignores=[])
        exec(self._compiled(tree), space)
        return {name: space[name] for name, _ in made}

    def _assignments(self, tree: ast.Module) -> list[tuple[str, ast.stmt]]:
        """The assignment to the constant, and those of what is made of it."""
        names: dict[str, ast.stmt] = {}
        for name, node in constants(tree):
            used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            if name == self.owner or not used.isdisjoint(names):
                names[name] = node
        return list(names.items())

    def _compiled(self, tree: ast.Module) -> CodeType:
        return compile(tree, str(self.path), "exec", __future__.annotations.compiler_flag, dont_inherit=True)

    def _tree_without(self) -> ast.Module:
        tree = parse(self.path)
        doomed = comparisons(tree)[self.index][0]

        class Remove(ast.NodeTransformer):
            def visit_Compare(self, node: ast.Compare) -> ast.AST:
                return ast.copy_location(EVERYTHING, node) if node is doomed else self.generic_visit(node)

            def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
                node.ifs = [each for each in node.ifs if each is not doomed]
                self.generic_visit(node)
                return node

        changed: ast.Module = ast.fix_missing_locations(Remove().visit(tree))
        return changed


def conditions(*folders: str) -> list[Condition]:
    """The conditions in these folders and files."""
    paths = [path for each in folders for path in sorted((ROOT / each).rglob("*.py")) or [ROOT / each]]
    return [
        Condition(path.relative_to(ROOT), index, node.lineno, ast.unparse(node), owner)
        for path in paths
        for index, (node, owner) in enumerate(comparisons(parse(path)))
    ]


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"))


def comparisons(tree: ast.Module) -> list[tuple[ast.Compare, str]]:
    """Each comparison of a row's person with a value, and the function, method or constant that it is in."""
    owners: list[tuple[ast.AST, str]] = [(node, name) for name, node in constants(tree)]
    owners += [
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


def constants(tree: ast.Module) -> list[tuple[str, ast.stmt]]:
    """The assignments of a module to names in capitals."""
    found = []
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id.isupper():
            found.append((target.id, node))
    return found


def functions(module: ModuleType) -> Iterator[FunctionType]:
    """The functions and methods that a module defines."""
    for owner in (module, *(each for each in vars(module).values() if inspect.isclass(each))):
        for each in map(inspect.unwrap, filter(callable, vars(owner).values())):
            if inspect.isfunction(each) and each.__module__ == module.__name__:
                yield each


def named(code: CodeType) -> set[str]:
    """The global names in a function, and in the functions within it."""
    inner = (named(each) for each in code.co_consts if inspect.iscode(each))
    return set(code.co_names).union(*inner)


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
