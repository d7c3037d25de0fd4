from __future__ import annotations

import io
import json
import logging
import re

import pytest
import structlog

from bot import log

CANARY = "hunter2-canary"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logger():
    return structlog.get_logger("bot.test")


def test_off_a_terminal_each_event_is_one_line_of_json_with_a_utc_time():
    stream = io.StringIO()
    log.configure("info", "auto", stream)
    logger().info("mention.ended", state="answered", tokens_in=5)
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", found.pop("timestamp"))
    expected = {
        "event": "mention.ended",
        "state": "answered",
        "tokens_in": 5,
        "level": "info",
        "logger": "bot.test",
    }
    assert expected == found


def test_on_a_terminal_events_are_readable(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    log.configure("info", "auto", stream)
    logger().info("mention.ended", state="answered")
    assert "mention.ended" in stream.getvalue()
    assert "state=answered" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_events_below_the_level_are_not_written():
    stream = io.StringIO()
    log.configure("warning", "json", stream)
    logger().info("mention.ended")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["apscheduler", "httpx", "httpx2", "websockets", "atproto"])
def test_libraries_speak_from_warning_on_in_the_same_shape(name):
    stream = io.StringIO()
    log.configure("debug", "json", stream)
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble with %s", "it")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "trouble with it"
    assert json.loads(line)["logger"] == name


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.parametrize(
    "key", ["password", "session", "access_token", "Authorization", "refreshJwt", "letta_secret"]
)
def test_the_value_of_a_secret_key_is_hidden_at_any_depth(fmt, key):
    stream = io.StringIO()
    log.configure("debug", fmt, stream)
    logger().info("a.b", **{key: CANARY}, headers={key: CANARY}, many=[{key: CANARY}], ok="seen")
    assert CANARY not in stream.getvalue()
    assert "seen" in stream.getvalue()


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_a_traceback_shows_no_local_variables(fmt):
    stream = Terminal()
    log.configure("debug", fmt, stream)
    try:
        password = CANARY
        int(password[:0])
    except ValueError:
        logger().exception("worker.crashed")
    assert "ValueError" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_counts_of_tokens_are_no_secrets():
    event = {"tokens_in": 3, "sessions": 2}
    assert log.redact(None, "info", dict(event)) == event
