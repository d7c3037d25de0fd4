"""Commands about the persona."""

from __future__ import annotations

import json


def test_check_shows_the_whole_prompt_with_the_tokens_of_each_section(cli):
    shown = cli("persona", "check")
    assert shown.code == 0
    for part in (
        "# Who you are  operator: the persona's file · ",
        "## Voice",
        "> n1 · ",
        "[it shows an image",
    ):
        assert part in shown.out
    told = json.loads(cli("persona", "check", "--json").out)
    assert told["tokens"] == sum(one["tokens"] for one in told["sections"]) + told["tools_tokens"]
    assert (told["name"], told["allowed"], told["advice"]) == ("Scrubjay", 12_000, [])


def test_check_refuses_a_bad_persona_with_every_problem(cli):
    (cli.home / "bad.md").write_text("---\nname:\n---\n# Voice\n", "utf-8")
    done = cli("persona", "check", "bad.md")
    assert (done.code, done.out) == (78, "")
    for problem in (
        "the header has no name",
        "line 4 is a heading",
        "no section `## Voice`",
        "`## Boundaries`",
    ):
        assert problem in done.err


def test_check_advises_what_a_good_persona_has(cli):
    (cli.home / "mine.md").write_text("---\nname: M\n---\n## Voice\na\n## Boundaries\nb\n", "utf-8")
    done = cli("persona", "check", "mine.md")
    assert done.code == 0
    assert "Advice: there is no section `## Examples`." in done.err


def test_show_prints_the_persona_in_use(cli):
    assert cli("persona", "show").out.startswith("Your name is Scrubjay.\n")
    (cli.home / "mine.md").write_text("---\nname: M\n---\n## Voice\na\n## Boundaries\nb\n", "utf-8")
    assert cli("persona", "show", SCRUBJAY_PERSONA_FILE="mine.md").out.startswith("Your name is M.")
    told = json.loads(cli("persona", "show", "mine.md", "--json").out)
    assert (told["name"], told["file"], len(told["digest"])) == ("M", "mine.md", 12)
