"""The people and records that the streams look for. One mutable set, read for each message of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.uris import author

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tracked:
    """The bot (`bot_did`), the `people` with memory (DIDs), and single `posts` (AT URIs).

    All posts of a tracked person are tracked. `posts` are other records that matter: posts that the bot
    answered, has a note from or showed to its brain, the first posts of its threads, and blocks of the bot.
    Any thread may change the set: each change is atomic under the interpreter's lock.
    """

    def __init__(self, bot_did: str, people: Iterable[str] = (), posts: Iterable[str] = ()) -> None:
        self.bot_did = bot_did
        self.repos: set[bytes] = {bot_did.encode()}  # the only repos whose commits are decoded
        self._people: set[str] = set()
        self._posts: set[str] = set()
        self.add_people(people)
        self.add_posts(posts)

    def add_people(self, dids: Iterable[str]) -> None:
        for did in dids:
            self._people.add(did)
            self.repos.add(did.encode())

    def drop_person(self, did: str) -> None:
        """Stop tracking a person. Posts of theirs that are in `posts` stay tracked."""
        self._people.discard(did)
        if did != self.bot_did and not any(author(uri) == did for uri in tuple(self._posts)):
            self.repos.discard(did.encode())

    def add_posts(self, uris: Iterable[str]) -> None:
        for uri in uris:
            self._posts.add(uri)
            self.repos.add(author(uri).encode())

    def drop_post(self, uri: str) -> None:
        """Stop tracking a deleted post."""
        self._posts.discard(uri)

    def has_person(self, did: str) -> bool:
        """Whether this is the bot or a person with memory."""
        return did in self._people or did == self.bot_did

    def has_post(self, uri: str) -> bool:
        """Whether this single record is tracked."""
        return uri in self._posts

    def has_repo(self, did: str) -> bool:
        """Whether a person or a record of this repo is tracked."""
        return did.encode() in self.repos
