from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.mention import StrongRef
from bot.domain.reply import clean, facets, is_reply_to, record, reserved_key, split, tid_time

ME, ALICE = "did:plc:scrubjay", "did:plc:alice"
HOSTS = frozenset({"bsky.app", "example.com", "docs.example.com"})
URI = f"at://{ALICE}/app.bsky.feed.post/3lbmkqzuwuc2c"
FAMILY = "👨‍👩‍👧‍👦"


def graphemes(text: str) -> int:
    return len(regex.findall(r"\X", text))


# --- text ----------------------------------------------------------------------------------------


def test_what_leaves_is_composed_and_visible_and_has_no_blank_ends():
    assert clean(" \u202ee\u0301\u200b ½ می‌خواهم \n") == "é ½ می‌خواهم"


def test_a_short_text_is_one_part_and_a_blank_one_none():
    assert split("hello there") == ("hello there",)
    assert split("") == split(" \n\u3000") == ()


def test_parts_end_where_a_sentence_does():
    text = "One sentence here. Another one is here! And a third, which is longer."
    assert split(text, 45) == ("One sentence here. Another one is here!", "And a third, which is longer.")


def test_a_sentence_that_ends_too_early_does_not_waste_a_part():
    assert split("Hm. " + "word " * 9, 30) == ("Hm. word word word word word", "word word word word")


def test_a_few_words_are_not_left_alone():
    sentence = "This one has some forty characters, or so. "
    parts = split(sentence * 7 + "And a bit.")
    assert len(parts) == 2
    assert graphemes(parts[-1]) >= 300 // 8
    assert all(part.endswith(".") for part in parts)


def test_a_japanese_sentence_ends_without_a_space():
    assert split("これは長い文です。これも長い文です。", 12) == ("これは長い文です。", "これも長い文です。")


def test_a_word_longer_than_a_post_is_cut_between_graphemes():
    assert split(FAMILY * 7, 3) == (FAMILY * 3, FAMILY * 3, FAMILY)


def test_bytes_limit_a_part_where_graphemes_do_not():
    parts = split(FAMILY * 170)
    assert [graphemes(part) for part in parts] == [120, 50]
    assert len(parts[0].encode()) == 3000


def test_a_grapheme_that_no_post_can_hold_is_cut_and_not_lost():
    monster = "a" + "\u0301" * 4000
    assert "".join(split(monster)) == monster


def test_the_notice_stands_under_the_first_part_and_within_it():
    assert split("Hello.", notice="(A bot.)") == ("Hello.\n\n(A bot.)",)
    first, *others = split("One two three four five. " * 20, notice="(A bot.)")
    assert first.endswith("five.\n\n(A bot.)")
    assert len(first) <= 300
    assert others
    assert not any("bot" in part for part in others)


words = st.text(st.characters(codec="utf-8") | st.sampled_from("ab.!。 \n\u200d❤👩🇫🇷é\u0301"), max_size=12)


