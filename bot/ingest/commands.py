"""What a command changes in the person's notes, and which command it is where its words do not tell."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import regex

from bot.brains.rules.clauses import own_words, split_sentences, stated_facts
from bot.brains.rules.facts import concerns, parse_line
from bot.brains.rules.notes import Notes
from bot.brains.rules.understanding import understand as understand_talk
from bot.domain import note_rules
from bot.domain.consent import may_remember, must_tell
from bot.domain.corrections import corrected
from bot.domain.mention import Command
from bot.privacy.erasure import propagate_erasure
from bot.storage import consent, mentions, sources
from bot.wording import answers
from bot.wording.detection import detect
from bot.wording.parse import understand
from memory.errors import EditRefused, UnknownNote, UnknownPerson
from memory.model import Receipt, Remember, Revise

if TYPE_CHECKING:
    from datetime import datetime

    from bot.brains.rules.facts import Fact
    from bot.domain.mention import Mention
    from bot.ingest.stores import Stores
    from bot.storage.journal import Journal
    from memory.db import Tx
    from memory.model import Edit, Note
    from memory.store import Memory

ASKED_WITHIN = timedelta(days=1)  # a question that is older is not answered by "yes"
NOTE_NAME = re.compile(r"\s*n(\d{1,15})\b[\s:,]*", re.IGNORECASE)
SHORT_WORDS = 2  # of a "why" that may as well be a word of talk
COMMON_STEM = 4  # letters
WORDS = regex.compile(r"[\p{L}\p{M}\p{N}]{3,}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]+")
EMPTY_WORDS = frozenset(
    regex.findall(r"\w+", "the that what which and about with are was has have for from not")
)
ACTOR = "person"
SAYS = "says: "  # begins a note that nothing here parses
QUESTION = {Command.MAY_FORGET: Command.MAY_FORGET}
ANSWERS = {Command.YES: Command.FORGET, Command.NO: Command.NO}


def resolved(tx: Tx, memory: Memory, mention: Mention, now: datetime) -> Mention:
    """The mention, with the command that it is at this point of the talk.

    “yes” and “no” are commands as the answer to the bot's question whether to forget all. That is asked once.
    A mere “why” is one if the bot's last answer used a note.
    """
    command = mention.command
    if command in (Command.YES, Command.NO, Command.MAY_FORGET):
        asked = mentions.is_asked(tx, mention, now - ASKED_WITHIN)
        meant = (ANSWERS if asked else QUESTION).get(command)
        return replace(mention, command=meant)
    if command is Command.WHY and len(mention.text.split()) <= SHORT_WORDS:
        return mention if used_notes(tx, memory, mention) else replace(mention, command=None)
    return mention


def used_notes(tx: Tx, memory: Memory, mention: Mention) -> tuple[Note, ...]:
    """The person's notes that the answer to which the mention replies was made of, else their last answer."""
    shown = sources.of_last_answer(tx, mention)
    return tuple(note for note in active_notes(tx, memory, mention.did) if note.receipt.uri in shown)


def active_notes(tx: Tx, memory: Memory, did: str) -> tuple[Note, ...]:
    try:
        return memory.recall(tx, did).notes
    except UnknownPerson:
        return ()


def language(mention: Mention) -> str:
    """The language to answer the command in."""
    understood = understand(mention.text)
    return answers.language(mention.langs, understood.langs if understood else (), detect(mention.text))


def carry_out(tx: Tx, stores: Stores, mention: Mention, now: datetime) -> str | None:
    """Do what the command changes in memory. Returns the answer; None if it is made when it is posted."""
    lang = language(mention)
    match mention.command:
        case Command.START:
            return answers.text(lang, "started")
        case Command.REFUSE:
            return answers.text(lang, "refused")
        case Command.REMEMBER:
            return answers.text(lang, "remembered")
        case Command.CORRECT:
            return answers.text(lang, _correct(tx, stores, mention, now))
        case Command.FORGET_NOTE:
            erased = _forget_notes(tx, stores.memory, stores.journal, mention, now)
            return answers.text(lang, "note_forgotten" if erased else "note_unknown", count=erased)
        case _:
            return None


