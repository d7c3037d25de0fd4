"""Where a URL that a stranger wrote may lead."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ReadRefused
from bot.network.addresses import Origin, is_public, origin_to_visit, target

OWN = frozenset({Origin("http", "localhost", 2583), Origin("https", "pds.internal", 443)})

FORBIDDEN = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "017700000001", "127.0.0.0x1",
    "0x7f.0.0.0x1", "0x7f.1", "0177.0.0.1", "10.0.0.0xa", "169.254.169.0xfe", "169.254.169.254", "0",
    "0x0", "0.0.0.0", "192.168.1.1", "8.8.8.8", "1.1.1.1", "[::1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[fe80::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "fe80::1", "[64:ff9b::7f00:1]",
    "[2606:4700::1111]", "[", "]", "[]", "localhost", "LOCALHOST", "localhost.", "x.localhost",
    "printer.local", "router.lan", "metadata.google.internal", "db.corp", "nas.home", "host.localdomain",
    "intranet", "pds", "1.0.0.127.in-addr.arpa", "x.onion", "x.invalid", "pds.example.com.",
    ".example.com", "pds..example.com", "-pds.example.com", "pds-.example.com", "", "a.b_c.com",
    "user@pds.example.com", "user:pw@pds.example.com", "@pds.example.com", "pds.example.com:8080",
    "pds.example.com:80", "pds.example.com:0", "pds.example.com:65536", "pds.example.com:443443",
    "pds.example.com:", "pds.example.com:44３", "１２７.0.0.1", "127。0。0。1", "ⓛocalhost",
    "pds.exämple.com", "%31%32%37.0.0.1", "127%2e0%2e0%2e1", "pds.example.com%00.evil.com",
    "pds.example.com\\@127.0.0.1", "pds.example.com\t", "pds\n.com", "pds.example.com#@127.0.0.1",
    "pds.example.com?@127.0.0.1", "a b.com", "*.example.com", "x" * 64 + ".com",
    ".".join(["a" * 60] * 5) + ".com", "pds.example.0x1",
    "pds.example.1", "pds.internal:8443", "localhost:2583",
]  # fmt: skip


@pytest.mark.parametrize("host", FORBIDDEN)
@pytest.mark.parametrize("path", ["", "/", "/xrpc/com.atproto.repo.getRecord?repo=did:plc:x"])
def test_a_host_that_is_no_public_name_is_refused(host, path):
    with pytest.raises(ReadRefused):
        origin_to_visit(f"https://{host}{path}", OWN)


@pytest.mark.parametrize(
    "url",
    [
        "http://pds.example.com", "ftp://pds.example.com", "file:///etc/passwd",
        "gopher://pds.example.com", "https:pds.example.com", "https:/pds.example.com", "//pds.example.com",
        "pds.example.com", "", "https://pds.example.com/a b", "https://pds.example.com/ä",
        " https://pds.example.com", "HTTPS//x.com", "javascript:alert(1)", "unix:///run/x.sock", "data:,x",
        "https://pds.example.com\r\nHost: x", "http://localhost:2584", "http://localhost",
        "https://localhost:2583", "http://127.0.0.1:2583", "http://localhost.:2583",
        "http://x@localhost:2583", "http://pds.internal", "https://pds.internal.",
    ],
)  # fmt: skip
def test_any_other_url_is_refused(url):
    with pytest.raises(ReadRefused):
        origin_to_visit(url, OWN)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.0x1", "is an address"),
        ("2130706433", "is an address"),
        ("[::1]", "is an address"),
        ("localhost", "is a name of a local network"),
        ("printer.local", "is a name of a local network"),
        ("x.onion", "is no name of the public DNS"),
        ("pds.example.com.", "is no host name"),
        ("localhost.", "is no host name"),
        ("pds.example.com:8080", "is not reached by https on port 443"),
        ("pds.exämple.com", "that is no plain URL of a host"),
    ],
)
def test_why_a_host_is_refused_is_told(host, reason):
    with pytest.raises(ReadRefused, match=reason):
        origin_to_visit(f"https://{host}", OWN)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://pds.example.com", Origin("https", "pds.example.com", 443)),
        ("https://PDS.Example.com/x?y", Origin("https", "pds.example.com", 443)),
        ("https://pds.example.com:443/", Origin("https", "pds.example.com", 443)),
        ("https://xn--exmple-cua.com", Origin("https", "xn--exmple-cua.com", 443)),
        ("https://1.1.example.com", Origin("https", "1.1.example.com", 443)),
        (
            "https://porcini.us-east.host.bsky.network",
            Origin("https", "porcini.us-east.host.bsky.network", 443),
        ),
        ("http://localhost:2583/xrpc/x", Origin("http", "localhost", 2583)),
        ("https://pds.internal/x", Origin("https", "pds.internal", 443)),
    ],
)
def test_a_public_name_and_the_operators_own_origins_may_be_visited(url, origin):
    assert origin_to_visit(url, OWN) == origin


@given(st.text(max_size=60))
def test_whatever_is_visited_is_own_or_a_name_on_443(text):
    for url in (text, f"https://{text}", f"https://{text}/x", f"https://a.{text}"):
        try:
            origin = origin_to_visit(url, OWN)
        except ReadRefused:
            continue
        assert origin in OWN or (origin.scheme == "https" and origin.port == 443 and "." in origin.host)
        assert origin in OWN or (origin.host.isascii() and origin.host[-1].isalnum())
        assert target(url).startswith("/")


LOCAL = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::127.0.0.1", "64:ff9b::a00:1",
    "64:ff9b:1::808:808", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "2001:0:7f00:1::", "2001:0::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1",
    "ff02::1", "2001:db8::1", "100::1", "::8.8.8.8", "192.0.0.9", "192.0.0.192", "192.0.0.255",
    "192.88.99.1", "168.63.129.16", "::ffff:192.0.0.192", "64:ff9b::192.0.0.192", "2002:c000:c0::",
    "::ffff:0:127.0.0.1", "100.100.100.200", "fd00:ec2::254", "3fff::1", "5f00::1", "2001:20::1",
     "localhost", "", "1.1.1", "0x7f.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", LOCAL)
def test_an_address_of_a_local_network_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::",
    ],
)
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


INNER = [
    IPv4Network(it) for it in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "224.0.0.0/3")
]


@given(st.sampled_from(INNER), st.integers(0, 2**32 - 1))
def test_no_wrapping_makes_a_local_address_public(network, number):
    inner = int(network.network_address) | number & int(network.hostmask)
    wrapped = [
        IPv6Address(0xFFFF << 32 | inner),
        IPv6Address(int(IPv6Network("64:ff9b::/96").network_address) | inner),
        IPv6Address(0x2002 << 112 | inner << 80 | number),
        IPv6Address(0x20010000 << 96 | inner << 64 | (~0x08080808 & 0xFFFFFFFF)),
        IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | (~inner & 0xFFFFFFFF)),
    ]
    assert not any(map(is_public, map(str, [IPv4Address(inner), *wrapped])))
