"""What looks like a tool call written as text, certain or not. Pure."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from bot.domain.call_values import ARGUMENT_KEYS, LIST_KEYS, NAME_KEYS
from bot.domain.model_text import mask_quoted, unescape
from bot.domain.text_calls import MARKER, in_plain_dialect

if TYPE_CHECKING:
    from collections.abc import Sequence


def looks_like_call(text: str, names: Sequence[str]) -> bool:
    """Whether a text holds something like a call of these tools, outside of code spans."""
    one_of = "|".join(map(re.escape, names))
    masked = mask_quoted(in_plain_dialect(unescape(text)))
    return any(found["open"] for found in MARKER.finditer(masked)) or bool(_suspicious(one_of).search(masked))


@cache
def _suspicious(names: str) -> re.Pattern[str]:
    keys = "|".join((*ARGUMENT_KEYS, *LIST_KEYS, "function_call", "tool_name", "function_name"))
    prefixed = rf"(?:(?:functions|default_api|tools)\.)?(?:{names})(?:\.call)?"
    underscored = "|".join(name for name in names.split("|") if "_" in name) or r"(?!)"
    return re.compile(
        rf"[\"'](?:{'|'.join(NAME_KEYS)})[\"']\s*:\s*[\"']{prefixed}[\"']"
        rf"|[{{,]\s*[\"'](?:{keys})[\"']\s*:\s*[\[{{\"']"
        rf"|[{{\[]\s*[\"'](?:{names})[\"']\s*:\s*[\[{{\"']"
        rf"|(?<![\w'’])(?:print\(\s*)?{prefixed}(?:\*\*|__)?\((?:\s*\w+\s*[=:]|\s*[\"'“{{\[]|\s*\))"  # noqa: RUF001
        rf"|(?<!\w){prefixed}\s*:?\s*\{{\s*[\"'\w]"
        rf"|\bto=functions\.|\b(?:functions|default_api)\.(?:{names})\b|\b(?:{underscored})\b"
        rf"|^[ \t]*(?:\*\*)?(?:Action|Tool|Function|(?:Tool|Function)[ _]call|Calling(?: tool)?)"
        rf"(?:[ _]name)?(?:\*\*)?"
        rf"[ \t]*:[ \t]*[\"'`*]*(?:{names})\b"
        rf"|^[ \t]*(?:{'|'.join(NAME_KEYS)})[ \t]*:[ \t]*[\"']?(?:{names})[\"']?[ \t]*\n"
        rf"\s*(?:{'|'.join(ARGUMENT_KEYS)})\s*:"
        rf"|^[ \t]*(?:\*\*)?Action[ _]Input(?:\*\*)?\s*:"
        rf"|</?(?:{names})(?:[\s/][^<>]*)?>|<(?:function|tool)(?:=|\s+name=)|<(?:[a-z]+:)?invoke\b"
        rf"|^[ \t]*[/@!](?:{names})\b|\[(?:{names})(?:[\s:(].*?)?\]\s*\Z"
        rf"|^[ \t]*\[?(?:calls?|calling|call(?:ed)? tool|tool call|using tool)\b[^\n]{{0,30}}"
        rf"\b(?:{names})\b[^\n]{{0,20}}[\](:{{]"
        rf"|\bthe [\"'`]?(?:{names})[\"'`]? tool\b"
        rf"|^[^\w\n]*(?:call|us|invok)ing(?: the| my| tool)*:? [\"'`]?(?:{names})\b[^\w\n]*$",
        re.MULTILINE | re.IGNORECASE,
    )
