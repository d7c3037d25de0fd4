"""The operator's brake on the command line."""

from __future__ import annotations

import json

import pytest
from support.cli_seed import AGAIN

PAUSED = "paused since"


def state(cli, uri=AGAIN):
    return json.loads(cli("mention", "show", uri, "--json").out)["state"]


def test_a_pause_is_told_by_stats_until_it_is_ended(filled):
    assert "until `scrubjay resume`" in filled("pause").err
    assert PAUSED in filled("stats").err
    assert "wait: 1" in filled("resume").err
    assert PAUSED not in filled("stats").err
    assert "not paused" in filled("resume").err


@pytest.mark.parametrize("span", ["90m", "2h", "3d", "365d"])
def test_a_pause_may_end_by_itself(filled, span):
    done = filled("pause", "--for", span)
    assert (done.code, done.out) == (0, "")
    assert "until 20" in done.err


@pytest.mark.parametrize("span", ["", "0h", "2", "h", "-2h", "1.5h", "366d", "999999d", "2 h", "2h\x1b[31m"])
def test_a_span_that_is_none_is_refused_with_an_example(filled, span):
    done = filled("pause", "--for", span)
    assert done.code == 2
    assert "90m, 2h or 3d" in done.err
    assert "\x1b" not in done.err
    assert PAUSED not in filled("stats").err


def test_stop_needs_its_now(filled):
    assert filled("stop").code == 2


def test_an_emergency_stop_asks_first(filled):
    assert filled("stop", "--now").code == 2
    assert PAUSED not in filled("stats").err
    done = filled("stop", "--now", "--yes")
    assert "withdrawn: 0" in done.err
    assert PAUSED in filled("stats").err
    assert state(filled) == "waiting"


def test_the_doctor_tells_of_a_pause(filled):
    filled("pause", "--for", "2h")
    line = next(line for line in filled("doctor").out.splitlines() if "mentions" in line)
    assert PAUSED in line