def _argument(mention: Mention) -> tuple[int | None, str]:
    """The note that the command names, and the words that it is about."""
    understood = understand(mention.text)
    about = understood.argument if understood else ""
    named = NOTE_NAME.match(about)
    return (int(named[1]), about[named.end() :]) if named else (None, about)


def _may_note(tx: Tx, stores: Stores, did: str) -> bool:
    """Whether something new may be noted of this person: not before they were told of it."""
    try:
        person = stores.memory.people.get(tx, did)
    except UnknownPerson:
        return False
    if must_tell(stores.consent, person) or stores.memory.denials.get(tx, did).inference:
        return False
    return may_remember(stores.consent, consent.memory_wish(tx, did))


def _correct(tx: Tx, stores: Stores, mention: Mention, now: datetime) -> str:
    """Note what the person says, in place of what it corrects. Returns the name of the answer."""
    memory = stores.memory
    named, said = _argument(mention)
    fact = next(iter(stated_facts(split_sentences(own_words(said)))), None)
    line = fact.line if fact else f"{SAYS}{said.strip()}"
    if not said.strip() or note_rules.fault(line, mention.text):
        return "not_corrected"
    notes = active_notes(tx, memory, mention.did)
    old = named if named is not None else _corrected_note(notes, said, fact)
    if old is None and not _may_note(tx, stores, mention.did):
        return "not_corrected"
    edit: Edit = Remember(line) if old is None else Revise(old, line)
    memory.people.meet(tx, mention.did, mention.said_at)
    try:
        memory.apply(
            tx,
            mention.did,
            [edit],
            Receipt(mention.uri, mention.ref.cid, mention.did, mention.said_at),
            key=f"{mention.uri}@{mention.ref.cid}",
            actor=ACTOR,
            at=now,
        )
    except (EditRefused, UnknownNote):
        return "not_corrected"
    return "noted" if old is None else "corrected"


def _corrected_note(notes: tuple[Note, ...], said: str, fact: Fact | None) -> int | None:
    """The id of the note that the words correct: by what they tell (in English), else by their letters."""
    if fact is not None:
        told = [note.id for note in notes if (known := parse_line(note.text)) and concerns(fact, known)]
        return next(reversed(told), None)
    at = corrected([note.text.removeprefix(SAYS) for note in notes], said)
    return None if at is None else notes[at].id


def _forget_notes(tx: Tx, memory: Memory, journal: Journal, mention: Mention, now: datetime) -> int:
    """Erase the notes that the person means, with all that repeats them. Returns how many."""
    found = _meant_notes(active_notes(tx, memory, mention.did), mention)
    with propagate_erasure(tx, memory, journal, mention.did, now):
        for note in found:
            memory.forget_note(tx, note.id, actor=ACTOR, at=now)
    return len(found)


def _meant_notes(notes: tuple[Note, ...], mention: Mention) -> list[Note]:
    """The notes by name, else by what they tell (in English), else those that have all the words."""
    named, about = _argument(mention)
    if named is not None:
        return [note for note in notes if note.id == named]
    known = Notes(notes)
    told = {one.name for topic in understand_talk(mention.text).erasures for one in known.find(topic)}
    if told:
        return [note for note in notes if note.name in told]
    wanted = _words(about)
    return [note for note in notes if wanted and all(_has(note.text, word) for word in wanted)]


def _words(text: str) -> set[str]:
    return set(WORDS.findall(text.casefold())) - EMPTY_WORDS


def _has(text: str, word: str) -> bool:
    """Whether a word of the text begins as this one does."""
    return word in text.casefold() or any(
        len(other) >= COMMON_STEM and word.startswith(other[:-1]) for other in _words(text)
    )
