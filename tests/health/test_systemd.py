from __future__ import annotations

import os

import pytest
from structlog.testing import capture_logs
from support.notified import Notified

from bot.health.systemd import Systemd, of_environment


@pytest.fixture(params=["path", "abstract"])
def notified(request, tmp_path):
    name = f"@scrubjay-{os.getpid()}" if request.param == "abstract" else tmp_path / "notify"
    made = Notified(name, watchdog=30)
    yield made
    made.close()


def test_what_is_told_arrives_as_one_datagram(notified):
    systemd = of_environment(notified.environment)
    systemd.tell(READY=1, STATUS="ready")
    assert notified.next(5) == "READY=1\nSTATUS=ready"
    assert notified.next(0) is None


def test_it_is_told_three_times_within_the_time_that_the_watchdog_gives(notified):
    assert of_environment(notified.environment).interval == 10
    assert Systemd("/x", 6).interval == 2
    assert Systemd("/x", 600).interval == 10
    assert Systemd("/x").interval == 10


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": ""}, None),
        ({"NOTIFY_SOCKET": "relative"}, None),
        ({"NOTIFY_SOCKET": "/x"}, Systemd("/x")),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1500000"}, Systemd("@x", 1.5)),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "0"}, Systemd("/x")),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, Systemd("/x")),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "²"}, Systemd("/x")),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}, Systemd("/x")),
        (
            {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "OWN"},
            Systemd("/x", 9e-6),
        ),
    ],
)
def test_the_environment_says_whether_somebody_listens(environment, expected):
    environment = {name: value.replace("OWN", str(os.getpid())) for name, value in environment.items()}
    assert of_environment(environment) == expected


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody-is-here", "/" + "x" * 200])
def test_that_nobody_listens_is_told_once_and_no_error(address):
    systemd = Systemd(address)
    with capture_logs() as logs:
        systemd.tell(READY=1)
        systemd.tell(WATCHDOG=1)
    assert [line["event"] for line in logs] == ["systemd.unreachable"]


def test_a_status_is_one_line(notified):
    of_environment(notified.environment).tell(STATUS="two\nREADY=1")
    assert notified.next(5) == "STATUS=two READY=1"