@given(st.lists(words, max_size=40).map(" ".join), st.integers(1, 40))
def test_split_loses_only_whitespace_and_no_part_is_too_long(text: str, limit: int):
    parts = split(text, limit)
    assert all(0 < graphemes(part) <= limit and len(part.encode()) <= 3000 and part.strip() for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(st.lists(st.text("abc.!?é漢", min_size=1, max_size=20), max_size=60))
def test_split_keeps_every_word_whole_that_fits(known: list[str]):
    assert " ".join(split(" ".join(known), 21)).split() == known


@given(words, st.integers(1, 10))
def test_graphemes_are_never_cut(text: str, limit: int):
    assert [each for part in split(text, limit) for each in ink(part)] == ink(text)


def ink(text: str) -> list[str]:
    return [each for each in regex.findall(r"\X", text) if not each.isspace()]


# --- facets --------------------------------------------------------------------------------------


def claims(
    text: str, handle: str | None = "alice.test", hosts: frozenset[str] = HOSTS
) -> list[tuple[str, str]]:
    """What each facet covers and where it leads."""
    return [
        (
            text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(),
            facet["features"][0].get("uri") or facet["features"][0]["did"],
        )
        for facet in facets(text, ALICE, handle, hosts)
    ]


def test_facets_count_bytes():
    assert facets("héllo 👋 @Alice.test", ALICE, "alice.test", HOSTS) == (
        {
            "index": {"byteStart": 12, "byteEnd": 23},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": ALICE}],
        },
    )


def test_a_link_is_a_facet_of_the_lexicon():
    assert facets("é https://example.com/a!", ALICE, None, HOSTS) == (
        {
            "index": {"byteStart": 3, "byteEnd": 24},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/a"}],
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "@bob.test",
        "@alice.test.evil",
        "@alice.testing",
        "x@alice.test",
        "@@alice.test",
        "@alice",
        "alice.test",
    ],
)
def test_nobody_but_the_asker_is_mentioned(text: str):
    assert claims(text) == []


@pytest.mark.parametrize("text", ["@alice.test", "hi @alice.test!", "(@alice.test)", "bye @alice.test."])
def test_the_asker_is_mentioned_by_their_handle(text: str):
    assert claims(text) == [("@alice.test", ALICE)]
    assert claims(text, handle=None) == []


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("see https://bsky.app/profile/x.", "https://bsky.app/profile/x"),
        ("(https://docs.example.com/a?b=c#d)", "https://docs.example.com/a?b=c#d"),
        ("https://EXAMPLE.com/é, ok", "https://EXAMPLE.com/é"),
        ("https://example.com.", "https://example.com"),
        ("https://example.com: see", "https://example.com"),
        ("https://example.com/a_(b)", "https://example.com/a_(b)"),
    ],
)
def test_a_link_to_an_allowed_host_is_one(text: str, uri: str):
    assert claims(text) == [(uri, uri)]


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com",
        "https://evil.test",
        "https://www.example.com",
        "https://example.com:8443/",
        "https://example.com/r?url=evil",
        "https://example.com/to/evil.test",
        "https://notexample.com",
        "https://example.com.evil.test/",
        "https://example.com@evil.test/",
        "https://example.com:x@evil.test/",
        "https://example.com:443@evil.test/",
        "https://evil.test\\@example.com",
        "https://example.com\\@evil.test",
        "https://example.comé.test",
        "javascript:https://evil.test/https:example.com",
        "xhttps://example.com",
        "https://",
        "https://.",
    ],
)
def test_no_other_link_is_made(text: str):
    assert claims(text) == []


pieces = st.sampled_from(
    [
        "@alice.test",
        "@bob.test",
        "https://example.com/ü",
        "https://evil.test",
        "👩‍👩‍👧",
        "é",
        "(",
        ").",
        "\n",
        "ſ",
    ]
)


@given(st.lists(pieces | st.text(st.characters(codec="utf-8"), max_size=5), max_size=20))
def test_every_facet_covers_what_it_claims_and_none_overlap(parts: list[str]):
    text = " ".join(parts)
    for covered, leads in claims(text):
        assert covered.lower() == "@alice.test" if leads == ALICE else covered == leads
        assert leads == ALICE or leads.startswith("https://example.com")
    ends = [
        (it["index"]["byteStart"], it["index"]["byteEnd"]) for it in facets(text, ALICE, "alice.test", HOSTS)
    ]
    assert all(one[1] <= two[0] for one, two in pairwise(ends))


# --- records -------------------------------------------------------------------------------------

ROOT, PARENT = StrongRef(URI, "bafyroot"), StrongRef(URI + "p", "bafyparent")


