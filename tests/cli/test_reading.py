from __future__ import annotations

import json

import pytest
from support.cli_seed import AGAIN, BOT, EVIL, HELLO, IRIS, MALLORY, REPLY

READING = [
    ("person", "list"),
    ("person", "show", "iris.test"),
    ("memory", "list", "iris.test"),
    ("memory", "show", "n1"),
    ("memory", "why", "n3"),
    ("memory", "history", "iris.test"),
    ("memory", "search", "dog"),
    ("memory", "at", "iris.test", "2026-11-22T12:30"),
    ("memory", "diff", "iris.test", "1", "3"),
    ("mention", "list"),
    ("mention", "show", HELLO),
    ("post", "list"),
    ("post", "show", REPLY),
    ("gap", "list"),
    ("gap", "list", "--open"),
    ("db", "check"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_with_json_a_reading_command_prints_one_document_and_nothing_else(filled, command):
    done = filled(*command, "--json")
    json.loads(done.out)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_is_piped_has_no_colours_and_no_padding(filled, command):
    done = filled(*command)
    assert done.out.strip()
    assert "\x1b" not in done.out
    assert [line for line in done.out.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("who", ["iris.test", "@iris.test", "@IRIS.test", IRIS, f"@{IRIS}"])
def test_a_person_may_be_named_by_handle_or_did(filled, who):
    notes = json.loads(filled("memory", "list", who, "--json").out)
    assert [note["name"] for note in notes] == ["n1", "n3"]


@pytest.mark.parametrize(
    "uri",
    [
        HELLO,
        HELLO.replace(IRIS, "iris.test"),
        f"https://bsky.app/profile/{IRIS}/post/3kirisirisaaa",
        "https://bsky.app/profile/iris.test/post/3kirisirisaaa/",
    ],
)
def test_a_mention_may_be_named_by_its_uri_or_its_link(filled, uri):
    assert json.loads(filled("mention", "show", uri, "--json").out)["mention"]["ref"]["uri"] == HELLO


def test_the_bots_own_post_may_be_named_by_the_link_with_its_handle(filled):
    link = "https://bsky.app/profile/scrubjay.test/post/3kscrubjayaaa"
    done = filled("post", "show", link, "--json", SCRUBJAY_HANDLE="scrubjay.test")
    assert json.loads(done.out)["part"]["ref"]["uri"] == REPLY


def test_why_tells_post_link_author_date_what_it_replaced_and_the_answer(filled):
    done = filled("memory", "why", "n3")
    assert AGAIN in done.out
    assert f"https://bsky.app/profile/{IRIS}/post/3kirisirisbbb" in done.out
    assert "2026-11-22 13:00Z" in done.out
    assert f"@iris.test ({IRIS})" in done.out
    assert "n2 · Lives in Porto" in done.out
    assert "Hello Iris!" in filled("memory", "why", "n1").out


def test_a_person_is_shown_with_dates_and_the_number_of_notes(filled):
    found = json.loads(filled("person", "show", "iris.test", "--json").out)
    assert (found["did"], found["handle"], found["notes"]) == (IRIS, "iris.test", 2)
    assert found["first_seen"] == "2026-11-22T12:00:00Z"
    assert found["handles"] == [{"handle": "iris.test", "since": "2026-11-22T12:00:00Z"}]


def test_history_shows_what_a_note_was(filled):
    assert "Lives in Porto → Lives in Lisbon" in filled("memory", "history", "iris.test").out


def test_what_it_knew_is_told_for_a_time_a_day_and_a_revision(filled):
    def known(*point):
        return [note["text"] for note in json.loads(filled("memory", "at", IRIS, *point, "--json").out)]

    assert known("2026-11-22T12:59")[1:] == known("2")[1:] == ["Lives in Porto"]
    assert known("2026-11-22")[1:] == known("2026-11-22T14:00:00+01:00")[1:] == known("r3")[1:]
    assert known("2026-11-22")[1:] == ["Lives in Lisbon"]
    assert known("2026-11-21") == []


def test_a_diff_tells_what_took_the_place_of_what(filled):
    done = filled("memory", "diff", IRIS, "2026-11-22T12:00", "2026-11-22")
    assert done.out == "~ n2 · Lives in Porto → n3 · Lives in Lisbon\n"


def test_history_numbers_its_revisions(filled):
    assert filled("memory", "history", IRIS).out.splitlines()[3].startswith("3 ")


def test_search_may_be_kept_to_one_person(filled):
    assert [note["name"] for note in json.loads(filled("memory", "search", "dog", "--json").out)] == ["n1"]
    done = filled("memory", "search", "dog", "--who", "mallory.test", "--json")
    assert json.loads(done.out) == []


@pytest.mark.parametrize(
    ("options", "uris"),
    [
        ((), [AGAIN, EVIL, HELLO]),
        (("--who", "iris.test"), [AGAIN, HELLO]),
        (("--state", "failed"), [EVIL]),
        (("-n", "1"), [AGAIN]),
        (("--who", IRIS, "--state", "failed"), []),
    ],
)
def test_mentions_are_listed_by_person_state_and_number(filled, options, uris):
    found = json.loads(filled("mention", "list", *options, "--json").out)
    assert [entry["mention"]["ref"]["uri"] for entry in found] == uris


def test_a_mention_is_shown_with_its_answer(filled):
    done = filled("mention", "show", HELLO)
    assert "Hello Iris!" in done.out
    assert REPLY in done.out


def test_gaps_are_listed_with_where_they_were_and_what_closed_them(filled):
    newest, oldest = json.loads(filled("gap", "list", "--json").out)
    assert (oldest["why"], oldest["since"], oldest["closed_by"]) == ("closed 1001", 31_600_000_000, "replay")
    assert (newest["why"], newest["closed_at"], newest["closed_by"]) == ("OutdatedCursor", None, None)
    (line,) = filled("gap", "list", "--open").out.splitlines()[1:]
    assert line.split() == [
        "2026-11-22",
        "12:01Z",
        "bsky.network",
        "OutdatedCursor",
        "31600000001",
        "-",
        "-",
        "(open)",
    ]


def test_posts_are_listed_by_whom_they_answer(filled):
    found = json.loads(filled("post", "list", "--who", "iris.test", "--json").out)
    assert [said["part"]["ref"]["uri"] for said in found] == [REPLY]
    assert found[0]["part"]["ref"]["uri"].startswith(f"at://{BOT}/")


@pytest.mark.parametrize(
    "command",
    [
        ("memory", "list", "mallory.test"),
        ("memory", "history", "mallory.test"),
        ("memory", "search", "zebra"),
        ("memory", "at", "mallory.test", "2026-11-22"),
        ("memory", "diff", "iris.test", "2", "2"),
        ("mention", "list", "--state", "expired"),
        ("post", "list", "--who", "mallory.test"),
    ],
    ids=" ".join,
)
def test_nothing_found_is_said_on_stderr_and_is_no_failure(filled, command):
    done = filled(*command)
    assert (done.code, done.out) == (0, "")
    assert done.err.strip()


def test_what_strangers_write_cannot_act_on_the_terminal(filled):
    for command in (("mention", "list"), ("mention", "show", EVIL), ("mention", "show", EVIL, "--json")):
        done = filled(*command)
        assert "\\u001b[31mred" in done.out
        assert "[bold]loud[/bold]" in done.out
        assert "\\u202egnorw\\u009b" in done.out
        assert all(char.isprintable() or char == "\n" for char in done.out)


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
