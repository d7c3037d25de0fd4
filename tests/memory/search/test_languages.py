"""Queries about the past in every language whose stop words or letters are known."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, ROOMY, later, receipt
from support.passages import supersede

from memory.encoders import NoEncoder, WordLlama
from memory.identifiers import thread_id
from memory.model import Passage
from memory.search.languages import BEFORE
from memory.search.ranking import parse_query
from memory.search.stems import STEMMERS
from memory.store import Memory

if TYPE_CHECKING:
    from memory.db import Database

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


@pytest.mark.slow
@pytest.mark.parametrize("memory", [WORDS_ALONE, WITH_VECTORS], ids=["none", "wordllama"])
def test_asked_where_before_the_brain_is_shown_the_replaced_home_beside_the_one_that_holds(
    known: Database, memory: Memory
):
    talk(known, memory, *[f"we live it up on day {number}, {ASKED['de'][1]}" for number in range(150)])
    supersede(known, memory, ("works as a nurse", "works as a pilot"), ("lives in Berlin", "lives in Lisbon"))
    for _, past in ASKED.values():
        block, archive = prompted(known, memory, past)
        assert "lives in Lisbon" in block
        assert "lives in Berlin" in archive
