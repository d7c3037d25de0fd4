"""Which posts a turn had words of."""

from __future__ import annotations

from support.factory import ANA, NOW, mention

from bot.domain.embeds import Embeds
from bot.domain.prompt import Prompt, ThreadPost
from bot.domain.turn import source_uris
from memory.model import Note, Passage, Person, Receipt
from memory.recollection import Item, Recollection, Shown, render

PLACES = (
    "thread", "quoted in the thread", "quoted", "note", "exchange", "summary", "recalled", "archived", "found"
)  # fmt: skip


def uri(place):
    return f"at://{ANA}/app.bsky.feed.post/{place.replace(' ', '-')}"


def post(place, quoted=None):
    return ThreadPost("ana.test", place, uri=uri(place), embeds=Embeds(), quoted=quoted)


def shown(place):
    return Shown((Item(place, NOW, place, uri(place)),))


def test_a_turn_had_words_of_every_post_that_it_was_shown_or_found():
    person, asked = Person(ANA, "ana.test", NOW, NOW, NOW), mention()
    note = Note(1, ANA, "likes tea", Receipt(uri("note"), "bafy", ANA, NOW), NOW)
    unseen = Note(2, ANA, "has a dog", Receipt(uri("nowhere"), "bafy", ANA, NOW), NOW)
    tiers = [shown(place) for place in ("exchange", "summary", "recalled", "archived")]
    recollection = Recollection(person, (note, unseen), render([note], 100), (), *tiers)
    own = ThreadPost("ana.test", "hi", uri=asked.uri, quoted=post("quoted"))
    above = post("thread", post("quoted in the thread"))
    prompt = Prompt((), asked, person, recollection, (above,), NOW, own)
    found = [Passage(ANA, "said", ANA, "found", 7, uri("found"), NOW)]

    assert source_uris(prompt, found) == {asked.uri, *map(uri, PLACES)}
