"""Texts as words, words as stems, stems as bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.search.languages import MONTHS, STOP_WORDS
from memory.search.stems import MOST_COUNTED, STEM_BITS, STEMMERS, Words, number, pack, read, unpack


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("I have a dog and it is on my bed", "en"),
        ("ich habe einen Hund und der ist auf dem Bett", "de"),
        ("tengo un perro y está en mi cama", "es"),
        ("j'ai un chien et il est dans mon lit avec moi", "fr"),
        ("mam psa i jest na moim łóżku ale nie śpi", "pl"),
        ("у меня есть собака", "ru"),
        ("у мене є собака, її звати Бім", "uk"),
        ("犬を飼っています", "ja"),
        ("我有一只狗", "zh"),
        ("나는 개가 있다", "ko"),
        ("ฉันมีหมา", "th"),
        ("🐕🐕", None),
        ("", None),
        ("Kubernetes", None),
    ],
)
def test_a_language_is_known_by_its_script_and_its_commonest_words(text, lang):
    assert read(text).lang == lang


def test_what_a_post_says_of_its_language_decides_where_its_words_do_not():
    assert (read("Kubernetes", "nl").lang, read("I have a dog and you do", "nl").lang) == ("nl", "en")


def test_words_are_alike_in_any_case_width_and_apostrophe():
    assert read("ＣＡＦÉ Porto’s").words == read("cafe\u0301 porto's").words == ("café", "porto's")


def test_scripts_without_spaces_are_cut_into_pairs():
    assert read("東京タワー A").words == ("東京", "京タ", "タワ", "ワー", "a")


def test_the_commonest_words_are_left_out():
    assert read("what is the name of my dog").words == ("name", "dog")


def test_forms_of_one_word_have_one_number():
    assert number("hiking", "en") == number("hikes", "en") != number("hiking", None)


def test_every_stemmer_there_is_can_be_used():
    assert all(number("word", lang) < 2**STEM_BITS for lang in STEMMERS)
    assert set(STOP_WORDS) <= set(STEMMERS)
    assert set(MONTHS.values()) == set(range(1, 13))


@given(st.lists(st.text(min_size=1, max_size=4), max_size=60))
def test_stems_come_back_as_they_were_packed(words):
    numbers, counts = unpack(pack(Words("en", tuple(words))))
    wanted = [number(word, "en") for word in words]
    assert numbers.tolist() == sorted(set(wanted))
    assert counts.tolist() == [min(wanted.count(each), MOST_COUNTED) for each in sorted(set(wanted))]
    assert len(pack(Words("en", tuple(words)))) == 3 * len(numbers)
    assert numbers.dtype == np.uint32


@given(st.text())
def test_any_text_can_be_read(text):
    found = read(text)
    assert all(found.words)
    assert read(text) == found
