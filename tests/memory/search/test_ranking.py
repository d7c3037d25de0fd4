"""Which passage scores best, and why."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, MEMORY, NOW, ROOMY, later, receipt, say
from support.memory_walk import ON_A_DATABASE
from support.passages import BOT, answer, find, record, said, supersede

from memory.encoders import NoEncoder, WordLlama
from memory.identifiers import thread_id
from memory.model import Remember, Revise
from memory.recollection import Item
from memory.search.ranking import parse_query
from memory.store import Memory

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()
odd = st.one_of(
    st.text(max_size=40), st.sampled_from(["", " ", "🐦", "\0", "\ud800", "a" * 5000, "東京", "ﷺ"])
)
WORDLLAMA = WordLlama()
WORDS_ALONE, WITH_VECTORS = Memory(ROOMY, encoder=NoEncoder()), Memory(ROOMY, encoder=WORDLLAMA)


def test_a_reply_is_found_by_the_words_of_what_it_answers(known: Database):
    record(known, said("did you adopt a cat?", thread="a"), said("yes, since last spring", thread="a"))
    record(
        known, said("yes, since last winter", thread="b"), *[said(f"tea {n}", thread="c") for n in range(9)]
    )
    assert find(known, "cat") == ["yes, since last spring", "did you adopt a cat?"]


def test_the_persons_words_stand_above_the_bots_same_words(known: Database):
    first = said("my sister sails")
    record(known, replace(first, thread=thread_id("other")), answer(first, "my sister sails"))
    with known.read() as tx:
        found = MEMORY.retrieval.find(tx, ALICE, "sister", now=later(1))
    assert [each.kind for each in found] == ["said", "answer"]


def test_who_is_named_in_the_question_comes_first(known: Database):
    first = said("we hike a lot", thread="a")
    record(known, first, replace(answer(first, "we hike a lot"), thread=thread_id("b")))
    names = {ALICE: "Alice", BOT: "Jay"}
    with known.read() as tx:
        hits = {
            who: MEMORY.retrieval.find(tx, ALICE, f"does {who} hike?", now=later(1), names=names)[0].kind
            for who in ("Alice", "Jay")
        }
    assert hits == {"Alice": "said", "Jay": "answer"}


def test_names_of_those_who_spoke_are_left_out_of_what_is_meant():
    query = parse_query("What did Ana-Maria's dog eat?", {ALICE: "ana-maria", BOT: "jay"})
    assert (query.unnamed, query.named) == (("dog", "eat"), {ALICE})


BOATS = {
    "bought a kayak": datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    "bought a canoe": datetime(2024, 3, 1, tzinfo=UTC),
    "bought a raft": datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC),
    "bought a punt": datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
    "bought a ship": datetime(2026, 1, 1, tzinfo=UTC),
    "bought a ferry": datetime(2026, 2, 15, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("question", "boats"),
    [
        ("what in January?", {"ship"}),
        ("what in February?", {"kayak", "ferry"}),
        ("what in March?", {"canoe", "raft"}),
        ("what in December?", {"punt"}),
        ("what in November?", set()),
        ("what in 2023?", set()),
        ("which 31?", set()),
        ("what in 2024?", {"kayak", "canoe"}),
        ("what in 2025?", {"raft", "punt"}),
        ("what in 2026?", {"ship", "ferry"}),
    ],
)
def test_a_month_and_a_year_find_what_was_said_in_them_and_nothing_else(known: Database, question, boats):
    record(known, *(replace(said(text, thread=text), at=at) for text, at in BOATS.items()))
    found = find(known, question, memory=WORDS_ALONE)
    assert {text.removeprefix("bought a ") for text in found} == boats


@pytest.mark.parametrize(
    ("question", "boat"),
    [
        ("what on 29 February?", "kayak"),
        ("what on March 1?", "canoe"),
        ("what on 31 March?", "raft"),
        ("what on December 31?", "punt"),
        ("what on 15 February?", "ferry"),
        ("what in February 2024?", "kayak"),
        ("what in March 2025?", "raft"),
    ],
)
def test_a_day_or_month_of_a_year_finds_what_was_said_on_it_first(known: Database, question, boat):
    record(known, *(replace(said(text, thread=text), at=at) for text, at in BOATS.items()))
    assert find(known, question, memory=WORDS_ALONE)[0] == f"bought a {boat}"


def test_of_equals_the_newest_comes_first(known: Database):
    record(known, said("I like tea", "a", thread="a"), said("I like tea", "b", thread="b", hours=1))
    with known.read() as tx:
        assert [each.at for each in MEMORY.retrieval.find(tx, ALICE, "tea", now=later(9))] == [
            later(1),
            later(0),
        ]


def test_what_was_said_later_is_not_found_yet(known: Database):
    record(known, said("tea with milk"), said("tea with lemon", hours=5))
    assert find(known, "tea", hours=1) == ["tea with milk"]


def test_words_are_found_in_other_forms_of_their_language(known: Database):
    texts = ("meine Katzen und ich sind umgezogen", "je promène mes chiens dans la forêt")
    texts += ("昨日東京へ引っ越しました", "ฉันรักแมวมาก")
    record(known, *(said(text, thread=text) for text in texts))
    assert find(known, "die Katze") == ["meine Katzen und ich sind umgezogen"]
    assert find(known, "le chien") == ["je promène mes chiens dans la forêt"]
    assert find(known, "東京") == ["昨日東京へ引っ越しました"]
    assert find(known, "แมว") == ["ฉันรักแมวมาก"]


@pytest.mark.slow
@ON_A_DATABASE
@given(st.lists(odd, max_size=4), odd)
def test_any_text_may_be_said_and_asked(db: Database, texts, query):
    did, memory = f"did:plc:o{next(NUMBERS)}", Memory(encoder=WORDLLAMA)
    texts = [text.encode("utf-8", "replace").decode().replace("\0", "") for text in texts]
    with db.write() as tx:
        memory.people.meet(tx, did, NOW)
        memory.retrieval.record(tx, *(said(text, did=did) for text in texts))
        found = memory.retrieval.find(tx, did, query, now=later(1))
    assert {each.text for each in found} <= set(texts)
    assert not found if not query.strip() else True


# --- superseded notes ----------------------------------------------------------------------------


def test_a_note_that_was_replaced_comes_last_unless_the_past_is_asked_for(known: Database):
    (old,) = say(known, Remember("lives in Porto by the sea"))
    say(known, Revise(old.id, "lives in Lisbon"), post="p2", hours=1)
    assert find(known, "lives in Porto or Lisbon, by the sea?")[0] == "lives in Lisbon"
    assert find(known, "lives where before, Porto, by the sea?")[0] == "lives in Porto by the sea"


def test_a_replaced_note_tells_until_when_it_held(known: Database):
    (old,) = say(known, Remember("lives in Porto"))
    say(known, Revise(old.id, "lives in Lisbon"), post="p2", hours=48)
    with known.read() as tx:
        *_, found = MEMORY.retrieval.find(tx, ALICE, "Porto", now=later(99))
    assert Item.of_passage(found).line == f"n{old.id} · 2026-03-01 until 2026-03-03 · lives in Porto"
    assert Item.of_passage(found).uri == receipt().uri


def test_before_it_was_replaced_a_note_counts_in_full(known: Database):
    (old,) = say(known, Remember("lives in Porto"))
    say(known, Revise(old.id, "lives in Lisbon"), post="p2", hours=2)
    with known.read() as tx:
        then, now = (MEMORY.retrieval.find(tx, ALICE, "Porto", now=later(each))[0].score for each in (1, 3))
    assert now < then


@pytest.mark.parametrize("memory", [WORDS_ALONE, WITH_VECTORS], ids=["none", "wordllama"])
def test_of_what_was_replaced_that_comes_first_whose_words_are_asked_for(known: Database, memory: Memory):
    supersede(known, memory, ("wohnt in Berlin", "wohnt in Porto"), ("has a dog", "has two dogs"))
    supersede(known, memory, ("likes milk", "likes tea"), ("works as a nurse", "works as a pilot"))
    hits = find(known, "in welcher Stadt wohnt sie, und wo früher?", memory=memory)
    assert set(hits[:2]) == {"wohnt in Berlin", "wohnt in Porto"}


def test_with_what_holds_is_found_what_it_replaced_though_they_share_no_word(known: Database):
    (old,) = say(known, Remember("nurse at the Charité"))
    (mid,) = say(known, Revise(old.id, "flies planes for a living"), post="p2", hours=1)
    say(known, Revise(mid.id, "her job is to write novels"), post="p3", hours=2)
    say(known, Remember("has a dog"), post="p4", hours=3)
    assert find(known, "her job before?") == [
        "her job is to write novels",
        "flies planes for a living",
        "nurse at the Charité",
    ]


def test_with_what_is_over_is_found_what_replaced_it(known: Database):
    supersede(known, MEMORY, ("lives in Porto", "moved to Lisbon"))
    assert find(known, "is it warm in Porto?") == ["moved to Lisbon", "lives in Porto"]


@pytest.mark.parametrize("memory", [WORDS_ALONE, WITH_VECTORS], ids=["none", "wordllama"])
def test_asked_about_the_present_what_holds_stands_above_what_it_replaced(known: Database, memory: Memory):
    supersede(known, memory, ("lives in Porto by the sea, by the sea", "lives in Lisbon"))
    hits = find(known, "does she live in Lisbon or Porto, who lives by the sea", memory=memory)
    assert hits.index("lives in Lisbon") < hits.index("lives in Porto by the sea, by the sea")


def test_what_is_not_replaced_yet_is_no_answer_about_the_past(known: Database):
    supersede(known, MEMORY, ("nurse", "pilot"))
    with known.read() as tx:
        hits = {hours: MEMORY.retrieval.find(tx, ALICE, "before?", now=later(hours)) for hours in (99, 101)}
    assert {hours: [hit.text for hit in each] for hours, each in hits.items()} == {
        99: [],
        101: ["nurse", "pilot"],
    }


ASKED = {  # a statement, the question that it answers, and a bot that did not know
    "en": ("My cousin lives in Lisbon.", "where does my cousin live?", "Sorry, I don't know that. Tell me?"),
    "de": ("Meine Cousine wohnt in Lissabon.", "wo wohnt meine Cousine?", "Das weiß ich leider nicht."),
    "es": ("Mi prima vive en Lisboa.", "¿dónde vive mi prima?", "No lo sé, nunca me lo has dicho."),
    "fr": ("Ma cousine habite à Lisbonne.", "où habite ma cousine ?", "Désolé, je ne sais pas encore."),
    "ja": ("いとこはリスボンに住んでいます。", "いとこはどこに住んでいますか？", "分かりません。"),
}


@pytest.mark.parametrize(("told", "question", "unknowing"), ASKED.values(), ids=ASKED)
def test_a_question_that_was_asked_often_stands_below_what_answers_it(known, told, question, unknowing):
    record(known, said(told, thread="told"))
    for number in range(12):
        asked = said(question, thread=f"asked {number}")
        record(known, asked, answer(asked, unknowing))
    assert find(known, question)[0] == told


def test_what_a_question_tells_of_who_asks_it_is_found(known: Database):
    long = "which of my three bikes, red Brompton, old Moulton or the cargo one, for the ferry to Tangier?"
    record(known, said(long, thread="a"), *[said(f"tea {n}", thread="b") for n in range(9)])
    assert find(known, "which bikes do I have?")[0] == long


def test_an_answer_with_a_word_that_tells_something_is_found(known: Database):
    asked = said("do I like tea?", thread="a")
    record(known, asked, answer(asked, "I don't know about tea, but you like maté."))
    assert find(known, "what do I like, maté?")[0] == "I don't know about tea, but you like maté."
