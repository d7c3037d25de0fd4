"""What the rules brain answers, and when it is silent."""

from __future__ import annotations

import pytest
from support.talker import Talker, above

from bot.brains import make
from bot.brains.rules.wording import CANNOT_ANSWER
from bot.errors import SettingsError
from memory.model import Limits

BOTH = ["lives in Lisbon", "has a dog called Rex", "likes tea"]
KNOWS = [
    "is called Ana", "lives in Lisbon", "has a dog called Biscuit", "likes tea", "hates mornings",
    "their favourite colour is blue", "works as a nurse", "loves their garden", "Plays chess on Sundays",
]  # fmt: skip
ASKED = [
    ("what is my name?", "You are called Ana."),
    ("Do you remember my name", "You are called Ana."),
    ("where do I live", "You live in Lisbon."),
    ("Do you know where I live?", "You live in Lisbon."),
    ("What is my dog’s name?", "You have a dog called Biscuit."),
    ("what's my dog called", "You have a dog called Biscuit."),
    ("do you remember my dog?", "You have a dog called Biscuit."),
    ("who is Biscuit?", "You have a dog called Biscuit."),
    ("what did I tell you about my dog?", "You have a dog called Biscuit."),
    ("do I have a dog?", "You have a dog called Biscuit."),
    ("what do I like?", "You like tea, and you love your garden."),
    ("what do I hate?", "You hate mornings."),
    ("What's my favorite color?", "Your favourite colour is blue."),
    ("what do I do for a living?", "You work as a nurse."),
    ("what's my name and where do I live?", "You are called Ana. You live in Lisbon."),
]
NOT_KNOWN = [
    ("what is my cat's name?", "your cat's name"), ("when is my birthday?", "your birthday"),
    ("how old am I?", "your age"), ("where am I from?", "where you are from"),
    ("what's my favourite film?", "your favourite film"), ("who is Rex?", "about Rex"),
    ("do I have a cat?", "whether you have a cat"),
]  # fmt: skip


def talker(*knows, **options) -> Talker:
    return Talker(make("rules"), knows=knows, **options)


async def test_three_things_of_one_post_are_kept_and_the_rest_is_said_to_be_lost():
    person = talker()
    reply = await person.say("I live in Oslo. I like tea. I like cake. I like figs.")
    assert person.known == ["lives in Oslo", "likes tea", "likes cake"]
    assert "couldn't keep all of that" in reply


async def test_a_memory_that_is_full_is_told_of():
    person = talker("likes tea", limits=Limits(notes=1))
    reply = await person.say("I live in Oslo")
    assert "couldn't keep that" in reply
    assert person.known == ["likes tea"]


async def test_an_erasure_is_never_answered_with_what_was_erased():
    reply = await talker("lives in Lisbon").say("forget that I live in Lisbon")
    assert "Lisbon" not in reply


async def test_forget_everything_tells_the_words_that_do_it():
    assert "“forget me”" in await talker(*BOTH).say("forget everything")


@pytest.mark.parametrize(("text", "expected"), ASKED)
async def test_a_question_is_answered_from_memory(text, expected):
    assert await talker(*KNOWS).say(text) == expected


@pytest.mark.parametrize(("text", "name"), NOT_KNOWN)
async def test_what_it_does_not_know_it_says_honestly(text, name):
    reply = await talker(*KNOWS).say(text)
    assert name in reply
    assert "tell" in reply.lower() or "told" in reply


@pytest.mark.parametrize(
    "text", ["what do you know about me?", "What do you remember?", "who am I", "Tell me about me"]
)
async def test_it_lists_all_it_knows_of_someone(text):
    reply = await talker(*KNOWS).say(text)
    assert "you are called Ana; you live in Lisbon; you have a dog called Biscuit; you like tea" in reply
    assert "you love your garden; “Plays chess on Sundays”." in reply


async def test_a_long_list_ends_with_how_much_it_left_out():
    reply = await talker(*(f"likes {'x' * 200} {n}" for n in range(9))).say("what do you know about me?")
    assert "5 older things besides" in reply


async def test_it_says_when_it_knows_nothing():
    assert "haven't told me anything" in await talker().say("what do you know about me?")


async def test_a_reply_that_is_refused_as_too_long_is_said_shorter():
    knows = [f"likes {'x' * 90} {n}" for n in range(4)]
    assert len(await talker(*knows).say("what do you know about me?")) > 300
    reply = await talker(*knows, reply_limit=300).say("what do you know about me?")
    assert len(reply) == 240
    assert reply.endswith("…")


async def test_a_question_about_the_world_gets_an_honest_line():
    assert await talker().say("What is the capital of France?") in CANNOT_ANSWER


async def test_a_post_may_tell_and_ask_at_once():
    person = talker("is called Ana")
    reply = await person.say("My dog is called Rex. What's my name?")
    assert person.known == ["is called Ana", "has a dog called Rex"]
    assert "Rex" in reply
    assert reply.endswith("You are called Ana.")


@pytest.mark.parametrize("text", ["thanks!", "Thank you so much", "bye", "good night, jay"])
async def test_a_courtesy_is_answered_once_in_a_thread(text):
    earlier = (above("I like tea", by_asker=True), above("Noted.", by_bot=True))
    assert (await talker().think(text, earlier)).reply
    again = await talker().think(text, (*earlier, above(text, by_asker=True)))
    assert again.reply is None
    assert again.why == "thanked already"


async def test_anothers_thanks_do_not_silence_mine():
    assert (await talker().think("thanks!", (above("thanks!"),))).reply


@pytest.mark.parametrize("text", ["hello", "I live in Lisbon", "What is the capital of France?", "olá"])
async def test_a_new_person_is_greeted(text):
    assert (await talker(spoke=False).say(text)).startswith("Hello")


async def test_a_new_person_is_greeted_by_the_name_they_give():
    reply = await talker(spoke=False).say("Hi, I'm Ana")
    assert reply.startswith("Hello, Ana")


async def test_someone_known_is_greeted_by_name():
    assert "Ana" in await talker("is called Ana").say("good morning")


async def test_the_same_post_gets_the_same_words():
    assert await talker().say("hello") == await talker().say("hello")


def test_an_unknown_brain_is_a_setting_error_that_names_the_known_ones():
    with pytest.raises(SettingsError, match=r"There are: .*\brules\b"):
        make("nothing")
