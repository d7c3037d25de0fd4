"""What the documentation's pages promise to a reader who follows them: links, paths, names and commands.

`faults` returns one line for each that leads nowhere. `path.py::name` names what a module defines.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import click

from bot.cli import main
from bot.config.loading import CONFIG, PREFIX, SECRETS
from bot.config.settings import Settings

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
PLACE = re.compile(
    r"(?P<path>(?:benchmarks|bot|deploy|docs|memory|tests)/[\w./-]*)(?:::(?P<name>\w+(?:\.\w+)?))?"
)
MODULE = re.compile(r"(?:benchmarks|bot|memory\.(?:rules|search|rows|transfer))(?:\.\w+)+")
TARGET = re.compile(r"\bmake ([a-z]+)")
VARIABLE = re.compile(rf"\b{PREFIX}[A-Z_]+\b")
COMMAND = re.compile(r"^ *scrubjay((?: +[a-z]+)*)", re.MULTILINE)


def pages() -> tuple[Path, ...]:
    top = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")]
    return (*(page for page in top if page.is_file()), *sorted((ROOT / "docs").glob("*.md")))


def faults(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    return [*wrong_links(text, page), *wrong_code(text)]


def wrong_links(text: str, page: Path) -> list[str]:
    found = []
    for link in LINK.findall(_prose(text)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or not target.is_relative_to(ROOT):
            found.append(f"({link}): there is no such page")
        elif anchor and anchor not in anchors(text if target == page else target.read_text("utf-8")):
            found.append(f"({link}): the page has no such heading")
    return found


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(_prose(text)))
    return {heading.replace(" ", "-") for heading in headings}


def wrong_code(text: str) -> list[str]:
    """What is wrong in code, whether it stands in a line, a fence or an indented block."""
    spans = SPAN.findall(_prose(text))
    code = "\n".join([*spans, *FENCE.findall(text), *INDENTED.findall(FENCE.sub("", text))])
    return [
        *(f"`{span}`: {fault}" for span in spans if (fault := _wrong_place(span) or _wrong_module(span))),
        *(f"make {name}: no such target" for name in TARGET.findall(code) if name not in targets()),
        *(f"{name}: no such setting" for name in VARIABLE.findall(code) if name not in variables()),
        *(f"scrubjay{words}: no such command" for words in COMMAND.findall(code) if not is_command(words)),
    ]


def _prose(text: str) -> str:
    return FENCE.sub("", text)


def _wrong_place(span: str) -> str | None:
    found = PLACE.fullmatch(span)
    if found is None:
        return None
    path = ROOT / found["path"]
    if not path.exists():
        return "there is no such file"
    if found["name"] and found["name"] not in defined(path):
        return f"it does not define {found['name']}"
    return None


def _wrong_module(span: str) -> str | None:
    """A module, or something that a module defines."""
    if not MODULE.fullmatch(span):
        return None
    *parent, name = span.split(".")
    here, above = ROOT.joinpath(*parent, name), ROOT.joinpath(*parent).with_suffix(".py")
    exists = (
        here.is_dir() or here.with_suffix(".py").is_file() or (above.is_file() and name in defined(above))
    )
    return None if exists else "there is no such module"


@cache
def defined(path: Path) -> frozenset[str]:
    """What a module defines at its top, and the methods of its classes as `Class.method`."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if hasattr(each, "name")}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(names)


@cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@cache
def variables() -> frozenset[str]:
    fields = {f"{PREFIX}{name.upper()}{end}" for name in Settings.model_fields for end in ("", "_FILE")}
    return frozenset({*fields, CONFIG, SECRETS})


def is_command(words: str) -> bool:
    """Whether these words, as far as they name commands, name one that can be run."""
    found: click.Command = main
    for word in words.split():
        if not isinstance(found, click.Group):
            return True  # an argument
        if word not in found.commands:
            return False
        found = found.commands[word]
    return True
