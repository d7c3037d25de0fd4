"""How notes are corrected and erased."""

from __future__ import annotations

import pytest
from support.talker import Talker

from bot.brains import make

CORRECTED = [
    (["lives in Lisbon"], "actually I live in Oslo", ["lives in Oslo"]),
    (["lives in Lisbon"], "I don't live in Lisbon any more, I moved to Porto", ["lives in Porto"]),
    (["lives in Lisbon"], "I don't live in Lisbon anymore", ["no longer lives in Lisbon"]),
    (["lives in Lisbon"], "I don't live in Lisbon", []),
    (["no longer lives in Lisbon"], "I live in Oslo", ["lives in Oslo"]),
    (["lives in Lisbon"], "I don't live in Oslo any more", ["lives in Lisbon"]),
    (["has a dog called Biscuit"], "no, my dog is called Rex", ["has a dog called Rex"]),
    (["has a dog"], "my dog is called Rex", ["has a dog called Rex"]),
    (["has a dog called Rex"], "I have a dog", ["has a dog called Rex"]),
    (["has a dog called Rex"], "I have a dog called Max", ["has a dog called Rex", "has a dog called Max"]),
    (["has a dog called Rex"], "I don't have a dog any more", ["no longer has a dog called Rex"]),
    (["has a dog called Rex"], "my dog isn't called Rex", []),
    (["has a dog called Rex"], "My dog is not called Rex, he's called Max", ["has a dog called Max"]),
    (["likes tea"], "I no longer like tea", ["no longer likes tea"]),
    (["likes tea"], "I don't like tea any more", ["no longer likes tea"]),
    (["likes tea"], "I hate tea", ["hates tea"]),
    (["likes tea"], "I like coffee", ["likes tea", "likes coffee"]),
    (["is a nurse"], "actually I'm a doctor", ["is a doctor"]),
    (["is a nurse", "is vegan"], "Sorry, I'm a doctor", ["is vegan", "is a doctor"]),
    (["is a nurse"], "I'm a painter", ["is a nurse", "is a painter"]),
    (["is a doctor"], "I'm not a doctor, I'm a nurse", ["is a nurse"]),
    (["is a nurse"], "I'm not a nurse any more", ["is no longer a nurse"]),
    (["is called Ana"], "Call me Anna", ["is called Anna"]),
    (["their favourite color is red"], "My favourite colour is blue", ["their favourite colour is blue"]),
    (["likes tea"], "I like TEA", ["likes tea"]),
    (["Has an old boat, the Marie"], "I live in Oslo", ["Has an old boat, the Marie", "lives in Oslo"]),
]
BOTH = ["lives in Lisbon", "has a dog called Rex", "likes tea"]
ERASED = [
    ("forget that I live in Lisbon", ["has a dog called Rex", "likes tea"]),
    ("please forget my dog", ["lives in Lisbon", "likes tea"]),
    ("Forget my dog's name.", ["lives in Lisbon", "likes tea"]),
    ("Can you forget where I live and that I like tea?", ["has a dog called Rex"]),
    ("forget that my dog is called Rex", ["lives in Lisbon", "likes tea"]),
    ("forget about tea", ["lives in Lisbon", "has a dog called Rex"]),
    ("forget that I live in Oslo", BOTH),
    ("forget it", BOTH),
    ("forget everything", BOTH),
    ("don't forget my dog", BOTH),
    ("forget my cat", BOTH),
]


def talker(*knows, **options) -> Talker:
    return Talker(make("rules"), knows=knows, **options)


@pytest.mark.parametrize(("knows", "text", "expected"), CORRECTED)
async def test_a_correction_changes_the_note_it_is_about(knows, text, expected):
    person = talker(*knows)
    assert await person.say(text)
    assert person.known == expected


async def test_what_is_known_already_is_not_written_again():
    person = talker("likes tea")
    thought = await person.think("I like tea")
    assert thought.edits == ()
    assert "you like tea" in thought.reply


@pytest.mark.parametrize(("text", "expected"), ERASED)
async def test_what_shall_be_forgotten_is_erased_and_nothing_else(text, expected):
    person = talker(*BOTH)
    assert await person.say(text)
    assert person.known == expected
