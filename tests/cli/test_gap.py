"""Commands about gaps."""

from __future__ import annotations

import json


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
