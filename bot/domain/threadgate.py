"""Threadgates: the first author of a thread says who may reply in it. Pure.

A gate is a record of app.bsky.feed.threadgate under the record key of the thread's first post
(https://docs.bsky.app/docs/tutorials/thread-gates). No PDS enforces it: anybody can write a reply, but apps
do not show a reply that is not allowed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.embeds import MAX_URI, as_list, as_text
from bot.domain.uris import GATE, POST, is_by

if TYPE_CHECKING:
    from collections.abc import Collection

MENTION_RULE = f"{GATE}#mentionRule"
MAX_RULES, MAX_HIDDEN = 5, 300  # the lexicon's limits
MAX_KIND = 400  # an NSID and a fragment


@dataclass(frozen=True, slots=True)
class Gate:
    """Who may reply, and which replies are hidden.

    `allow` has the `$type`s of rules, of which one must hold; None: everybody may reply. `hidden` has the AT
    URIs of hidden replies by the bot, perhaps also by the asker.
    """

    allow: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()

    def allows_reply(self, *, mentioned: bool | None, posts: Collection[str]) -> bool | None:
        """Whether the bot may reply; None: only the AppView knows.

        `mentioned`: whether the thread's first post mentions the bot (None: not looked up). `posts`: AT URIs
        of the bot's posts in the thread, and of the mention. If one is hidden, the bot may not reply.
        """
        if self.hidden & set(posts):
            return False
        if self.allow is None or (mentioned and MENTION_RULE in self.allow):
            return True
        unknown = self.allow - {MENTION_RULE} if mentioned is False else self.allow
        return None if unknown else False

    def to_json(self) -> str:
        allow = None if self.allow is None else sorted(self.allow)
        return json.dumps({"allow": allow, "hidden": sorted(self.hidden)})

    @classmethod
    def from_json(cls, text: str) -> Gate:
        stored = json.loads(text)
        allow = stored["allow"]
        return cls(None if allow is None else frozenset(allow), frozenset(stored["hidden"]))


def read(record: Any, *of: str) -> Gate:
    """The gate in a record, with the hidden replies of these DIDs: others are not our business.

    A rule that cannot be read allows nobody.
    """
    if not isinstance(record, Mapping):
        return Gate()
    allow, hidden = record.get("allow"), record.get("hiddenReplies")
    rules = [as_text(rule.get("$type")) for rule in as_list(allow)[:MAX_RULES] if isinstance(rule, Mapping)]
    texts = map(as_text, as_list(hidden)[:MAX_HIDDEN])
    replies = [uri for uri in texts if len(uri) <= MAX_URI and any(is_by(uri, did) for did in of)]
    return Gate(
        allow=None if allow is None else frozenset(rule for rule in rules if 0 < len(rule) <= MAX_KIND),
        hidden=frozenset(replies),
    )


def gate_uri(post_uri: str) -> str:
    """The AT URI that the gate of this thread has, if there is one."""
    return post_uri.replace(f"/{POST}/", f"/{GATE}/")
