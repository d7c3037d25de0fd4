"""Postgates: the author of a post says who may quote it. Pure.

A postgate is a record of app.bsky.feed.postgate under the record key of its post. No PDS enforces it: apps do
not show a post in a quote from which its author detached it.
"""

from __future__ import annotations

from typing import Any

from bot.domain.embeds import as_list, as_mapping, as_text
from bot.domain.uris import POST, POSTGATE

DISABLE_RULE = f"{POSTGATE}#disableRule"
MAX_RULES = 5  # the lexicon's limit


def postgate_uri(post_uri: str) -> str:
    """The AT URI that the postgate of this post has, if there is one."""
    return post_uri.replace(f"/{POST}/", f"/{POSTGATE}/")


def allows_quote(record: Any, quoting: str) -> bool:
    """Whether the quoted post may be shown in the post `quoting`, an AT URI. `record` is a stranger's."""
    gate = as_mapping(record)
    rules = (
        as_text(as_mapping(rule).get("$type")) for rule in as_list(gate.get("embeddingRules"))[:MAX_RULES]
    )
    return DISABLE_RULE not in rules and quoting not in as_list(gate.get("detachedEmbeddingUris"))
