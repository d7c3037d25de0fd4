"""Commands about the history of notes."""

from __future__ import annotations

import json

import pytest
from support.cli_seed import IRIS


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


@pytest.mark.slow
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
