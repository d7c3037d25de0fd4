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

from bot.domain.uris import GATE, POST

if TYPE_CHECKING:
    from collections.abc import Collection

MENTIONED = f"{GATE}#mentionRule"


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
    rules = (
        [rule.get("$type") for rule in allow if isinstance(rule, Mapping)] if isinstance(allow, list) else []
    )
    return Gate(
        allow=None if allow is None else frozenset(rule for rule in rules if isinstance(rule, str)),
        hidden=frozenset(it for it in hidden if isinstance(it, str))
        if isinstance(hidden, list)
        else frozenset(),
    )


def gate_uri(post_uri: str) -> str:
    """Where the gate of a thread stands, if it has one."""
    return post_uri.replace(f"/{POST}/", f"/{GATE}/")
