"""The people and records that the streams look for. One mutable set, read for each message of a stream.

Of each name 8 bytes are kept, so that a million people take megabytes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from bot.domain.uris import author

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_RECENT = 100_000  # names, before they are sorted into an array
NO_KEYS = array("q")


# From bytes to 64 bits, with a key of this process's own: nobody can make two names that have the same.
key_of: Callable[[bytes], int] = hash


class Names:
    """A set of names by their `key_of`. Of a million names others are in it once in ten million million.

    Those that were added last are `recent`; `is_large`: there are more.
    """

    def __init__(self) -> None:
        self.recent: set[int] = set()
        self.is_large = False
        self._sorted = array("q")
        self._gone: set[int] = set()  # of those in `_sorted`
        self._lock = Lock()

    def __contains__(self, key: int) -> bool:
        return key in self.recent or (self.is_large and key not in self._gone and self._is_sorted_in(key))

    def add(self, key: int) -> None:
        self.recent.add(key)
        self._gone.discard(key)
        if len(self.recent) > MOST_RECENT + len(self._sorted) // 4:
            self._settle()

    def add_all(self, keys: array[int]) -> None:
        """The same for each of these. Of very many it takes far less time."""
        if len(keys) > MOST_RECENT:
            self._gone.difference_update(keys)
            self._settle(keys)
            return
        for key in keys:
            self.add(key)

    def discard(self, key: int) -> None:
        if self.is_large:
            self._gone.add(key)
        self.recent.discard(key)

    def _is_sorted_in(self, key: int) -> bool:
        keys = self._sorted  # which another thread may replace
        place = bisect_left(keys, key)
        return place < len(keys) and keys[place] == key

    def _settle(self, more: array[int] = NO_KEYS) -> None:
        with self._lock:
            recent = self.recent.copy()
            new = np.append(np.fromiter(recent, np.int64, len(recent)), np.frombuffer(more, np.int64))
            both = np.frombuffer(self._sorted, np.int64), np.sort(new)
            keys = np.sort(np.concatenate(both), kind="stable")  # it finds the two sorted parts
            self._sorted = array("q", keys[np.diff(keys, prepend=keys[:1] - 1) != 0].tobytes())
            self.is_large = True
            self.recent -= recent


class Tracked:
    """The bot (`bot_did`), the `people` with memory (DIDs), and single `posts` (AT URIs).

    All posts of a tracked person are tracked. `posts` are other records that matter: posts that the bot
    answered, has a note from or showed to its brain, the first posts of its threads, and blocks of the bot.
    Any thread may change the set: each change is atomic under the interpreter's lock.
    """

    def __init__(self, bot_did: str, people: Iterable[str] = (), posts: Iterable[str] = ()) -> None:
        self.bot_did = bot_did
        self.repos = Names()  # the only repos whose commits are decoded
        self._people, self._posts, self._authors = Names(), Names(), Names()
        self.repos.add(key_of(bot_did.encode()))
        self.add_people(people)
        self.add_posts(posts)

    def add_people(self, dids: Iterable[str]) -> None:
        keys = array("q", (key_of(did.encode()) for did in dids))
        self._people.add_all(keys)
        self.repos.add_all(keys)

    def drop_person(self, did: str) -> None:
        """Stop tracking a person. Who is the author of posts that were in `posts` stays one of the repos."""
        self._people.discard(key := key_of(did.encode()))
        if did != self.bot_did and key not in self._authors:
            self.repos.discard(key)

    def add_posts(self, uris: Iterable[str]) -> None:
        posts, authors = array("q"), array("q")
        for uri in uris:
            posts.append(key_of(uri.encode()))
            authors.append(key_of(author(uri).encode()))
        self._posts.add_all(posts)
        self._authors.add_all(authors)
        self.repos.add_all(authors)

    def drop_post(self, uri: str) -> None:
        """Stop tracking a deleted post."""
        self._posts.discard(key_of(uri.encode()))

    def has_person(self, did: str) -> bool:
        """Whether this is the bot or a person with memory."""
        return did == self.bot_did or key_of(did.encode()) in self._people

    def has_post(self, uri: str) -> bool:
        """Whether this single record is tracked."""
        return key_of(uri.encode()) in self._posts

    def has_repo(self, did: str) -> bool:
        """Whether a person or a record of this repo is tracked."""
        return key_of(did.encode()) in self.repos
