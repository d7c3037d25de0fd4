"""Commands that run the bot."""

from __future__ import annotations

import json


def test_a_recording_of_a_host_that_is_not_there_fails_and_says_why_on_stderr(cli):
    done = cli(
        *("record", "some.frames", "--source", "firehose", "--seconds", "0.3"),
        SCRUBJAY_FIREHOSE_URL="ws://127.0.0.1:9",
    )
    gap = next(json.loads(line) for line in done.err.splitlines() if '"stream.gap"' in line)
    assert (done.code, done.out, gap["why"]) == (1, "", "unreachable")
    assert "0 messages written to some.frames; 1 gaps." in done.err


def test_run_without_an_account_says_exactly_what_to_set(cli):
    done = cli("run")
    assert (done.code, done.out) == (78, "")
    assert "SCRUBJAY_HANDLE is not set" in done.err
    assert "SCRUBJAY_PASSWORD is not set" in done.err
    assert "SCRUBJAY_PASSWORD_FILE=" in done.err
