"""What was replaced is found when the past is asked for, and stands below what is so when it is not."""

from __future__ import annotations

import itertools
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from support.memory_people import ALICE, MEMORY, ROOMY, later, receipt, say
from support.memory_walk import ON_A_DATABASE, STEPS, walk

from memory.encoders import NoEncoder, WordLlama
from memory.identifiers import thread_id
from memory.model import Passage, Remember, Revise
from memory.rows import passages
from memory.rows.passages import PASSAGE
from memory.search.languages import BEFORE
from memory.search.ranking import parse_query
from memory.search.stems import STEMMERS
from memory.store import Memory

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()
WORDS_ALONE, WITH_VECTORS = Memory(ROOMY, encoder=NoEncoder()), Memory(ROOMY, encoder=WordLlama())

# Where do I live? And where before? In every language whose words or letters are known.
ASKED = {
    "ar": ("أين أسكن؟", "أين كنت أسكن سابقا؟"),
    "ca": ("on visc?", "on vivia abans?"),
    "cs": ("kde bydlím?", "kde jsem bydlel dříve?"),
    "da": ("hvor bor jeg?", "hvor boede jeg før?"),
    "de": ("wo wohne ich?", "wo habe ich früher gewohnt?"),
    "el": ("πού μένω;", "πού έμενα πριν;"),
    "en": ("where do I live?", "where did I live before?"),
    "es": ("¿dónde vivo?", "¿dónde vivía antes?"),
    "et": ("kus ma elan?", "kus ma varem elasin?"),
    "eu": ("non bizi naiz?", "non bizi nintzen lehenago?"),
    "fa": ("کجا زندگی می‌کنم؟", "قبلاً کجا زندگی می‌کردم؟"),
    "fi": ("missä asun?", "missä asuin aiemmin?"),
    "fr": ("où est-ce que j'habite ?", "où est-ce que j'habitais avant ?"),
    "ga": ("cá bhfuil cónaí orm?", "cá raibh cónaí orm roimhe seo?"),
    "he": ("איפה אני גר?", "איפה גרתי לפני כן?"),
    "hi": ("मैं कहाँ रहता हूँ?", "मैं पहले कहाँ रहता था?"),
    "hu": ("hol lakom?", "hol laktam korábban?"),
    "hy": ("որտե՞ղ եմ ապրում", "որտե՞ղ էի ապրում նախկինում"),
    "id": ("saya tinggal di mana?", "dulu saya tinggal di mana?"),
    "it": ("dove abito?", "dove abitavo prima?"),
    "ja": ("どこに住んでる？", "以前どこに住んでた？"),
    "ko": ("나는 어디에 살아?", "나는 예전에 어디에 살았어?"),
    "lt": ("kur aš gyvenu?", "kur aš gyvenau anksčiau?"),
    "nl": ("waar woon ik?", "waar woonde ik vroeger?"),
    "no": ("hvor bor jeg?", "hvor bodde jeg før?"),
    "pl": ("gdzie mieszkam?", "gdzie mieszkałem wcześniej?"),
    "pt": ("onde moro?", "onde eu morava antes?"),
    "ro": ("unde locuiesc?", "unde locuiam înainte?"),
    "ru": ("где я живу?", "где я жил раньше?"),
    "sr": ("где живим?", "где сам живео раније?"),
    "sv": ("var bor jag?", "var bodde jag förut?"),
    "ta": ("நான் எங்கே வசிக்கிறேன்?", "நான் முன்பு எங்கே வசித்தேன்?"),
    "th": ("ฉันอยู่ที่ไหน", "เมื่อก่อนฉันอยู่ที่ไหน"),
    "tr": ("nerede yaşıyorum?", "önceden nerede yaşıyordum?"),
    "uk": ("де я живу?", "де я жив раніше?"),
    "zh": ("我住在哪里？", "我以前住在哪里？"),
}


def talk(db: Database, memory: Memory, *texts: str) -> None:
    with db.write() as tx:
        for number, text in enumerate(texts):
            uri, at = receipt(post=f"t{number}").uri, later(200 + number)
            memory.retrieval.record(
                tx, Passage(ALICE, "said", ALICE, text, thread_id(f"{number // 3}"), uri, at)
            )


def replaced(db: Database, memory: Memory, *pairs: tuple[str, str]) -> None:
    """Of each pair the second was noted in place of the first."""
    with db.write() as tx:
        for number, (old, new) in enumerate(pairs):
            told = receipt(post=f"o{number}", said_at=later(number))
            (note,) = memory.apply(tx, ALICE, [Remember(old)], told, key=told.uri, actor="a", at=told.said_at)
            told = receipt(post=f"n{number}", said_at=later(100 + number))
            edits = [Revise(note.id, new)]
            memory.apply(tx, ALICE, edits, told, key=told.uri, actor="a", at=told.said_at)


def found(db: Database, memory: Memory, query: str) -> list[str]:
    with db.read() as tx:
        return [hit.text for hit in memory.retrieval.find(tx, ALICE, query, 60, now=later(999))]


def prompted(db: Database, memory: Memory, query: str) -> tuple[str, list[str]]:
    """What the brain is shown: the person's block, and the texts of the archive."""
    with db.read() as tx:
        shown = memory.compile(tx, ALICE, query, now=later(999), total=4000)
    return shown.block.text, [item.text for item in shown.archived.items]


