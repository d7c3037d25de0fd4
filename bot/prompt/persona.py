"""The persona: a file that the operator owns. Pure.

    ---
    name: Scrubjay
    version: 1
    languages: en, pt
    ---

    Who it is, in a few sentences.

    ## Voice
    ...

Markdown below a small header of `key: value` lines. `name` is needed; `version` is the operator's own, and
`languages` those that it answers in (`any`, or codes; the first is used for all others).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from bot.errors import SettingsError
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FENCE = "---"
KEYS = ("name", "version", "languages")
NEEDED = ("Voice", "Boundaries")
ADVISED = ("Interests", "Honesty", "Memory", "Examples")
MOST_TOKENS = 4000  # of the prompt's 12,000
NAME_CHARS = 64
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
HEADING = re.compile(r"##\s+(?P<name>\S.*?)\s*")
ANY = "any"


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the bot is. `languages` is empty if it answers in any."""

    name: str
    version: str
    languages: tuple[str, ...]
    body: str

    def text(self) -> str:
        """As the prompt has it. The header's version is left out: it tells a model nothing."""
        lines = [f"Your name is {self.name}."]
        if self.languages:
            lines.append(f"You write in: {', '.join(self.languages)}; to others in {self.languages[0]}.")
        return "\n".join([*lines, "", self.body])


def digest(text: str) -> str:
    """A short name for exactly this persona's text, to tell which one spoke."""
    return sha256(text.strip().encode()).hexdigest()[:12]


def parse(text: str, where: str = "the persona") -> Persona:
    """Read the file. Raises SettingsError with one argument a problem, each with its line."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != FENCE or FENCE not in (line.strip() for line in lines[1:]):
        raise SettingsError(
            f"{where}: there is no header. Begin with a line {FENCE}, `name: ...`, and another {FENCE}."
        )
    end = next(number for number, line in enumerate(lines) if number and line.strip() == FENCE)
    found, problems = _header(lines[1:end])
    body = "\n".join(lines[end + 1 :]).strip()
    problems += [*_wrong_values(found), *_wrong_lines(lines, end + 1), *_wrong_body(body)]
    if problems:
        raise SettingsError(*(f"{where}: {problem}" for problem in problems))
    spoken = _languages(found.get("languages", ANY)) or ()
    return Persona(found["name"], found.get("version", ""), spoken, body)


def advice(persona: Persona) -> tuple[str, ...]:
    """What a good persona has and this one lacks; no reason to refuse it."""
    named = _named(persona.body)
    return tuple(f"there is no section `## {name}`" for name in ADVISED if name.casefold() not in named)


def _header(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, 2):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not colon or key not in KEYS:
            problems.append(
                f"line {number} of the header should be one of {', '.join(KEYS)}, a colon, a value."
            )
        elif key in found:
            problems.append(f"line {number}: {key} stands twice in the header.")
        else:
            found[key] = value
    return found, problems


def _wrong_values(found: Mapping[str, str]) -> Iterator[str]:
    if not found.get("name"):
        yield "the header has no name. Example: name: Scrubjay"
    if len(found.get("name", "")) > NAME_CHARS:
        yield f"the name is longer than {NAME_CHARS} characters."
    if _languages(found.get("languages", ANY)) is None:
        yield "languages should be `any`, or codes with commas between. Example: languages: en, pt-BR"


def _languages(value: str) -> tuple[str, ...] | None:
    """None if they are no languages."""
    if value.casefold() == ANY:
        return ()
    codes = tuple(code.strip() for code in value.split(","))
    return codes if all(map(LANGUAGE.fullmatch, codes)) else None


def _wrong_lines(lines: list[str], start: int) -> Iterator[str]:
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith(">"):
            yield f"line {number} begins with `>`, which in a prompt marks what strangers wrote."
        elif line.startswith("# "):
            yield f"line {number} is a heading of the first level, which are the prompt's own. Write `##`."


def _wrong_body(body: str) -> Iterator[str]:
    named = _named(body)
    for name in NEEDED:
        if name.casefold() not in named:
            yield f"there is no section `## {name}`."
        elif not named[name.casefold()]:
            yield f"the section `## {name}` is empty."
    if (size := tokens(body)) > MOST_TOKENS:
        yield f"it takes about {size} tokens of every prompt; {MOST_TOKENS} are allowed."


def _named(body: str) -> dict[str, str]:
    """The text of each section, under its name in lower case."""
    sections: dict[str, str] = {}
    name = ""
    for line in body.splitlines():
        heading = HEADING.fullmatch(line)
        name = heading["name"].casefold() if heading else name
        sections[name] = sections.get(name, "") + ("" if heading else line.strip())
    return sections
