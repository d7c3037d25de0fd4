"""Commands about notes."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest
from support.cli_seed import AGAIN, IRIS
from support.harness import Harness

from bot.storage import consent
from memory.db import Database


def test_why_tells_post_link_author_date_what_it_replaced_and_the_answer(filled):
    done = filled("memory", "why", "n3")
    assert AGAIN in done.out
    assert f"https://bsky.app/profile/{IRIS}/post/3kirisirisbbb" in done.out
    assert "2026-11-22 13:00Z" in done.out
    assert f"@iris.test ({IRIS})" in done.out
    assert "n2 · Lives in Porto" in done.out
    assert "Hello Iris!" in filled("memory", "why", "n1").out


def test_history_shows_what_a_note_was(filled):
    assert "Lives in Porto → Lives in Lisbon" in filled("memory", "history", "iris.test").out


def test_history_numbers_its_revisions(filled):
    assert filled("memory", "history", IRIS).out.splitlines()[3].startswith("3 ")


def test_search_may_be_kept_to_one_person(filled):
    assert [note["name"] for note in json.loads(filled("memory", "search", "dog", "--json").out)] == ["n1"]
    done = filled("memory", "search", "dog", "--who", "mallory.test", "--json")
    assert json.loads(done.out) == []


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


def names(cli):
    return [note["name"] for note in json.loads(cli("memory", "list", IRIS, "--json").out)]


def test_an_edited_note_is_replaced_and_its_new_name_is_printed(filled):
    done = filled("memory", "edit", "n1", "The dog is called  Brioche.")
    assert (done.code, done.out) == (0, "n4 · The dog is called Brioche.\n")
    assert names(filled) == ["n3", "n4"] or names(filled) == ["n4", "n3"]
    assert '"actor": "operator"' in filled("memory", "history", IRIS, "--json").out


@pytest.mark.parametrize("what", ["@iris.test", "n1"])
def test_a_proof_searches_for_what_was_erased(filled, what):
    done = filled("memory", "forget", what, "--yes", "--prove")
    assert done.code == 0, done.err
    assert "none is left that nothing needs" in done.err


def test_a_proof_tells_where_the_words_are_left(filled):
    (filled.home / "data" / "old.jsonl").write_text('{"text": "Lives in Lisbon"}')
    done = filled("memory", "forget", "n3", "--yes", "--prove")
    assert done.code == 1
    assert "found in 1 rows of mention.text" in done.err  # this post still waits for an answer
    assert "found 1 times in" in done.err
    assert "old.jsonl" in done.err


def test_a_proof_knows_what_consent_needs(filled):
    with closing(Database(f"sqlite:///{filled.home}/data/scrubjay.db")) as db, db.write() as tx:
        consent.stop(tx, IRIS, datetime.now(UTC))
    done = filled("memory", "forget", IRIS, "--yes", "--prove")
    assert done.code == 0, done.err
    assert "found in 1 rows of stop.did, where consent needs it" in done.err
