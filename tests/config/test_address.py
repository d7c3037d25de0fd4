from __future__ import annotations

import pytest

from bot.config.address import Address
from bot.config.settings import load
from bot.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "address", "loopback"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464), True),
        ("127.8.8.8:0", Address("127.8.8.8", 0), True),
        ("localhost:80", Address("localhost", 80), True),
        ("[::1]:9464", Address("::1", 9464), True),
        ("unix:/run/scrubjay/health.sock", Address(path="/run/scrubjay/health.sock"), True),
        ("0.0.0.0:9464", Address("0.0.0.0", 9464), False),
        ("[::]:9464", Address("::", 9464), False),
        ("192.168.1.2:9464", Address("192.168.1.2", 9464), False),
        ("[::ffff:192.168.1.2]:9464", Address("::ffff:192.168.1.2", 9464), False),
    ],
)
def test_an_address_says_whether_others_can_reach_it(text, address, loopback):
    found = Address.parse(text)
    assert (found, str(found), found.is_loopback) == (address, text, loopback)


@pytest.mark.parametrize(
    "text",
    [
        *("", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1"),
        *(
            "127.0.0.1:٩",
            "127.0.0.1:" + "9" * 5000,
            "::1:9464",
            "[127.0.0.1]:9464",
            "[::1:9464",
            "127.1:9464",
        ),
        *("example.org:9464", "localhost.example.org:9464", "http://127.0.0.1:9464", "127.0.0.1 :9464"),
        *("unix:", "unix:health.sock", "unix:/run/", "unix:/" + "x" * 200, "unix:/a\0b", "/run/health.sock"),
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="should be an IP address with a port"):
        Address.parse(text)


def test_an_address_for_everybody_is_refused_unless_it_is_plainly_allowed():
    with pytest.raises(SettingsError, match="can be reached from other machines"):
        load({"SCRUBJAY_HEALTH": "0.0.0.0:9464"})
    allowed = load({"SCRUBJAY_HEALTH": "0.0.0.0:9464", "SCRUBJAY_HEALTH_PUBLIC": "true"})
    assert allowed.health_address == Address("0.0.0.0", 9464)


def test_nothing_is_served_unless_it_is_set():
    assert load({}).health_address is None
