from __future__ import annotations

import json
import os
import pty
import sys
from datetime import UTC, datetime

import pytest
from support.cli_seed import AGAIN, EVIL, HELLO, IRIS, MALLORY
from support.harness import Harness

from memory.db import Database

ASKING = [
    ("memory", "forget", "iris.test"),
    ("memory", "forget", "n3"),
    ("memory", "rollback", "iris.test", "--to", "2"),
    ("mention", "skip", AGAIN),
]


def state(cli, uri):
    return json.loads(cli("mention", "show", uri, "--json").out)["state"]


def names(cli):
    return [note["name"] for note in json.loads(cli("memory", "list", IRIS, "--json").out)]


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_without_a_terminal_and_without_yes_nothing_is_destroyed(filled, command):
    before = filled("memory", "export", IRIS).out
    done = filled(*command)
    assert done.code == 2
    assert "--yes" in done.err
    assert filled("memory", "export", IRIS).out == before


def answer(cli, reply: bytes, *args: str) -> int:
    """Run a command on a terminal of its own and type `reply`."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cli.home)
        script = "from bot.cli import main; main(prog_name='scrubjay')"
        os.execv(sys.executable, [sys.executable, "-c", script, *args])
    os.write(terminal, reply)
    try:
        while os.read(terminal, 1024):
            pass
    except OSError:  # the terminal closes with its last process
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_on_a_terminal_it_asks_and_a_no_changes_nothing(filled):
    assert answer(filled, b"n\n", "memory", "forget", "n3") == 1
    assert names(filled) == ["n1", "n3"]
    assert answer(filled, b"y\n", "memory", "forget", "n3") == 0
    assert names(filled) == ["n1"]


def test_a_note_is_forgotten_with_all_that_it_replaced(filled):
    done = filled("memory", "forget", "n3", "--yes")
    assert (done.code, done.out) == (0, "")
    assert "Erased 2 notes." in done.err
    held = filled("memory", "export", IRIS).out
    assert "Lisbon" not in json.dumps(json.loads(held)["notes"])
    assert "Porto" not in json.dumps(json.loads(held)["revisions"])


def test_a_person_is_forgotten_with_all_their_words(filled):
    done = filled("memory", "forget", "@iris.test", "--yes")
    assert done.code == 0
    assert filled("person", "show", IRIS).code == 1
    files = [file.read_bytes() for file in (filled.home / "data").iterdir()]
    for trace in (b"Biscuit", b"Lisbon", b"iris.test", IRIS.encode()):
        assert not any(trace in content for content in files)


@pytest.mark.parametrize("what", ["@iris.test", "n1"])
def test_the_running_bots_brain_is_told_to_forget_too(filled, what):
    db = Database(f"sqlite:///{filled.home}/data/scrubjay.db")
    harness = Harness(db, filled.home / "data")
    harness.run_jobs()
    before = harness.brain.forgotten
    filled("memory", "forget", what, "--yes")
    harness.clock.now = datetime.now(UTC)
    harness.run_jobs()
    db.close()
    assert (before, harness.brain.forgotten) == (0, 1)


def test_an_edited_note_is_replaced_and_its_new_name_is_printed(filled):
    done = filled("memory", "edit", "n1", "The dog is called  Brioche.")
    assert (done.code, done.out) == (0, "n4 · The dog is called Brioche.\n")
    assert names(filled) == ["n3", "n4"] or names(filled) == ["n4", "n3"]
    assert '"actor": "operator"' in filled("memory", "history", IRIS, "--json").out


def test_a_rollback_says_what_it_changes_and_can_be_undone(filled):
    done = filled("memory", "rollback", IRIS, "--to", "2", "--yes")
    assert (done.code, done.err) == (0, "Restored 1, withdrew 0.\n")
    assert "Lives in Porto" in filled("memory", "list", IRIS).out
    assert (
        "~ n4 · Lives in Porto → n3 · Lives in Lisbon" in filled("memory", "rollback", IRIS, "--to", "3").err
    )
    assert filled("memory", "rollback", IRIS, "--to", "3", "--yes").code == 0
    assert "Lives in Lisbon" in filled("memory", "list", IRIS).out
    assert "that is what holds" in filled("memory", "rollback", IRIS, "--to", "3", "--yes").err


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


def test_a_failed_mention_may_be_tried_again(filled):
    assert filled("mention", "retry", EVIL).code == 0
    assert state(filled, EVIL) == "waiting"


def test_what_a_forgotten_person_said_is_not_tried_again(filled):
    assert filled("mention", "retry", "forgotten:0123").code == 2


def test_an_open_mention_may_be_skipped_with_a_reason(filled):
    assert filled("mention", "skip", AGAIN, "--yes", "--why", "she asked me in person").code == 0
    assert state(filled, AGAIN) == "declined"
    assert "she asked me in person" in filled("mention", "show", AGAIN).out


def test_an_end_that_the_operator_made_is_told_on_stderr(filled):
    done = filled("mention", "skip", AGAIN, "--yes")
    line = next(json.loads(line) for line in done.err.splitlines() if line.startswith("{"))
    assert (line["event"], line["uri"], line["state"]) == ("mention.ended", AGAIN, "declined")
    assert done.out == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("memory", "list", "nobody.test"), "Nobody is remembered under"),
        (("person", "show", "did:plc:nobodynobodynobodynobody"), "Nobody is remembered under"),
        (("memory", "show", "n99"), "There is no such note: n99"),
        (("memory", "edit", "n1", " "), "the note is empty"),
        (("mention", "show", HELLO + "x"), "There is no mention"),
        (("mention", "retry", HELLO), "answered"),
        (("mention", "skip", HELLO, "--yes"), "answered"),
        (("post", "show", HELLO), "There is no post"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_one_clear_message_and_exit_1(filled, command, said):
    done = filled(*command)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("memory", "show", "biscuit"),
        ("memory", "export"),
        ("memory", "export", "iris.test", "--all"),
        ("memory", "at", "iris.test", "yesterday"),
        ("mention", "show", "3kirisirisaaa"),
        ("mention", "list", "--state", "happy"),
        ("mention", "list", "-n", "0"),
        ("memory", "list"),
        ("fly",),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2(filled, command):
    done = filled(*command)
    assert (done.code, done.out) == (2, "")


def test_a_recording_of_a_host_that_is_not_there_fails_and_says_why_on_stderr(cli):
    done = cli(
        *("record", "some.frames", "--source", "firehose", "--seconds", "0.3"),
        SCRUBJAY_FIREHOSE_URL="ws://127.0.0.1:9",
    )
    gap = next(json.loads(line) for line in done.err.splitlines() if '"stream.gap"' in line)
    assert (done.code, done.out, gap["why"]) == (1, "", "unreachable")
    assert "0 messages written to some.frames; 1 gaps." in done.err
