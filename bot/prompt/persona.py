"""The persona: a file that the operator owns. Pure.

    ---
    name: Scrubjay
    version: 1
    languages: en, pt
    ---

    Who it is, in a few sentences.

    ## Voice
    ...

Markdown below a small header of `key: value` lines. `name` is required. `version` is for the operator.
`languages` are those that the bot answers in: `any`, or codes. To people who write in another language it
answers in the first.
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

HEADER_LINE = "---"
KEYS = ("name", "version", "languages")
REQUIRED_SECTIONS = ("Voice", "Boundaries")
ADVISED_SECTIONS = ("Interests", "Honesty", "Memory", "Examples")
MAX_TOKENS = 4000  # of the prompt's 12,000
MAX_NAME_CHARS = 64
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
HEADING = re.compile(r"##\s+(?P<name>\S.*?)\s*")
ANY = "any"


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the bot is. `languages` is empty if it answers in any language."""

    name: str
    version: str
    languages: tuple[str, ...]
    body: str

    def text(self) -> str:
        """The persona as it stands in the prompt, without the version."""
        lines = [f"Your name is {self.name}."]
        if self.languages:
            lines.append(f"You write in: {', '.join(self.languages)}; to others in {self.languages[0]}.")
        return "\n".join([*lines, "", self.body])


def digest(text: str) -> str:
    """A short hash of the persona's text. Turn records have it, to show which persona was used."""
    return sha256(text.strip().encode()).hexdigest()[:12]


def parse(text: str, where: str = "the persona") -> Persona:
    """Parse the file's text. Raises SettingsError with one argument for each problem, with its line."""
    lines = text.removeprefix("\ufeff").splitlines()
    if (
        not lines
        or lines[0].strip() != HEADER_LINE
        or HEADER_LINE not in (line.strip() for line in lines[1:])
    ):
        raise SettingsError(
            f"{where}: there is no header. "
            f"Begin with a line {HEADER_LINE}, `name: ...`, and another {HEADER_LINE}."
        )
    end = next(number for number, line in enumerate(lines) if number and line.strip() == HEADER_LINE)
    header, problems = _read_header(lines[1:end])
    body = "\n".join(lines[end + 1 :]).strip()
    problems += [*_header_problems(header), *_line_problems(lines, end + 1), *_body_problems(body)]
    if problems:
        raise SettingsError(*(f"{where}: {problem}" for problem in problems))
    languages = _languages(header.get("languages", ANY)) or ()
    return Persona(header["name"], header.get("version", ""), languages, body)


def advice(persona: Persona) -> tuple[str, ...]:
    """What a good persona has and this one lacks. It is accepted all the same."""
    sections = _sections(persona.body)
    return tuple(
        f"there is no section `## {name}`" for name in ADVISED_SECTIONS if name.casefold() not in sections
    )


def _read_header(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    header: dict[str, str] = {}
    problems = []
    for number, line in enumerate(lines, 2):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not colon or key not in KEYS:
            problems.append(
                f"line {number} of the header should be one of {', '.join(KEYS)}, a colon, a value."
            )
        elif key in header:
            problems.append(f"line {number}: {key} stands twice in the header.")
        else:
            header[key] = value
    return header, problems


def _header_problems(header: Mapping[str, str]) -> Iterator[str]:
    if not header.get("name"):
        yield "the header has no name. Example: name: Scrubjay"
    if len(header.get("name", "")) > MAX_NAME_CHARS:
        yield f"the name is longer than {MAX_NAME_CHARS} characters."
    if _languages(header.get("languages", ANY)) is None:
        yield "languages should be `any`, or codes with commas between. Example: languages: en, pt-BR"


def _languages(value: str) -> tuple[str, ...] | None:
    """The language codes; empty for `any`; None if one is not valid."""
    if value.casefold() == ANY:
        return ()
    codes = tuple(code.strip() for code in value.split(","))
    return codes if all(map(LANGUAGE.fullmatch, codes)) else None


def _line_problems(lines: list[str], start: int) -> Iterator[str]:
    for number, line in enumerate(lines[start:], start + 1):
        if line.startswith(">"):
            yield f"line {number} begins with `>`, which in a prompt marks what strangers wrote."
        elif line.startswith("# "):
            yield f"line {number} is a heading of the first level, which are the prompt's own. Write `##`."


def _body_problems(body: str) -> Iterator[str]:
    sections = _sections(body)
    for name in REQUIRED_SECTIONS:
        if name.casefold() not in sections:
            yield f"there is no section `## {name}`."
        elif not sections[name.casefold()]:
            yield f"the section `## {name}` is empty."
    if (size := tokens(body)) > MAX_TOKENS:
        yield f"it takes about {size} tokens of every prompt; {MAX_TOKENS} are allowed."


def _sections(body: str) -> dict[str, str]:
    """The text of each section, under its name in lower case."""
    sections: dict[str, str] = {}
    name = ""
    for line in body.splitlines():
        heading = HEADING.fullmatch(line)
        name = heading["name"].casefold() if heading else name
        sections[name] = sections.get(name, "") + ("" if heading else line.strip())
    return sections
