"""The command that asks a brain about its own notes."""

from __future__ import annotations

import json


def test_each_note_is_asked_for_from_three_sides(talked):
    cli, _ = talked
    (found,) = json.loads(cli("probe", "@ana.test", "--json").out)
    assert found["text"] == "has a dog called Biscuit"
    assert [answer["side"] for answer in found["answers"]] == ["open", "so", "not so"]
    assert found["contradicts"] is False
    shown = cli("probe", "ana.test")
    assert (shown.code, "not so" in shown.out) == (0, True)
    assert "1 note, 3 questions. No contradiction." in shown.err


def test_of_who_has_no_note_nothing_is_asked(talked):
    cli, _ = talked
    assert cli("probe", "did:plc:ben").err.strip() == "There is no note about this person."


def test_an_unknown_person_is_told(talked):
    cli, _ = talked
    assert cli("probe", "did:plc:zoe").code == 1