def test_a_record_is_always_the_same_bytes():
    written = record(
        "hé @alice.test",
        facets("hé @alice.test", ALICE, "alice.test", HOSTS),
        root=ROOT,
        parent=PARENT,
        created_at=datetime(2026, 3, 1, 13, 0, 0, 5999, timezone(timedelta(hours=1))),
        langs=("en",),
    )
    assert written == (
        '{"$type":"app.bsky.feed.post","createdAt":"2026-03-01T12:00:00.005Z","facets":[{"features":'
        '[{"$type":"app.bsky.richtext.facet#mention","did":"did:plc:alice"}],"index":{"byteEnd":15,'
        '"byteStart":4}}],"langs":["en"],"reply":{"parent":{"cid":"bafyparent","uri":"' + PARENT.uri + '"},'
        '"root":{"cid":"bafyroot","uri":"' + ROOT.uri + '"}},"text":"hé @alice.test"}'
    )


def test_a_plain_record_names_neither_facets_nor_languages():
    plain = json.loads(record("hi", (), root=ROOT, parent=ROOT, created_at=datetime.now(UTC), langs=()))
    assert plain.keys() == {"$type", "text", "reply", "createdAt"}


def test_a_record_answers_its_parent_and_no_other():
    mine = json.loads(record("hi", (), root=ROOT, parent=PARENT, created_at=datetime.now(UTC), langs=()))
    assert is_reply_to(mine, PARENT.uri)
    assert not is_reply_to(mine, ROOT.uri)


@pytest.mark.parametrize("odd", [None, [], {}, {"reply": None}, {"reply": {"parent": URI}}, {"reply": [1]}])
def test_an_odd_record_answers_nothing(odd: object):
    assert not is_reply_to(odd, URI)


# --- record keys ---------------------------------------------------------------------------------

KEY = re.compile(r"^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$")
EARLIEST, LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**6 for year in (2020, 2040))
tids = st.integers(EARLIEST << 10, (LATEST << 10) - 1).map(
    lambda number: "".join(
        "234567abcdefghijklmnopqrstuvwxyz"[number >> shift & 31] for shift in range(60, -1, -5)
    )
)


def test_record_keys_never_change():
    assert reserved_key(ME, URI, 0) == "3lbmkqgepkxws"
    assert reserved_key(ME, URI, 1) == "3lbmkrlegb4fh"
    assert reserved_key(ME, URI, 0, salt=1) == "3lbmkresa3ow7"
    assert reserved_key(ME, f"at://{ALICE}/app.bsky.feed.post/self", 0) == "3peto6amx2pta"


def test_the_time_of_a_tid_is_read_as_the_network_writes_it():
    assert tid_time("3jzfcijpj2z2a") == 1688137381887007  # the example of https://atproto.com/specs/tid
    assert tid_time("2222222222222") == 0
    assert tid_time("zzzzzzzzzzzzz") is tid_time("3jzfcijpj2z2") is tid_time("3jzfcijpj2z2a\n") is None


@given(tids, st.integers(0, 9), st.integers(0, 9))
def test_a_record_key_is_a_tid_of_the_mentions_own_minute(tid: str, part: int, salt: int):
    key = reserved_key(ME, f"at://{ALICE}/app.bsky.feed.post/{tid}", part, salt)
    assert KEY.match(key)
    assert abs(tid_time(key) - tid_time(tid)) < 67.2 * 10**6


@given(st.text("234567abcdefghijklmnopqrstuvwxyz.-:~_", min_size=1, max_size=20))
def test_whatever_the_mentions_key_the_reply_gets_a_sane_one(rkey: str):
    key = reserved_key(ME, f"at://{ALICE}/app.bsky.feed.post/{rkey}", 0)
    assert KEY.match(key)
    assert EARLIEST - 68 * 10**6 <= tid_time(key) < LATEST


@given(tids)
def test_parts_salts_bots_and_mentions_have_keys_of_their_own(tid: str):
    uri = f"at://{ALICE}/app.bsky.feed.post/{tid}"
    asked = [(ME, uri, part, salt) for part in range(4) for salt in range(4)]
    asked += [(ALICE, uri, 0, 0), (ME, uri.replace("alice", "bob"), 0, 0)]
    assert len({reserved_key(*each) for each in asked}) == len(asked)
