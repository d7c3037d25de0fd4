"""Which links, addresses and tags may be said. Whatever hides one is seen through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import links
from bot.domain.links import Allowed

ANA = "did:plc:ana"
ALLOWED = Allowed(frozenset({"bsky.app"}), frozenset({"ana.bsky.social"}), frozenset({ANA}))


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.com",
        "http://bsky.app",
        "https://www.bsky.app",
        "https://bsky.app.evil.com",
        "https://bsky.app@evil.com",
        "https://bsky.app:443/",
        "https://bsky.app\\@evil.com",
        "https://bsky。app",
        "https://bsky.app。evil",
        "https://bѕky.app/",
        "https://xn--bky-7cd.app",
        "https://bsky.app/redirect?u=x",
        "https://bsky.app/?q=https%3A%2F%2Fevil.com",
        "https://bsky.app/?a=%2568ttps%253A%252F%252Fevil.com",
        "https://bsky.app/evil.com",
        "https://bsky.app/profile/ben.bsky.social",
        "https://bsky.app/profile/did:plc:ben",
        "HTTPS://EVIL.COM",
        "hxxps://evil[.]com",
        "https: //evil/x",
        "evil.com",
        "www.evil.com",
        "it.Do",
        "evil.com/path",
        "evil。com",
        "ｅｖｉｌ．ｃｏｍ",
        "ⓔⓥⓘⓛ.ⓒⓞⓜ",
        "e\u0335v\u0335il.c\u0335om",
        "ev\u200bil\u200c.com",
        "evil[.]com",
        "evil (dot) com",
        "evil dot com",
        "evil .com",
        "bücher.de",
        "пример.рф",
        "xn--80ak6aa92e.com",
        "ben.bsky.social",
        "ana.bsky.social",
        "10.0.0.1:8080",
        "127.0.0.1/admin",
        "localhost:8080",
        "mailto:ben",
        "javascript:alert(1)",
        "at://did:plc:ben/app.bsky.feed.post/3l",
        "did:plc:ben",
        "did:plc:anabel",
        "ben@example.org",
        "ben@localhost",
        "ben (at) example (dot) org",
        "@ben.bsky.social",
        "@ben",
        "＠ben.bsky.social",
        "@ana.bsky.social.evil.com",
        "@ana.bsky.social/path",
        "x@ana.bsky.social",
        "#win",
        "＃win",
        "#🎉",
        "#2026goals",
        "[free](https://evil.com)",
        "<https://evil.com>",
        '"https://evil.com"',
    ],
)
def test_no_address_is_said_but_those_of_the_list(address):
    for text in (address, f"Look: {address}.", f"see ({address}), ok", f"one\n{address}\ntwo"):
        assert links.fault(text, ALLOWED) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Hello, how are you?",
        "See https://bsky.app.",
        "(https://bsky.app/about/faq)",
        "“https://bsky.app/settings”, I think",
        "https://bsky.app/profile/ana.bsky.social/post/3lx",
        "https://bsky.app/profile/did:plc:ana",
        "Hi @ana.bsky.social!",
        "(@Ana.bsky.social)",
        "Your DID is did:plc:ana.",
        "wait...what? no… yes",
        "e.g. this, i.e. that, a.m. and p.m., Ph.D., U.S.A., z.B. und p.ej. algo",
        "version 1.2.3 of node.js reads config.json",
        "3.5mm, 10.30am, 1.000.000, am 3.Oktober",
        "C# and F#, number #1, keycap #️⃣",
        "it is 5:30, and/or: yes, 1 / 2",
        "and then\nI slept. Good.",
        "そうです。私もそう思います。",
        "a@ b, 3 @ 5 each",
        "Note: this data: it is good. At: home.",
        "She dots the i and com is a word",
    ],
)
def test_plain_words_are_no_address(text):
    assert links.fault(text, ALLOWED) is None


def test_tags_are_said_only_if_they_are_allowed():
    assert "#birds" in links.fault("I like #birds", ALLOWED)
    assert links.fault("I like #birds", Allowed(tags=True)) is None


def test_a_subdomain_is_allowed_only_by_its_own_name():
    allowed = Allowed(frozenset({"docs.example.org"}))
    assert links.fault("https://docs.example.org/a", allowed) is None
    assert links.fault("https://example.org/a", allowed) is not None
    assert links.fault("https://x.docs.example.org/a", allowed) is not None


host = st.from_regex(r"[a-z]{2,8}(-[a-z]{1,4})?\.(com|org|net|рф|app)", fullmatch=True)
around = st.text(st.characters(codec="utf-8", categories=("Zs", "Po", "Ps", "Pe")), max_size=3)


@given(host, around, around)
def test_a_bare_domain_is_seen_whatever_stands_around_it(name, before, after):
    assert links.fault(f"{before} {name} {after}") is not None


@given(st.text(max_size=200))
def test_whatever_may_be_said_has_no_link_to_another_host(text):
    for start, end in links.find(text, ALLOWED):
        assert text[start:end].lower().startswith("https://bsky.app")


@pytest.mark.parametrize(
    "unit", ["a.", "[.]", "@", "#", "https://", "a-", " dot ", "。a", "(at)", "\u0335", "/?u="]
)
def test_a_long_text_is_judged_in_linear_time(unit):
    links.fault((unit * 20_000)[:20_000], ALLOWED)
