"""People with accounts on a PDS, for the demo and the tests. The bot itself does not use them."""

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
TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account and how to log in to it."""

    did: str
    handle: str
    password: str


class Actor:
    """A person on a PDS, logged in. Raises the SDK's errors."""

    def __init__(self, account: Account, pds_url: str) -> None:
        self.account = account
        self.did = account.did
        self.handle = account.handle
        self._pds_url = pds_url
        self._client = Client(pds_url, request=Request(timeout=TIMEOUT))
        self._client.login(account.handle, account.password, fetch_bsky_profile=False)

    @classmethod
    def sign_up(cls, name: str, pds_url: str) -> Self:
        """Create the account `name`.test. The PDS reserves some names, `bot` among them."""
        password = secrets.token_urlsafe(16)
        data = {"handle": f"{name}.test", "email": f"{name}@mail.test", "password": password}
        client = Client(pds_url, request=Request(timeout=TIMEOUT))
        try:
            answer = client.com.atproto.server.create_account(data)
        finally:
            client.request.close()
        return cls(Account(answer.did, answer.handle, password), pds_url)

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
        """Post `text`. It must contain @handle for each of `mentions`.

        If a reply has no `root`, the root is looked up on this PDS.
        """
        record: dict[str, Any] = {"$type": POST, "text": text, "langs": ["en"], "createdAt": _now()}
        if mentions:
            record["facets"] = [_facet(text, person) for person in mentions]
        if reply_to is not None:
            thread_root = root or self._root_of(reply_to)
            record["reply"] = {"root": thread_root.to_json(), "parent": reply_to.to_json()}
        if quote is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": quote.to_json()}
        return self.write(record)

    def write(
        self, record: Record, *, rkey: str | None = None, collection: str = POST, validate: bool | None = None
    ) -> StrongRef:
        """Create any record. With `validate` False the PDS accepts a malformed one, too."""
        body = {"repo": self.did, "collection": collection, "record": record}
        optional = {"rkey": rkey, "validate": validate}
        answer = self._procedure(
            "createRecord", body | {key: item for key, item in optional.items() if item is not None}
        )
        return StrongRef(answer["uri"], answer["cid"])

    def upload(self, data: bytes, mime: str) -> dict[str, Any]:
        """Upload a picture; return its blob reference. The PDS serves it once a record has the reference."""
        answer = self._client.invoke_procedure(
            "com.atproto.repo.uploadBlob", content=data, input_encoding=mime, output_encoding=JSON
        )
        blob: dict[str, Any] = answer.content["blob"]
        return blob

    def edit(self, ref: StrongRef, record: Record) -> StrongRef:
        """Replace this record by another."""
        answer = self._procedure("putRecord", _record_place(ref.uri) | {"record": record})
        return StrongRef(answer["uri"], answer["cid"])

    def delete(self, ref: StrongRef) -> None:
        self._procedure("deleteRecord", _record_place(ref.uri))

    def posts(self) -> list[Post]:
        """Return all posts, by ascending record key."""
        found: list[Post] = []
        cursor: str | None = None
        while True:
            where = {"repo": self.did, "collection": POST, "limit": 100, "reverse": True, "cursor": cursor}
            page = self._query("listRecords", {key: item for key, item in where.items() if item is not None})
            found += [
                Post(StrongRef(item["uri"], item["cid"]), self.did, item["value"]) for item in page["records"]
            ]
            cursor = page.get("cursor")
            if not cursor:
                return found

    def label(self, *labels: str) -> None:
        """Write the profile with these self-labels."""
        values = [{"val": label} for label in labels]
        self._put_profile(labels={"$type": "com.atproto.label.defs#selfLabels", "values": values})

    def describe(self, description: str) -> None:
        """Write the profile with this bio."""
        self._put_profile(description=description)

    def _put_profile(self, **fields: object) -> None:
        profile = {"$type": PROFILE, "displayName": self.handle.split(".")[0], **fields}
        body = {"repo": self.did, "collection": PROFILE, "rkey": "self", "record": profile}
        self._procedure("putRecord", body)

    def rename(self, name: str) -> None:
        """Take the handle `name`.test."""
        self._client.com.atproto.identity.update_handle({"handle": f"{name}.test"})
        self.handle = f"{name}.test"

    def deactivate(self) -> None:
        self._client.com.atproto.server.deactivate_account({})

    def activate(self) -> None:
        self._client.com.atproto.server.activate_account()

    def _root_of(self, ref: StrongRef) -> StrongRef:
        record_place = _record_place(ref.uri)
        record = self._query("getRecord", record_place)["value"]
        root = record["reply"]["root"] if "reply" in record else ref.to_json()
        return StrongRef(root["uri"], root["cid"])

    def _procedure(self, method: str, body: Record) -> Any:
        return self._client.invoke_procedure(
            f"com.atproto.repo.{method}",
            content=json.dumps(body).encode(),
            input_encoding=JSON,
            output_encoding=JSON,
        ).content

    def _query(self, method: str, params: Record) -> Any:
        url = f"{self._pds_url}/xrpc/com.atproto.repo.{method}"
        return self._client.request.get(url, params=dict(params)).content


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record_place(uri: str) -> dict[str, str]:
    parsed = AtUri.parse(uri)
    assert parsed is not None
    return {"repo": parsed.did, "collection": parsed.collection, "rkey": parsed.rkey}


def _facet(text: str, person: Actor | Account) -> dict[str, Any]:
    """Return the facet that mentions a person, with offsets in UTF-8 bytes (app.bsky.richtext.facet)."""
    name = f"@{person.handle}".encode()
    start = text.encode().index(name)
    return {
        "index": {"byteStart": start, "byteEnd": start + len(name)},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": person.did}],
    }
