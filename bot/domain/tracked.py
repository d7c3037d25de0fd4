"""Whom and what the sources look for: one live set, filled by the app and read at every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.uris import author

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tracked:
    """The bot `me` (a DID), the `people` with memory (DIDs) and `posts` (URIs) of anybody.

    Among `posts` are those the bot answered, has a note from or has shown to its brain, the roots of threads
    it is in, and the records of blocks against it. A person's are all tracked through the person. Change it
    from any thread: each change is one step under the interpreter's lock.
    """

    def __init__(self, me: str, people: Iterable[str] = (), posts: Iterable[str] = ()) -> None:
        self.me = me
        self.repos: set[bytes] = {me.encode()}  # whose commits are read at all
        self._people: set[str] = set()
        self._posts: set[str] = set()
        self.add_people(people)
        self.add_posts(posts)

    def add_people(self, dids: Iterable[str]) -> None:
        for did in dids:
            self._people.add(did)
            self.repos.add(did.encode())

    def drop_person(self, did: str) -> None:
        """Forget a person; posts of theirs that are tracked by themselves stay so."""
        self._people.discard(did)
        if did != self.me and not any(author(uri) == did for uri in tuple(self._posts)):
            self.repos.discard(did.encode())

    def add_posts(self, uris: Iterable[str]) -> None:
        for uri in uris:
            self._posts.add(uri)
            self.repos.add(author(uri).encode())

    def drop_post(self, uri: str) -> None:
        """Forget a post that is gone."""
        self._posts.discard(uri)

    def person(self, did: str) -> bool:
        """Whether this is the bot or a person with memory."""
        return did in self._people or did == self.me

    def post(self, uri: str) -> bool:
        """Whether this record matters by itself."""
        return uri in self._posts

    def repo(self, did: str) -> bool:
        """Whether anything in this repo may matter."""
        return did.encode() in self.repos
