"""The daemon, as systemd and Prometheus see it: a process of its own, on a real network."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.notified import Notified

from bot.demo.daemon import Daemon
from bot.devnet.localnet import LocalNet

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

WATCHDOG = 1.5  # seconds


@pytest.fixture
def net(tmp_path):
    with LocalNet(tmp_path / "network") as network:
        yield network


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    notified = Notified(tmp_path / "notify", WATCHDOG)
    for name, value in notified.environment.items():
        monkeypatch.setenv(name, value)
    yield notified
    notified.close()


@pytest.fixture
def daemon(net, tmp_path):
    actor = net.actor("jay")
    actor.label("bot")
    made = Daemon(tmp_path, net, actor.account)
    made.actor = actor
    with made.config.open("a") as config:
        config.write('health = "127.0.0.1:0"\n')
    yield made
    made.kill()


def address(daemon):
    """Where it serves, by its log."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = daemon.log.read_text().splitlines() if daemon.log.exists() else []
        found = [json.loads(line)["address"] for line in lines if '"health.serving"' in line]
        if found:
            return found[-1]
        time.sleep(0.05)
    pytest.fail("it serves nothing")


def get(daemon, path, seconds=20):
    """The status and the text of a page."""
    try:
        with urllib.request.urlopen(f"http://{address(daemon)}{path}", timeout=seconds) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_systemd_hears_of_a_bot_that_is_ready_alive_frozen_and_stopping(daemon, systemd):
    daemon.start()
    assert systemd.until("READY=1")
    assert not any("WATCHDOG" in message for message in systemd.messages)
    assert all(systemd.until("WATCHDOG=1", 30) for _ in range(3))

    os.kill(daemon._process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    systemd.empty()
    assert systemd.next(2 * WATCHDOG) is None, "systemd would not have restarted it"
    os.kill(daemon._process.pid, signal.SIGCONT)
    assert systemd.until("WATCHDOG=1", 30)

    assert daemon.stop() == 0
    assert systemd.until("STOPPING=1", 5)


def test_it_is_ready_once_it_hears_and_stays_so_when_a_connection_is_lost_for_a_moment(daemon, net, systemd):
    net.kill()
    daemon.start()
    assert all(systemd.until("EXTEND_TIMEOUT_USEC=1500000", 30) for _ in range(3))
    assert get(daemon, "/livez") == (200, "live\n")
    assert get(daemon, "/readyz") == (503, "not ready: not started yet\n")
    assert "READY=1" not in systemd.messages
    net.start()
    assert systemd.until("READY=1")
    assert get(daemon, "/readyz") == (200, "ready\n")
    net.kill()
    until(lambda: samples(get(daemon, "/metrics")[1])["scrubjay_stream_connected",] == 0)
    assert get(daemon, "/readyz") == (200, "ready\n")


def test_a_scrape_tells_what_became_of_a_mention_and_says_nothing_of_people(daemon, net):
    ana = net.actor("ana")
    daemon.start()
    until(lambda: get(daemon, "/readyz")[0] == 200)
    ana.post("@jay.test hello, I live in Lisbon", mentions=[daemon.actor])
    until(lambda: samples(get(daemon, "/metrics")[1]).get(("scrubjay_pds_writes_total", "put", "ok")))
    time.sleep(5)  # a reading is good for so long
    status, text = get(daemon, "/metrics")
    found = samples(text)

    assert status == 200
    assert found["scrubjay_mentions_ended_total", "answered", "none"] == 1
    assert found["scrubjay_mentions_accepted_total",] == 1
    assert found["scrubjay_last_day_brain_calls",] == 1
    assert found["scrubjay_last_day_replies",] == 1
    assert found["scrubjay_mentions_open", "waiting"] == 0
    assert found["scrubjay_stream_connected",] == found["scrubjay_ready",] == 1
    assert found["process_resident_memory_bytes",] > 10_000_000
    assert found["scrubjay_database_bytes",] > 0
    assert not [word for word in ("did:", ana.did, "ana.test", "jay.test", "Lisbon") if word in text]
