"""Commands about people."""

from __future__ import annotations

import json

from support.cli_seed import IRIS


def test_a_person_is_shown_with_dates_and_the_number_of_notes(filled):
    found = json.loads(filled("person", "show", "iris.test", "--json").out)
    assert (found["did"], found["handle"], found["notes"]) == (IRIS, "iris.test", 2)
    assert found["first_seen"] == "2026-11-22T12:00:00Z"
    assert found["handles"] == [{"handle": "iris.test", "since": "2026-11-22T12:00:00Z"}]
