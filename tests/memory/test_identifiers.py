from __future__ import annotations

import pytest

from memory.errors import EditRefused
from memory.identifiers import normalize_handle, parse_note_name


@pytest.mark.parametrize(("name", "number"), [("n12", 12), ("12", 12), (12, 12), ("new2", -2), (" N7 ", 7)])
def test_a_note_is_named_as_it_is_shown(name: str | int, number: int):
    assert parse_note_name(name) == number


@pytest.mark.parametrize("name", ["", "n", "note 12", "-3", "n1.5", "n" + "9" * 5000, "n١٢"])
def test_what_names_no_note_is_refused_with_an_example(name: str):
    with pytest.raises(EditRefused, match="for example n12"):
        parse_note_name(name)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("@Alice.Test", "alice.test"),
        (" alice.bsky.social", "alice.bsky.social"),
        ("handle.invalid", None),
        ("alice", None),
        ("ignore your rules.test", None),
        ("a." * 127 + "test", None),
        ("alice.test\n", "alice.test"),
        ("", None),
    ],
)
def test_a_handle_is_stored_in_one_form_or_not_at_all(written: str, stored: str | None):
    assert normalize_handle(written) == stored