def test_every_language_that_is_stemmed_knows_how_to_ask_for_the_past():
    assert set(STEMMERS) <= set(ASKED)
    assert {*BEFORE, "ja", "th", "zh"} == set(ASKED)


@pytest.mark.parametrize("lang", ASKED)
def test_a_question_about_the_past_is_told_from_one_about_the_present_in_every_known_language(lang: str):
    present, past = ASKED[lang]
    assert (parse_query(present, {}).past, parse_query(past, {}).past) == (False, True)
    assert parse_query(unicodedata.normalize("NFD", past), {}).past


@pytest.mark.parametrize("memory", [WORDS_ALONE, WITH_VECTORS], ids=["none", "wordllama"])
def test_asked_where_before_the_brain_is_shown_the_replaced_home_beside_the_one_that_holds(
    known: Database, memory: Memory
):
    talk(known, memory, *[f"we live it up on day {number}, {ASKED['de'][1]}" for number in range(150)])
    replaced(known, memory, ("works as a nurse", "works as a pilot"), ("lives in Berlin", "lives in Lisbon"))
    for _, past in ASKED.values():
        block, archive = prompted(known, memory, past)
        assert "lives in Lisbon" in block
        assert "lives in Berlin" in archive


@pytest.mark.parametrize("memory", [WORDS_ALONE, WITH_VECTORS], ids=["none", "wordllama"])
def test_of_what_was_replaced_that_comes_first_whose_words_are_asked_for(known: Database, memory: Memory):
    replaced(known, memory, ("wohnt in Berlin", "wohnt in Porto"), ("has a dog", "has two dogs"))
    replaced(known, memory, ("likes milk", "likes tea"), ("works as a nurse", "works as a pilot"))
    hits = found(known, memory, "in welcher Stadt wohnt sie, und wo früher?")
    assert set(hits[:2]) == {"wohnt in Berlin", "wohnt in Porto"}


def test_with_what_holds_is_found_what_it_replaced_though_they_share_no_word(known: Database):
    (old,) = say(known, Remember("nurse at the Charité"))
    (mid,) = say(known, Revise(old.id, "flies planes for a living"), post="p2", hours=1)
    say(known, Revise(mid.id, "her job is to write novels"), post="p3", hours=2)
    say(known, Remember("has a dog"), post="p4", hours=3)
    assert found(known, MEMORY, "her job before?") == [
        "her job is to write novels",
        "flies planes for a living",
        "nurse at the Charité",
    ]


def test_with_what_is_over_is_found_what_replaced_it(known: Database):
    replaced(known, MEMORY, ("lives in Porto", "moved to Lisbon"))
    assert found(known, MEMORY, "is it warm in Porto?") == ["moved to Lisbon", "lives in Porto"]


@pytest.mark.parametrize("memory", [WORDS_ALONE, WITH_VECTORS], ids=["none", "wordllama"])
def test_asked_about_the_present_what_holds_stands_above_what_it_replaced(known: Database, memory: Memory):
    replaced(known, memory, ("lives in Porto by the sea, by the sea", "lives in Lisbon"))
    hits = found(known, memory, "does she live in Lisbon or Porto, who lives by the sea")
    assert hits.index("lives in Lisbon") < hits.index("lives in Porto by the sea, by the sea")


def test_what_is_not_replaced_yet_is_no_answer_about_the_past(known: Database):
    replaced(known, MEMORY, ("nurse", "pilot"))
    with known.read() as tx:
        hits = {hours: MEMORY.retrieval.find(tx, ALICE, "before?", now=later(hours)) for hours in (99, 101)}
    assert {hours: [hit.text for hit in each] for hours, each in hits.items()} == {
        99: [],
        101: ["nurse", "pilot"],
    }


@ON_A_DATABASE
@given(STEPS)
def test_whatever_is_done_notes_are_found_as_if_they_were_recorded_now(db: Database, steps):
    did = f"did:plc:again{next(NUMBERS)}"

    def noted() -> list[Passage]:
        found = passages.find(tx, PASSAGE.did == did, PASSAGE.kind == "note")
        return sorted((replace(each, id=0) for each in found), key=lambda each: each.note_id)

    with db.write() as tx:
        walk(tx, did, steps)
        before = noted()
        passages.erase(tx, PASSAGE.did == did, PASSAGE.kind == "note")
        MEMORY.retrieval.sync(tx, did)
        assert noted() == before
        MEMORY.erase(tx, did)


def test_what_is_left_of_a_chain_stays_one_thread(known: Database):
    (old,) = say(known, Remember("works as a nurse"))
    (mid,) = say(known, Revise(old.id, "works as a pilot"), post="p2", hours=1)
    (new,) = say(known, Revise(mid.id, "writes novels"), post="p3", hours=2)
    (last,) = say(known, Revise(new.id, "paints"), post="p4", hours=3)
    with known.write() as tx:
        MEMORY.forget_note(tx, mid.id, actor="operator", at=later(4))
        threads = {each.note_id: each.thread for each in passages.find(tx, PASSAGE.did == ALICE)}
    assert threads == dict.fromkeys((new.id, last.id), thread_id(f"note:{new.id}"))
