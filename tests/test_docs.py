"""The lists in the README are made from the code: `python tests/test_docs.py` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from bot.cli import main
from bot.config.settings import table

README = Path(__file__).parents[1] / "README.md"


def commands() -> str:
    rows = ["| command | what it does |", "|---|---|"]
    for path, command in sorted(walk(main, "scrubjay")):
        rows.append(f"| `{usage(path, command)}` | {command.get_short_help_str(200).rstrip('.')} |")
    return "\n".join(rows)


def walk(group: click.Group, path: str):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walk(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def usage(path: str, command: click.Command) -> str:
    arguments = [
        one.make_metavar(click.Context(command))
        for one in command.params
        if one.param_type_name == "argument"
    ]
    return " ".join([path, *arguments]).replace("|", "\\|")


LISTS = {"settings": table, "commands": commands}


def section(name: str, text: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", text, re.DOTALL)
    assert found, f"README.md has no <!-- {name} --> section"
    return found[1].strip()


@pytest.mark.parametrize("name", LISTS)
def test_the_readme_lists_what_the_code_has(name):
    assert section(name, README.read_text("utf-8")) == LISTS[name](), "run: python tests/test_docs.py"


def test_every_promise_stands_beside_a_test_that_exists():
    tests = "\n".join(path.read_text("utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    promises = section("promises", README.read_text("utf-8")).splitlines()[2:]
    named = [re.findall(r"`(test_\w+)`", promise.rsplit("|", 2)[1]) for promise in promises]

    assert all(named)
    assert [name for names in named for name in names if f"def {name}(" not in tests] == []


def write() -> None:
    text = README.read_text("utf-8")
    for name, make in LISTS.items():
        filled = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        text = re.sub(
            rf"<!-- {name} -->.*?<!-- /{name} -->", lambda _, new=filled: new, text, flags=re.DOTALL
        )
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    write()
