"""JSON documents that follow each other in one text, as `memory export --all` writes them. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from memory.errors import ImportRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACE = re.compile(r"\s*")


def split(text: str) -> Iterator[tuple[int, str]]:
    """The JSON documents in `text`, each with the number of the line on which it begins.

    Raises ImportRefused where the text is not JSON.
    """
    decoder, at, line = json.JSONDecoder(), 0, 1
    while True:
        start = _after_space(text, at)
        line += text.count("\n", at, start)
        if start == len(text):
            return
        try:
            _, at = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise ImportRefused(f"line {error.lineno}: {error.msg}") from None
        except RecursionError:
            raise ImportRefused(f"line {line}: too deeply nested") from None
        yield line, text[start:at]
        line += text.count("\n", start, at)


def _after_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    assert found is not None
    return found.end()
