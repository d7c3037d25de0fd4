"""Queries to other people's servers, and what of their responses is a fact.

A fact is the protocol's own word: a 400 or 404 with a JSON object whose `error` the method's lexicon knows,
or a form of InvalidRequest by which the reference PDS says the same. Every other response but a 200 with
sound JSON is trouble, whatever its status: a firewall's 403, a proxy's 404, a redirect, a login page. It says
nothing about accounts and records.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bot.errors import ProtocolFact, TransientNetworkError
from bot.network.http import OK, HttpReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.budget import ReadBudget
    from bot.network.http import Response

GET_RECORD = "com.atproto.repo.getRecord"
LIST_RECORDS = "com.atproto.repo.listRecords"
GET_STATUS = "com.atproto.sync.getRepoStatus"
GET_BLOB = "com.atproto.sync.getBlob"
RESOLVE_HANDLE = "com.atproto.identity.resolveHandle"

REPO = frozenset({"RepoNotFound", "RepoDeactivated", "RepoTakendown", "RepoSuspended"})
FACTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        GET_RECORD: REPO | {"RecordNotFound"},
        LIST_RECORDS: REPO,
        GET_STATUS: REPO,
        GET_BLOB: REPO | {"BlobNotFound"},
        RESOLVE_HANDLE: frozenset({"HandleNotFound"}),
    }
)
# How the reference PDS (0.5.35) says it with the error InvalidRequest, by method: beginning of message, fact.
# "Could not locate record" without a URI means that it does not serve this repo.
REFERENCE_FORMS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        GET_RECORD: (
            ("Could not locate record:", "RecordNotFound"),
            ("Could not locate record", "RepoNotFound"),
            ("Could not find repo", "RepoNotFound"),
        ),
        LIST_RECORDS: (("Could not find repo", "RepoNotFound"),),
        GET_STATUS: (("Could not find repo", "RepoNotFound"),),
        GET_BLOB: (("Blob not found", "BlobNotFound"), ("Could not find repo", "RepoNotFound")),
        RESOLVE_HANDLE: (("Unable to resolve handle", "HandleNotFound"),),
    }
)
STATUSES = frozenset({400, 404})


def fact(nsid: str, status: int, body: object) -> ProtocolFact | None:
    """The fact that this status and JSON body state about a query of `nsid`; None if they state none."""
    if status not in STATUSES or not isinstance(body, dict):
        return None
    error, message = body.get("error"), body.get("message")
    if not isinstance(error, str) or not isinstance(message, str | None):
        return None
    if error in FACTS.get(nsid, ()):
        return ProtocolFact(error, nsid)
    forms = REFERENCE_FORMS.get(nsid, ()) if error == "InvalidRequest" else ()
    name = next((name for form, name in forms if (message or "").startswith(form)), None)
    return ProtocolFact(name, nsid) if name else None


async def query(
    reader: HttpReader, host: str, nsid: str, params: Mapping[str, str], budget: ReadBudget | None = None
) -> Any:
    """The JSON of the response. Raises ProtocolFact, TransientNetworkError and ReadRefused."""
    response = await reader.get(f"{host}/xrpc/{nsid}", params, budget=budget)
    await _raise_unless_ok(nsid, response)
    return await response.json()


async def blob(
    reader: HttpReader, host: str, did: str, cid: str, limit: int, budget: ReadBudget | None = None
) -> bytes:
    """The bytes of a blob, at most `limit`, unchecked. Raises as `query` does."""
    params = {"did": did, "cid": cid}
    response = await reader.get(f"{host}/xrpc/{GET_BLOB}", params, limit=limit, budget=budget)
    await _raise_unless_ok(GET_BLOB, response)
    return response.body


async def _raise_unless_ok(nsid: str, response: Response) -> None:
    if response.status == OK:
        return
    try:
        body = await response.json() if response.status in STATUSES else None
    except TransientNetworkError:
        body = None
    raise fact(nsid, response.status, body) or response.trouble()
