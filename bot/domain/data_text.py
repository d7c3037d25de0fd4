"""JSON and Python literals in a text: read, or only recognised. Pure."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_LITERAL = 20_000  # characters of a Python literal that is read
FENCED = re.compile(r"\s*(?:```|~~~)[ \t]*[\w+.-]*[ \t]*\n?(?P<text>.*?)\n?[ \t]*(?:```|~~~)\s*", re.DOTALL)
NO_WORDS = frozenset({"null", "undefined", "nan", "[object object]", '""', "''", "(empty)"})
ERROR = re.compile(
    r"\W*(?:(?:api|internal|server|http)[ _])?error\b\W{0,3}(?:\d{3}\b|:|[ \t]*code)|traceback \(most",
    re.IGNORECASE,
)
ASSIGNED = re.compile(r"\w{1,30}\s*=\s*([\"']).*\1", re.DOTALL)
EVENT_STREAM = re.compile(r"data:\s*(?:[\[{]|\[DONE\])")
BEGUN_DATA = re.compile(r"[\[{]\s*(?:[\[{]\s*)*(?:[\"'][^\"'\n]{0,80}(?:[\"']\s*(?:[:,\]}]|\Z)|\Z)|\Z)")
TEXT_KEY = re.compile(
    r"[\[{\s]*[\"'](?:text|reply|message|content|response|answer|name|tool|action|type)[\"']\s*:"
)
FIELD = re.compile(TEXT_KEY.pattern.replace(r"[\[{\s]*", "", 1) + r"\s*[\"'\[{]")  # its braces were dropped
CLOSED_DATA = re.compile(r"[\"'”’]\s*[}\]][}\]\s]*\Z|\}\s*\}\s*\Z")  # noqa: RUF001


def is_data(text: str) -> bool:
    """Whether JSON, a Python literal (whole or cut off) or an error stands in the place of a sentence."""
    inner = text.strip()
    if fenced := FENCED.fullmatch(inner):
        inner = fenced["text"].strip()
    if inner.casefold() in NO_WORDS or EVENT_STREAM.match(inner) or FIELD.match(inner):
        return True
    if ERROR.match(inner) or ASSIGNED.fullmatch(inner):
        return True
    if not inner.startswith(("{", "[")):
        unbalanced = any(inner.count(end) > inner.count(begin) for begin, end in ("{}", "[]"))
        return unbalanced and bool(CLOSED_DATA.search(inner))
    if isinstance(_value(inner), dict | list):
        return True
    followed = json_and_rest(inner)
    if followed and any(char.isalpha() for char in followed[1]):
        return bool(TEXT_KEY.match(inner))
    return bool(BEGUN_DATA.match(inner))


def literal(text: str) -> object:
    """The value of a JSON text, whose strings may hold line breaks, or of a Python literal.

    Raises ValueError.
    """
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    if len(text) > MAX_LITERAL:
        raise ValueError("it is too long for a Python literal")
    try:
        return ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise ValueError("it is neither JSON nor a Python literal") from error


def decoded(value: object, times: int, parse: Callable[[str], object] = literal) -> object:
    """The value of a text that was encoded up to `times` times; what cannot be read stays as it is."""
    for _ in range(times):
        if not isinstance(value, str):
            break
        try:
            value = parse(value)
        except (ValueError, RecursionError):
            break
    return value


def json_values(text: str) -> Iterator[object]:
    """The JSON values of a text that holds nothing else, apart from commas and semicolons between them.

    Raises ValueError.
    """
    decoder, at = json.JSONDecoder(strict=False), 0
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        yield value
        while at < len(text) and text[at] in " \t\r\n,;":
            at += 1


def _value(text: str) -> object:
    try:
        return literal(text)
    except ValueError:
        return None


def json_and_rest(text: str) -> tuple[object, str] | None:
    """The JSON value that the text begins with, and the rest; None if it begins with none."""
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value, text[end:]
