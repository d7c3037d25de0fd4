"""Commands that export and import."""

from __future__ import annotations

import json

import pytest
from support.cli_seed import AGAIN, HELLO, IRIS, MALLORY


def test_an_export_is_all_that_is_held_also_in_the_queue(filled):
    held = json.loads(filled("memory", "export", "iris.test").out)
    assert [note["text"] for note in held["notes"]][1:] == ["Lives in Porto", "Lives in Lisbon"]
    assert len(held["revisions"]) == 3
    assert [entry["mention"]["ref"]["uri"] for entry in held["mentions"]] == [AGAIN, HELLO]
    assert MALLORY not in json.dumps(held)


def test_an_export_may_go_to_a_new_file_that_only_its_owner_can_read(filled):
    done = filled("memory", "export", "iris.test", "--output", "iris.json")
    file = filled.home / "iris.json"
    assert (done.code, done.out) == (0, "")
    assert json.loads(file.read_text())["person"]["did"] == IRIS
    assert file.stat().st_mode & 0o777 == 0o600
    again = filled("memory", "export", "iris.test", "--output", "iris.json")
    assert again.code == 2
    assert "exists already" in again.err


@pytest.mark.slow
def test_an_export_of_everyone_is_a_line_each_and_imported_once(filled):
    assert filled("memory", "export", "--all", "--output", "all.jsonl").code == 0
    lines = (filled.home / "all.jsonl").read_text().splitlines()
    assert [json.loads(line)["person"]["did"] for line in lines] == [IRIS, MALLORY]
    again = filled("memory", "import", "all.jsonl")
    assert (again.code, again.err) == (0, "Took in 0, 2 were here already, 0 refused.\n")
    filled("memory", "forget", IRIS, "--yes")
    done = filled("memory", "import", "all.jsonl")
    assert (done.code, done.err) == (0, "Took in 1, 1 were here already, 0 refused.\n")
    held = json.loads(filled("memory", "export", IRIS).out)
    assert held["notes"] == json.loads(lines[0])["notes"]


def test_an_import_tells_the_lines_that_it_refuses_and_takes_in_the_rest(filled):
    filled("memory", "export", "--all", "--output", "all.jsonl")
    first, second = (filled.home / "all.jsonl").read_text().splitlines()
    foreign = json.loads(first)
    foreign["notes"][0]["did"] = MALLORY
    (filled.home / "bad.jsonl").write_text("\n".join([json.dumps(foreign), second, "{oops"]))
    for did in (IRIS, MALLORY):
        filled("memory", "forget", did, "--yes")
    done = filled("memory", "import", "bad.jsonl")
    assert done.code == 1
    assert done.err.splitlines()[0] == "Took in 1, 0 were here already, 2 refused."
    assert "line 3: " in done.err
    assert "line 1: Nothing of this person was imported: notes[0].did: is about somebody else" in done.err


@pytest.mark.slow
def test_an_export_holds_the_turns_about_a_person(talked):
    cli, (hello, dog, _) = talked
    held = json.loads(cli("memory", "export", "ana.test").out)
    assert [one["uri"] for one in held["turns"]] == [dog, hello]
