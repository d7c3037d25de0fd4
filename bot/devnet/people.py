"""People on a network: what the demo and the acceptance tests speak through. The bot itself never does."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from atproto import Client, Request

from bot.domain.mention import Post, StrongRef
from bot.domain.uris import POST, PROFILE, AtUri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.mention import Record

JSON = "application/json"
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account and how to log in to it."""

    did: str
    handle: str
    password: str


class Actor:
    """Somebody on a PDS, logged in once. Raises the SDK's errors as they are."""

    def __init__(self, account: Account, pds_url: str) -> None:
        self.account = account
        self.did = account.did
        self.handle = account.handle
        self._pds_url = pds_url
        self._client = Client(pds_url, request=Request(timeout=SECONDS))
        self._client.login(account.handle, account.password, fetch_bsky_profile=False)

    @classmethod
    def sign_up(cls, name: str, pds_url: str) -> Self:
        """A new account `name`.test. The PDS reserves some names, `bot` among them."""
        password = secrets.token_urlsafe(16)
        data = {"handle": f"{name}.test", "email": f"{name}@mail.test", "password": password}
        client = Client(pds_url, request=Request(timeout=SECONDS))
        try:
            made = client.com.atproto.server.create_account(data)
        finally:
            client.request.close()
        return cls(Account(made.did, made.handle, password), pds_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.request.close()

    def post(
        self,
        text: str,
        *,
        mentions: Sequence[Actor | Account] = (),
        reply_to: StrongRef | None = None,
        root: StrongRef | None = None,
        quote: StrongRef | None = None,
    ) -> StrongRef:
        """Post `text`, in which every one of `mentions` stands as @handle.

        A reply's `root` is looked up at this PDS if it is not given.
        """
        record: dict[str, Any] = {"$type": POST, "text": text, "langs": ["en"], "createdAt": _now()}
        if mentions:
            record["facets"] = [_facet(text, person) for person in mentions]
        if reply_to is not None:
            first = root or self._root_of(reply_to)
            record["reply"] = {"root": first.to_json(), "parent": reply_to.to_json()}
        if quote is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": quote.to_json()}
        return self.write(record)

    def write(
        self, record: Record, *, rkey: str | None = None, collection: str = POST, validate: bool | None = None
    ) -> StrongRef:
        """Create any record; `validate` False lets even a malformed one pass."""
        body = {"repo": self.did, "collection": collection, "record": record}
        optional = {"rkey": rkey, "validate": validate}
        made = self._do("createRecord", body | {key: it for key, it in optional.items() if it is not None})
        return StrongRef(made["uri"], made["cid"])

    def upload(self, data: bytes, mime: str) -> dict[str, Any]:
        """A picture's blob as a record refers to it; the PDS gives it out once a record does."""
        made = self._client.invoke_procedure(
            "com.atproto.repo.uploadBlob", content=data, input_encoding=mime, output_encoding=JSON
        )
        blob: dict[str, Any] = made.content["blob"]
        return blob

    def edit(self, ref: StrongRef, record: Record) -> StrongRef:
        """Put another record in the place of this one."""
        made = self._do("putRecord", _place(ref.uri) | {"record": record})
        return StrongRef(made["uri"], made["cid"])

    def delete(self, ref: StrongRef) -> None:
        self._do("deleteRecord", _place(ref.uri))

    def posts(self) -> list[Post]:
        """All posts, oldest record key first."""
        found: list[Post] = []
        cursor: str | None = None
        while True:
            where = {"repo": self.did, "collection": POST, "limit": 100, "reverse": True, "cursor": cursor}
            page = self._ask("listRecords", {key: it for key, it in where.items() if it is not None})
            found += [Post(StrongRef(it["uri"], it["cid"]), self.did, it["value"]) for it in page["records"]]
            cursor = page.get("cursor")
            if not cursor:
                return found

    def label(self, *labels: str) -> None:
        """Write the profile with these self-labels."""
        values = [{"val": label} for label in labels]
        profile = {
            "$type": PROFILE,
            "displayName": self.handle.split(".")[0],
            "labels": {"$type": "com.atproto.label.defs#selfLabels", "values": values},
        }
        body = {"repo": self.did, "collection": PROFILE, "rkey": "self", "record": profile}
        self._do("putRecord", body)

    def rename(self, name: str) -> None:
        """Take the handle `name`.test."""
        self._client.com.atproto.identity.update_handle({"handle": f"{name}.test"})
        self.handle = f"{name}.test"

    def deactivate(self) -> None:
        self._client.com.atproto.server.deactivate_account({})

    def activate(self) -> None:
        self._client.com.atproto.server.activate_account()

    def _root_of(self, ref: StrongRef) -> StrongRef:
        place = _place(ref.uri)
        record = self._ask("getRecord", place)["value"]
        root = record["reply"]["root"] if "reply" in record else ref.to_json()
        return StrongRef(root["uri"], root["cid"])

    def _do(self, method: str, body: Record) -> Any:
        return self._client.invoke_procedure(
            f"com.atproto.repo.{method}",
            content=json.dumps(body).encode(),
            input_encoding=JSON,
            output_encoding=JSON,
        ).content

    def _ask(self, method: str, params: Record) -> Any:
        url = f"{self._pds_url}/xrpc/com.atproto.repo.{method}"
        return self._client.request.get(url, params=dict(params)).content


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _place(uri: str) -> dict[str, str]:
    place = AtUri.parse(uri)
    assert place is not None
    return {"repo": place.did, "collection": place.collection, "rkey": place.rkey}


def _facet(text: str, person: Actor | Account) -> dict[str, Any]:
    """The mention of a person, in UTF-8 bytes (app.bsky.richtext.facet)."""
    name = f"@{person.handle}".encode()
    start = text.encode().index(name)
    return {
        "index": {"byteStart": start, "byteEnd": start + len(name)},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": person.did}],
    }
