"""How the bot's own answers are: how varied, how agreeing, how much they use of memory. Pure.

A bot that talks to people for months drifts: it says the same, agrees with everybody, opens with praise. None
of these numbers is good or bad by itself; a change over weeks is what to look at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import mean
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LAST = 200  # answers that are measured together
WORD = regex.compile(r"\p{Han}|\p{Hiragana}|\p{Katakana}|\p{Thai}|[\p{L}\p{M}\p{N}'’]+")  # noqa: RUF001
LONG = 4  # letters of a word that can tell of a note
FEW = 2
RARE = 0.05  # of the answers have a word that tells of a note
OPENING = r"\P{L}*(?:(?:oh|ah|haha|well|wow|hey|hi|hello|hallo|hola|salut)\P{L}+){0,2}"
AGREES = regex.compile(
    OPENING + r"(?:yes|yeah|yep|absolutely|exactly|totally|definitely|of course|indeed|agreed|precisely|true"
    r"|i (?:\w+ )?agree|you(?:'re|’re| are) (?:\w+ )?right|that(?:'s|’s| is) right"  # noqa: RUF001
    r"|ja|genau|absolut|stimmt|richtig|natürlich|klar|du hast recht"
    r"|sí|exacto|totalmente|claro|por supuesto|tienes razón"
    r"|oui|exactement|tout à fait|absolument|bien sûr|tu as raison|vous avez raison"
    r"|sim|exato|exatamente|com certeza|tens razão|você tem razão"
    r"|sì|esatto|esattamente|certo|assolutamente|hai ragione"
    r"|precies|inderdaad|klopt|natuurlijk|je hebt gelijk)\b|\P{L}*(?:はい|そうですね|その通り)",
    regex.IGNORECASE,
)
PRAISES = regex.compile(
    OPENING
    + r"(?:(?:what|that(?:'s|’s| is)|such|an?|really|very|was|für|eine?|qué|quelle|que|che|wat|een) )*"  # noqa: RUF001
    r"(?:(?:great|excellent|good|wonderful|fantastic|lovely|amazing|brilliant|fascinating|beautiful|interesting)"
    r" (?:\w+ )?(?:question|point|idea|thought|thoughts|observation|post|choice|take|one)"
    r"|(?:tolle|gute|super|großartige|wunderbare|schöne|spannende)r? (?:frage|idee|gedanke|beobachtung)"
    r"|(?:gran|excelente|buena|buen|linda) (?:pregunta|idea|observación|punto)"
    r"|(?:excellente|bonne|très bonne|belle) (?:question|idée|remarque)"
    r"|(?:ótima|excelente|boa|bela) (?:pergunta|ideia|observação)"
    r"|(?:ottima|bella|buona) (?:domanda|idea|osservazione)"
    r"|(?:goede|geweldige|mooie) (?:vraag|gedachte|opmerking)"
    r"|(?:i )?love (?:this|that|it|your|how)|thank(?:s| you)|well said|congratulations|kudos"
    r"|danke|gracias|merci|obrigad[oa]|grazie|bedankt|dank je)\b|\P{L}*(?:素晴らしい|いい質問|ありがとう)",
    regex.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, the post that it answers, and what the prompt had from memory."""

    text: str
    asked: str = ""
    known: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """Of so many `answers`: different pairs of words among all pairs (distinct-2), shares, mean characters.

    `agrees`, `praises`: by how they begin. `remembers`: they have a rare word of a note that was not asked
    with.
    """

    answers: int
    variety: float
    agrees: float
    praises: float
    remembers: float
    length: float


def measure(answers: Sequence[Said]) -> Voice | None:
    """None of no answers."""
    if not answers:
        return None
    spoken = [words(answer.text) for answer in answers]
    pairs = list(chain.from_iterable(map(pairwise, spoken)))
    common = _common(spoken)
    return Voice(
        answers=len(answers),
        variety=len(set(pairs)) / len(pairs) if pairs else 0.0,
        agrees=mean(bool(AGREES.match(answer.text)) for answer in answers),
        praises=mean(bool(PRAISES.match(answer.text)) for answer in answers),
        remembers=mean(
            bool(_told_of(answer) & set(_long(said)) - common)
            for said, answer in zip(spoken, answers, strict=True)
        ),
        length=mean(len(answer.text) for answer in answers),
    )


def _told_of(answer: Said) -> set[str]:
    """The words of memory that are not the asker's own just now."""
    return set(words(answer.known)) - set(words(answer.asked))


def words(text: str) -> list[str]:
    """The words of a text, case-folded; of a script without spaces each character."""
    return WORD.findall(text.casefold())


def _long(said: Sequence[str]) -> Iterator[str]:
    return (word for word in said if len(word) >= LONG)


def _common(spoken: Sequence[Sequence[str]]) -> set[str]:
    """The words of so many answers that they tell of no note."""
    found = Counter(chain.from_iterable(map(set, spoken)))
    return {word for word, count in found.items() if count > max(FEW, RARE * len(spoken))}
