"""The pages are true. `make docs` writes their tables, `make transcript` what the demo prints."""

from __future__ import annotations

import re
import sys
import tomllib
from typing import TYPE_CHECKING

import click
import pytest
from mutants.catalogue import load
from support import life, transcript
from support.pages import ROOT, anchors, faults, pages, wrong_code, wrong_links

from bot.cli import main
from bot.config.settings import Settings, table
from bot.demo.script import SCRIPT
from bot.devnet.node import APPVIEW
from bot.health import metrics
from bot.health.vitals import Check
from bot.tools.toolbox import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
DOCS = ROOT / "docs"
MOST_LINES = 120


# --- what is made from the code --------------------------------------------------------------------


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


def tools() -> str:
    rows = ["| tool | what a model is told of it |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{name}` | {tool.spec.description} |" for name, tool in TOOLS.items())])


def floors() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    found = [(one["containers"][0], one["layers"]) for one in contracts if one["type"] == "layers"]
    return "\n\n".join(f"```\n{package}:\n{_indented(layers)}\n```" for package, layers in found)


def _indented(layers: list[str]) -> str:
    return "\n".join(f"    {layer}" for layer in layers)


def mutants() -> str:
    """How many seeded bugs there are, and how many tests kill them."""
    bugs = load()
    areas = {area: [bug for bug in bugs if bug.area == area] for area in sorted({bug.area for bug in bugs})}
    rows = ["| area | seeded bugs | tests that kill them |", "|---|---|---|"]
    for name, some in (*areas.items(), ("in all", bugs)):
        tests = {test.partition("[")[0] for bug in some for test in bug.killed_by}
        rows.append(f"| {name} | {len(some)} | {len(tests)} |")
    return "\n".join(rows)


LISTS = {
    "settings": (DOCS / "settings.md", table),
    "commands": (DOCS / "commands.md", commands),
    "tools": (DOCS / "models.md", tools),
    "floors": (DOCS / "architecture.md", floors),
    "metrics": (DOCS / "watching.md", metrics.table),
    "mutants": (DOCS / "promises.md", mutants),
}
DEMO = "transcript"


def section(name: str, page: Path) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", page.read_text("utf-8"), re.DOTALL)
    assert found, f"{page.name} has no <!-- {name} --> section"
    return found[1].strip("\n")


def fill(name: str, page: Path, content: str) -> None:
    filled = f"<!-- {name} -->\n{content}\n<!-- /{name} -->"
    old = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    page.write_text(old.sub(lambda _: filled, page.read_text("utf-8")), "utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_a_table_says_what_the_code_has(name):
    page, make = LISTS[name]
    assert section(name, page) == make(), "run: make docs"


def test_every_setting_command_and_tool_is_named_in_the_docs():
    text = "\n".join(page.read_text("utf-8") for page in pages())
    names = [*Settings.model_fields, *TOOLS]
    assert [name for name in names if f"`{name}`" not in text] == []
    assert [path for path, _ in walk(main, "scrubjay") if f"`{path}" not in text] == []


def test_every_metric_and_check_that_a_page_names_is_one():
    text = "\n".join(page.read_text("utf-8") for page in pages())
    known = {f"{metrics.PREFIX}{metric.name}" for metric in metrics.METRICS}
    assert set(re.findall(r"\bscrubjay_[a-z_]+[a-z]\b", text)) == known
    explained = re.findall(r"^\| `(\w+): ", (DOCS / "watching.md").read_text("utf-8"), re.MULTILINE)
    assert set(explained) == {check.value for check in Check if check is not Check.RUNNING}


def test_every_promise_stands_beside_a_test_that_exists():
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    promises = section("promises", DOCS / "promises.md").splitlines()[2:]
    named = [re.findall(r"`(test_\w+)`", promise.rsplit("|", 2)[1]) for promise in promises]

    assert promises
    assert all(named)
    assert [name for names in named for name in names if f"def {name}(" not in tests] == []


def test_every_package_has_its_line_in_the_architecture():
    text = (DOCS / "architecture.md").read_text("utf-8")
    packages = [
        path.parent.relative_to(ROOT)
        for top in ("bot", "memory")
        for path in (ROOT / top).rglob("__init__.py")
        if "migrations" not in path.parts  # Alembic's own form
    ]
    assert [name for path in packages if f"`{(name := path.as_posix())}/`" not in text] == []


def test_every_log_event_that_is_explained_is_logged():
    rows = re.findall(
        r"^\| (.*?) \| (?:info|warning|error)", (DOCS / "operating.md").read_text("utf-8"), re.MULTILINE
    )
    events = [event for row in rows for event in re.findall(r"`([a-z]+\.[a-z_]+)`", row)]
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "bot").rglob("*.py"))
    assert events
    assert [event for event in events if f'"{event}"' not in code] == []


