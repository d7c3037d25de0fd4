"""Small talk, and what needs no answer."""

from __future__ import annotations

import pytest
from support.talker import Talker

from bot.brains import make

NOISE = [
    "", " ", "ok", "OK.", "lol", "looool", "👍", "🐕🐕🐕", "k", "nice", "Niiice!", "haha nice", "https://a.test/x",
    "@jay.test", "@jay.test 👍", "...", "hahahaha", "yes", "oh wow", "\u200b", "> I live in Oslo", "this",
]  # fmt: skip


def talker(*knows, **options) -> Talker:
    return Talker(make("rules"), knows=knows, **options)


@pytest.mark.parametrize("text", NOISE)
async def test_noise_is_met_with_silence(text):
    thought = await talker().think(text)
    assert thought.reply is None
    assert thought.why == "nothing to answer"


@pytest.mark.parametrize(
    "text", ["are you human?", "who are you?", "Are you a bot?", "are you a real person"]
)
async def test_it_never_claims_to_be_human(text):
    assert "bot" in await talker().say(text)


@pytest.mark.parametrize("text", ["help", "What can you do?", "how does this work?"])
async def test_help_explains_what_it_does(text):
    assert "what do you know about me" in await talker().say(text)


@pytest.mark.parametrize(("text", "langs"), [("こんにちは、元気ですか", ()), ("moro em Lisboa", ("pt",))])
async def test_another_language_is_met_with_an_apology(text, langs):
    assert "English" in await talker(langs=langs).say(text)


async def test_kindness_is_met_with_kindness_and_sorrow_too():
    assert "sorry" in await talker().say("I'm so sad") or "hard" in await talker().say("I'm so sad")
    assert "Thank you" in await talker().say("you're lovely") or "kind" in await talker().say("you're lovely")


@pytest.mark.parametrize("text", ["My dog died yesterday", "I just lost my mother", "my cat has passed away"])
async def test_a_loss_is_met_with_sympathy(text):
    assert "so sorry" in await talker("has a dog called Rex").say(text)
