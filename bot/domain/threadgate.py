"""Threadgates: who may reply in a thread, as its first author says. Pure.

A gate is a record of app.bsky.feed.threadgate under the record key of the thread's first post
(https://docs.bsky.app/docs/tutorials/thread-gates). No PDS enforces it: who is shut out can write, and is not
shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.embeds import items, text
from bot.domain.uris import GATE, POST, AtUri

if TYPE_CHECKING:
    from collections.abc import Collection

MENTIONED = f"{GATE}#mentionRule"
MAX_RULES, MAX_HIDDEN = 5, 300  # the lexicon's limits
MAX_KIND = 400  # an NSID and a fragment


@dataclass(frozen=True, slots=True)
class Gate:
    """Who may reply: kinds of rules of which one must hold (None: everybody); and the replies it hides."""

    allow: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()

    def opens(self, *, mentioned: bool | None, ours: Collection[str]) -> bool | None:
        """Whether the bot may reply; None: only the network can tell.

        `mentioned`: does the thread's first post mention the bot (None: not looked up)? `ours`: URIs of the
        bot's posts in the thread; if one of them is hidden, it is a no to all that would follow.
        """
        if self.hidden & set(ours):
            return False
        if self.allow is None or (mentioned and MENTIONED in self.allow):
            return True
        unknown = self.allow - {MENTIONED} if mentioned is False else self.allow
        return None if unknown else False

    def to_json(self) -> str:
        allow = None if self.allow is None else sorted(self.allow)
        return json.dumps({"allow": allow, "hidden": sorted(self.hidden)})

    @classmethod
    def from_json(cls, text: str) -> Gate:
        stored = json.loads(text)
        allow = stored["allow"]
        return cls(None if allow is None else frozenset(allow), frozenset(stored["hidden"]))


def read(record: Any) -> Gate:
    """The gate that a record is. Rules that cannot be read let nobody in."""
    if not isinstance(record, Mapping):
        return Gate()
    allow, hidden = record.get("allow"), record.get("hiddenReplies")
    rules = [text(rule.get("$type")) for rule in items(allow)[:MAX_RULES] if isinstance(rule, Mapping)]
    replies = [it for it in items(hidden)[:MAX_HIDDEN] if AtUri.parse(it)]
    return Gate(
        allow=None if allow is None else frozenset(rule for rule in rules if 0 < len(rule) <= MAX_KIND),
        hidden=frozenset(replies),
    )


def gate_uri(post_uri: str) -> str:
    """Where the gate of a thread stands, if it has one."""
    return post_uri.replace(f"/{POST}/", f"/{GATE}/")