# --- what a reader follows -------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_path_target_and_command_of_a_page_exists(page):
    assert faults(page) == []


@pytest.mark.parametrize(
    "text",
    [
        "[a](docs/nowhere.md)",
        "[a](docs/design.md#no-such-question)",
        "[a](#nowhere)",
        "[a](../outside.md)",
        "`bot/domain/nowhere.py`",
        "`bot/domain/policy.py::nothing`",
        "`bot.domain.nowhere`",
        "`make nothing`",
        "`scrubjay nothing`",
        "    scrubjay memory nothing\n",
        "```\nmake nothing\n```",
        "`SCRUBJAY_NOTHING=1`",
    ],
)
def test_what_leads_nowhere_is_found(text):
    assert len([*wrong_links(text, README), *wrong_code(text)]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[a](docs/design.md)",
        "# Who, and why?\n[a](#who-and-why)",
        "[a](https://example.org/nowhere)",
        "`bot/domain/policy.py`",
        "`bot/domain/policy.py::decide`",
        "`bot/scheduler.py::Scheduler.wake_at`",
        "`bot.domain.policy`",
        "`python -m benchmarks.memory --json`",
        "`make demo`",
        "    scrubjay memory why n12\n    SCRUBJAY_HANDLE=a scrubjay run\n",
        "`SCRUBJAY_PASSWORD_FILE`",
    ],
)
def test_what_leads_somewhere_is_left_alone(text):
    assert [*wrong_links(text, README), *wrong_code(text)] == []


def test_an_anchor_is_made_as_github_makes_it():
    assert anchors("## Why `stop` is not answered, ever\n") == {"why-stop-is-not-answered-ever"}


def test_every_page_is_reached_from_the_readme():
    linked = set(re.findall(r"\(((?:docs/)?\w+\.md)[)#]", README.read_text("utf-8")))
    assert {page.relative_to(ROOT).as_posix() for page in pages()} - linked <= {"README.md", "SECURITY.md"}


def test_the_readme_has_at_most_120_lines():
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES


# --- the transcript --------------------------------------------------------------------------------


def test_the_transcript_quotes_the_people_of_the_demo():
    """That the demo prints so is tested where the demo is run: tests/acceptance/test_daemon.py."""
    rows = re.findall(r"^ +(ana|eve)  (.*)$", transcript.of_readme(), re.MULTILINE)
    assert rows == [
        (scripted.who, scripted.text)
        for name in transcript.SHOWN
        for scripted in SCRIPT
        if scripted.name == name
    ]


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_persons_life_is_as_its_page_shows_it():
    if not (APPVIEW / "node_modules").is_dir():
        pytest.skip("no AppView here: python -m bot.devnet.localnet install appview")
    assert life.stable(section("life", DOCS / "life.md").strip("`\n")) == life.stable(life.live()), (
        "run: make transcript"
    )


def test_two_runs_that_differ_in_phrases_and_keys_only_are_one_transcript():
    one = "jay  Hello, good to meet you. Safely cached: you like\n  rain.\n n2 at://a/b\n 3 notes; 9.0 s"
    two = "jay  Hello! A new face, how nice. I'll remember that you like rain.\n n4 at://c/d\n 3 notes; 8.1 s"
    assert transcript.stable(one) == transcript.stable(two)
    assert transcript.stable(one) != transcript.stable(two.replace("rain", "snow"))


if __name__ == "__main__":
    for name, (page, make) in LISTS.items():
        fill(name, page, make())
    if DEMO in sys.argv:
        fill(DEMO, README, f"```\n{transcript.of_demo()}\n```")
        fill("life", DOCS / "life.md", f"```\n{life.live()}\n```")
