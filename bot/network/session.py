"""The bot's session at its PDS: stored, refreshed by the SDK, and made again when the PDS refuses it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import structlog
from atproto import AsyncClient, AsyncRequest, SessionEvent, exceptions

from bot.domain.retry_after import retry_after
from bot.errors import (
    AccountTrouble,
    KeyTaken,
    NetworkError,
    PermanentNetworkError,
    ProtocolFact,
    TransientNetworkError,
)
from bot.network import account, xrpc

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bot.network.account import Reason

JSON = "application/json"
GET_SESSION = "com.atproto.server.getSession"
SERVER_ERROR = 500
MAX_CAUSE = 200  # characters
MAX_REFUSED_LOGINS, HOUR = 4, 3600.0
RETRYABLE = frozenset({408, 409, 425, 429})
SESSION_REFUSED = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})
UNPRIVILEGED = "Bad token method"  # the reference PDS's message to an app password without this right
SESSION_UNREADABLE = (exceptions.LoginRequiredError, exceptions.TokenDecodeError)
# the SDK lets httpx's RemoteProtocolError through, and ValueError and TypeError of odd answers
SDK_ERRORS = (exceptions.AtProtocolError, httpx.HTTPError, TimeoutError, ValueError, TypeError)


class ServiceRefused(PermanentNetworkError):
    """The service behind the PDS refuses, or the PDS to ask it:"""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(f"{status} {name} {message}")
        self.status, self.name, self.message = status, name, message


class Session:
    """Authorized calls, each within `timeout` seconds. Raises NetworkError, also KeyTaken and AccountTrouble.

    A login that is refused is tried MAX_REFUSED_LOGINS times an hour at most: a PDS locks out who insists.
    """

    def __init__(
        self, *, handle: str, password: str, pds_url: str, save: Callable[[str], None], timeout: float
    ) -> None:
        self.did = ""
        self.handle = handle
        self._password = password
        self._save = save
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._password_tried = False  # by this process
        self._pds_url = pds_url
        self._client = AsyncClient(pds_url, request=AsyncRequest(timeout=timeout))
        self._client.on_session_change(self._on_change)
        self._refused_at: deque[float] = deque(maxlen=MAX_REFUSED_LOGINS)  # monotonic seconds
        self._reported: str | None = None  # the trouble that the log tells of

    @property
    def is_in_trouble(self) -> bool:
        """Whether the PDS did not let the account in the last time."""
        return self._reported is not None

    async def open(self, load: Callable[[], str | None]) -> None:
        """Resume the stored session, or log in. Sets `did` and `handle` as the PDS gives them."""
        stored = await asyncio.to_thread(load)
        session = await self._resume(stored) if stored else None
        if session is None:
            await self._log_in()
            session = await self.get(GET_SESSION)
        if not isinstance(session, dict) or not {"did", "handle"} <= session.keys():
            raise TransientNetworkError(f"{self._pds_url} does not answer as a PDS does")
        self.did, self.handle = session["did"], session["handle"]
        if session.get("active") is False:
            raise self._trouble(account.STATUSES.get(str(session.get("status")), account.SUSPENDED))

    async def get(
        self, nsid: str, params: Mapping[str, str | Sequence[str]] | None = None, *, service: str = ""
    ) -> Any:
        """`service`: see `_call_service`."""
        call = f"{nsid}?{urlencode(params or {}, doseq=True)}"
        headers = _proxied(service)
        ask = self._call_service if service else self._call
        return await ask(nsid, lambda: self._client.invoke_query(call, output_encoding=JSON, headers=headers))

    async def post(self, nsid: str, body: bytes, *, service: str = "") -> Any:
        """`service`: see `_call_service`."""
        headers = _proxied(service)
        ask = self._call_service if service else self._call
        return await ask(
            nsid,
            lambda: self._client.invoke_procedure(
                nsid, content=body, input_encoding=JSON, output_encoding=JSON, headers=headers
            ),
        )

    async def close(self) -> None:
        await self._client.request.close()

    async def _call_service(self, nsid: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """A call that the PDS passes on to this service (`did:web:...#id`).

        What the service says is not said of the session: its errors are no trouble of the account. Whether
        the session holds is asked of the PDS itself.
        """
        try:
            return self._let_in(await self._timed(call))
        except SDK_ERRORS as error:
            if not await self._may_be_let_in(error):
                raise _of_service(error, nsid) from error
        try:
            return self._let_in(await self._timed(call))
        except SDK_ERRORS as error:
            raise _of_service(error, nsid) from error

    async def _may_be_let_in(self, error: Exception) -> bool:
        """Whether the call may succeed now. A session that was stored may be of an older password: log in."""
        if _is_unprivileged(error):
            return await self._has_newer_password()
        if _is_session_refused(error):
            await self.get(GET_SESSION)
            return True
        return False

    async def _has_newer_password(self) -> bool:
        """Log in, if this process has not done so. What comes of it is no trouble: the session holds."""
        if self._password_tried:
            return False
        self._password_tried = True
        try:
            async with self._lock:
                await self._log_in()
        except (AccountTrouble, PermanentNetworkError):
            return False
        return True

    async def _call(self, nsid: str, call: Callable[[], Awaitable[Any]]) -> Any:
        used = self._export()
        try:
            return self._let_in(await self._timed(call))
        except SDK_ERRORS as error:
            if not _is_session_refused(error):
                raise self._to_network_error(error, nsid) from error
        async with self._lock:
            if self._export() == used:  # no other call has logged in meanwhile
                await self._log_in()
        try:
            return self._let_in(await self._timed(call))
        except SDK_ERRORS as error:
            if _is_session_refused(error):
                self._refused_at.append(time.monotonic())
                raise self._trouble(account.TOKEN_REFUSED) from error
            raise self._to_network_error(error, nsid) from error

    async def _timed(self, call: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(self._timeout):
            return await call()

    async def _resume(self, stored: str) -> Any:
        """None if the stored session cannot be read, or names a PDS that does not answer any more."""
        try:
            await self._client.login(session_string=stored, fetch_bsky_profile=False)
            return await self.get(GET_SESSION)
        except (TransientNetworkError, *SDK_ERRORS):
            return None

    async def _log_in(self) -> None:
        """Raises AccountTrouble if the PDS does not let the account in, or did not too often this hour."""
        self._require_patience()
        self._client.update_base_url(self._pds_url)  # a stored session may name the account's former PDS
        try:
            await self._timed(
                lambda: self._client.login(self.did or self.handle, self._password, fetch_bsky_profile=False)
            )
        except SDK_ERRORS as error:
            if account.reason_of(_status(error), _name(error)):
                self._refused_at.append(time.monotonic())
            raise self._to_network_error(error) from error
        self._password_tried = True

    def _require_patience(self) -> None:
        if len(self._refused_at) == MAX_REFUSED_LOGINS:
            left = self._refused_at[0] + HOUR - time.monotonic()
            if left > 0:
                raise account.trouble(self.handle, account.LOGINS_PAUSED, left)

    def _to_network_error(self, error: Exception, nsid: str = "") -> NetworkError:
        """The error of ours that this one means: trouble of the account itself, or any other."""
        found = _translate(error, nsid)
        fact = found.name if isinstance(found, ProtocolFact) else None
        reason = account.reason_of(_status(error), _name(error), fact)
        return self._trouble(reason) if reason else found

    def _trouble(self, reason: Reason) -> AccountTrouble:
        """Tell the operator once, in one loud line, until the account is let in again."""
        error = account.trouble(self.handle, reason)
        if self._reported != error.what:
            log.error("account.trouble", what=error.what, mend=error.mend)
        self._reported = error.what
        return error

    def _let_in(self, response: Any) -> Any:
        if self._reported:
            log.info("account.restored", handle=self.handle)
            self._reported = None
        return response.content

    def _export(self) -> str:
        try:
            return str(self._client.export_session_string())
        except exceptions.AtProtocolError:
            return ""

    async def _on_change(self, event: SessionEvent, session: Any) -> None:
        if event is not SessionEvent.IMPORT:
            await asyncio.to_thread(self._save, session.encode())


def _proxied(service: str) -> dict[str, str]:
    return {"atproto-proxy": service} if service else {}


def _is_unprivileged(error: Exception) -> bool:
    refused = _name(error) == "InvalidToken" and _status(error) in account.REFUSALS
    return refused and _message(error) == UNPRIVILEGED


def _is_session_refused(error: Exception) -> bool:
    return isinstance(error, SESSION_UNREADABLE) or _name(error) in SESSION_REFUSED


def _translate(error: Exception, nsid: str) -> NetworkError:
    """Only what the PDS says in the protocol's words is final; what is in front of it may say anything."""
    response = getattr(error, "response", None)
    if response is None:
        cause = error.__cause__ or error  # the SDK's own error says nothing
        return TransientNetworkError(f"{type(cause).__name__}: {cause}"[:MAX_CAUSE].rstrip(": "))
    name, message = _name(error), getattr(response.content, "message", None)
    said = f"{response.status_code} {name}"
    if name == "InvalidSwap":
        return KeyTaken()
    if name is None or response.status_code >= SERVER_ERROR or response.status_code in RETRYABLE:
        wait = retry_after(response.headers, datetime.now(UTC))
        return TransientNetworkError(said, retry_after=wait)
    found = xrpc.fact(nsid, response.status_code, {"error": name, "message": message})
    return found or PermanentNetworkError(f"{said} {message or ''}")


def _of_service(error: Exception, nsid: str) -> NetworkError:
    if _is_session_refused(error) and not _is_unprivileged(error):
        return TransientNetworkError(f"{nsid} is refused to a session that the PDS lets in")
    found, status = _translate(error, nsid), _status(error)
    if isinstance(found, TransientNetworkError) or status is None:
        return found
    return ServiceRefused(status, _name(error) or "", _message(error))


def _status(error: Exception) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _message(error: Exception) -> str:
    said = getattr(getattr(getattr(error, "response", None), "content", None), "message", None)
    return said if isinstance(said, str) else ""


def _name(error: Exception) -> str | None:
    """The name of the XRPC error; None if the response is none, but of what stands in front of the PDS."""
    response = getattr(error, "response", None)
    name = getattr(getattr(response, "content", None), "error", None)
    is_json = response is not None and response.headers.get("content-type", "").lower().startswith(JSON)
    return name if is_json and isinstance(name, str) and name else None
