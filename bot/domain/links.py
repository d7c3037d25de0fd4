"""Which links and addresses a text holds, and which of them may be said. Pure.

A text is read as a hostile one: full-width letters, invisible characters, combining marks and `evil[.]com`
hide nothing. Whatever an app might turn into a link counts as one, also a bare `evil.com`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

LINK = regex.compile(
    r"(?<![\w@.:/\\-])https://(?P<host>[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)(?P<rest>(?:[/?#][^\s<>\"\\]*+)?+)"
    r"(?![\w@\\%]|:\S|\.\w|[\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH FULL STOP}\uff61\u2024\ufe52]\S)"
)
LINK_TAIL = ".,;:!?'\"]}*_"
TIMES_ENCODED = 4
REDIRECT = regex.compile(
    r"[/?&](?:redirect|redir|goto|away|jump|out)\b|[?&#](?:url|uri|u|q|link|to|next|target|dest\w*|return\w*|continue)=",
    regex.IGNORECASE,
)

UNSEEN = regex.compile(r"[\p{M}\p{Default_Ignorable_Code_Point}\p{Cf}]")
COMMON_ENDS = r"(?:com|net|org|info|io|ai|app|dev|xyz|me|co|ru|de|cn|uk|fr|gg|link|site|online|top|shop)\b"
DOT = regex.compile(
    r"\s?[\[({<]\s?(?:\.|dot|punto|punkt|point|ponto)\s?[\])}>]\s?"  # evil[.]com
    rf"|\s{{1,3}}dot\s{{1,3}}(?={COMMON_ENDS})|(?<=\w)\s{{1,3}}\.\s?(?={COMMON_ENDS})"  # evil dot com
    r"|(?<=[a-zA-Z0-9])\N{IDEOGRAPHIC FULL STOP}(?=[a-zA-Z0-9])",
    regex.IGNORECASE,
)
AT = regex.compile(r"\s?[\[({<]\s?at\s?[\])}>]\s?", regex.IGNORECASE)
NAME = regex.compile(r"[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)+")
TOP = regex.compile(r"\p{L}{2,24}|xn--[a-z0-9-]+")
FILE_ENDING = regex.compile(  # none of them is a top-level domain
    r"[jt]sx?|txt|pdf|jpe?g|png|gif|webp|csv|json|html?|css|xml|toml|ya?ml|ini|cfg|log|docx?|xlsx?|pptx?"
    r"|mp[34]|wav|svg|exe|dll|php|jar|bak|tmp|lock|cpp|hpp|sql|ipynb|epub|odt"
)
ABBREVIATIONS = frozenset({"p.ej", "v.chr", "n.chr"})
SCHEME = regex.compile(
    r"[a-z0-9+.-]:\s?//|\bh(?:tt|xx)ps?\b\s?[:_]\s?[/\\]"
    r"|\b(?:mailto|javascript|vbscript|data|tel|sms|magnet|bitcoin|ethereum|lightning|tg|xmpp|sips?|file|ftp"
    r"|intent|ipfs|ipns|about|chrome|view-source|at):(?=[^\s\"')\]]*[\w/])",
    regex.IGNORECASE,
)
NUMBERS = regex.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}[:/]|\blocalhost[:/]\S", regex.IGNORECASE)
DID = regex.compile(r"\bdid:[a-z0-9]+:\S", regex.IGNORECASE)
ADDRESSED = regex.compile(r"\S{0,20}@[\p{L}\p{N}_]\S*")
TAG = regex.compile(r"(?<![\p{L}\p{N}&/])#[\p{L}\p{N}\p{S}_-]*[\p{L}\p{S}_]")
SHOWN_CHARS = 40  # of what was found, in a fault

LINKED = "the reply holds the link or address {found!r}, which may not be posted. Say it without the address."
HANDLED = (
    "the reply names {found!r}. Only the person you answer may be addressed; name nobody else by handle."
)
TAGGED = "the reply holds the tag {found!r}. Say it without `#`."


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be said: links to exactly these `hosts`, these `handles` after an `@`, these `dids`, or tags.

    All are in lower case. A subdomain is another host.
    """

    hosts: frozenset[str] = frozenset()
    handles: frozenset[str] = frozenset()
    dids: frozenset[str] = frozenset()
    tags: bool = False


