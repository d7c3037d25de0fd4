"""What people say of themselves in app.bsky.actor.profile: self-labels, and words in the bio. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from bot.domain.embeds import as_list, as_mapping, as_text
from bot.domain.records import Size, cut

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LABELS, MAX_LABEL = 10, 128  # com.atproto.label.defs#selfLabels
BIO = Size(2560, 256)  # the lexicon's limit
NOT_TO_BE_SHOWN = "!no-unauthenticated"  # who sets it wants to be shown to nobody who is logged out


def self_labels(profile: Any) -> frozenset[str]:
    """com.atproto.label.defs#selfLabels of a profile record."""
    values = as_list(as_mapping(as_mapping(profile).get("labels")).get("values"))
    named = (as_text(as_mapping(it).get("val")) for it in values[:MAX_LABELS])
    return frozenset(label for label in named if 0 < len(label) <= MAX_LABEL)


def bio(profile: Any) -> str:
    """What a profile record says of the person, as much of it as the lexicon allows."""
    return cut(as_text(as_mapping(profile).get("description")), BIO)


def has_word(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words stands in the text by itself, in upper or lower case and any width."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    found = (re.escape(unicodedata.normalize("NFKC", word).casefold()) for word in words)
    return any(re.search(rf"(?<![\w#]){word}(?!\w)", plain) for word in found)