NONE = Allowed()


def fault(text: str, allowed: Allowed = NONE) -> str | None:
    """What in `text` may not be said, in words for a model; None if all may."""
    rest = plain(_without_allowed(text, allowed))
    if found := SCHEME.search(rest) or NUMBERS.search(rest) or DID.search(rest):
        return LINKED.format(found=_shown(rest[found.start() :].split()[0]))
    if found := ADDRESSED.search(AT.sub("@", rest)):
        return HANDLED.format(found=_shown(found[0]))
    if name := next(names(rest), None):
        return LINKED.format(found=_shown(name))
    if not allowed.tags and (found := TAG.search(rest)):
        return TAGGED.format(found=_shown(found[0]))
    return None


def find(text: str, allowed: Allowed) -> Iterator[tuple[int, int]]:
    """Where the links stand that may be said: start and end in characters."""
    for link in LINK.finditer(text):
        uri = link[0].rstrip(LINK_TAIL)
        uri = uri if "(" in uri else uri.rstrip(LINK_TAIL + ")")
        if is_allowed(uri, allowed):
            yield link.start(), link.start() + len(uri)


def is_allowed(uri: str, allowed: Allowed) -> bool:
    """Whether this is a plain https URL of an allowed host that leads to no other address."""
    link = LINK.fullmatch(uri)
    if link is None or link["host"].lower() not in allowed.hosts:
        return False
    rest = link["rest"]
    for _ in range(TIMES_ENCODED):
        rest = unquote(rest)
    if REDIRECT.search(rest) or "@" in rest or "//" in rest or "\\" in rest or SCHEME.search(rest):
        return False
    inside = {name.lower() for name in names(plain(rest))}
    dids = {one.lower() for one in regex.findall(r"did:[a-z0-9]+:[\w.:%-]+", rest)}
    return inside <= allowed.hosts | allowed.handles and dids <= allowed.dids


def names(text: str) -> Iterator[str]:
    """What looks like a domain in a text that is `plain`."""
    for found in NAME.finditer(DOT.sub(".", text)):
        name = found[0].strip("-_").lower()
        *before, last = name.split(".")
        if not TOP.fullmatch(last) or FILE_ENDING.fullmatch(last) or name in ABBREVIATIONS:
            continue
        if all(label.isdigit() for label in before) and not regex.fullmatch(COMMON_ENDS, last):
            continue  # "am 3.Oktober"
        yield name


def plain(text: str) -> str:
    """The letters that a reader sees: compatible forms are one, marks and invisible characters are gone."""
    composed = unicodedata.normalize("NFKC", text)
    return UNSEEN.sub("", unicodedata.normalize("NFKD", composed))


def _without_allowed(text: str, allowed: Allowed) -> str:
    """The text without the links, mentions and DIDs that may be said."""
    for start, end in reversed(list(find(text, allowed))):
        text = f"{text[:start]} {text[end:]}"
    for handle in allowed.handles:
        text = mention_pattern(handle).sub(" ", text)
    for did in allowed.dids:
        text = regex.sub(rf"(?<![\w:/.]){regex.escape(did)}(?![\w:/%-]|\.\w)", " ", text)
    return text


def mention_pattern(handle: str) -> regex.Pattern[str]:
    """How a handle is written where it is a mention."""
    return regex.compile(
        rf"(?<!\S)[(]?(@(?ai:{regex.escape(handle)}))(?![\p{{L}}\p{{N}}/:@-]|\.[\p{{L}}\p{{N}}])"
    )


def _shown(text: str) -> str:
    return text[:SHOWN_CHARS]
