"""What a PDS says when it does not let the bot's own account in, and what the operator can do. Pure.

The names are errors of XRPC methods, as the reference PDS sends them to a session of the account itself.
They concern every mention alike, and are the fault of none.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from bot.errors import AccountTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(NamedTuple):
    """`what` is said of the account, after its handle; `mend` says what the operator can do."""

    what: str
    mend: str


SUSPENDED = Reason(
    "is suspended",
    "read the mail from its PDS, and ask its moderators; the mentions wait meanwhile",
)
HIDDEN = Reason("is hidden by its PDS, as if it were suspended", SUSPENDED.mend)
DEACTIVATED = Reason("is deactivated", "log in to Bluesky as the bot and reactivate it")
PASSWORD = Reason(
    "is not let in with its password",
    "make a new app password in its settings, set SCRUBJAY_PASSWORD, and restart",
)
ERRORS: Mapping[str, Reason] = MappingProxyType(
    {
        "AccountTakedown": SUSPENDED,
        "AccountSuspended": SUSPENDED,
        "AccountDeactivated": DEACTIVATED,
        "AuthFactorTokenRequired": Reason(
            "needs a code from its mail", "set SCRUBJAY_PASSWORD to an app password"
        ),
        "AuthenticationRequired": PASSWORD,
        "InvalidPassword": PASSWORD,
        "AccountNotFound": Reason("is not known to its PDS", "check SCRUBJAY_HANDLE and SCRUBJAY_PDS_URL"),
    }
)
REFUSALS = frozenset({400, 401, 403})  # the statuses with which a PDS sends these errors
FACTS: Mapping[str, Reason] = MappingProxyType(  # facts of the protocol about the bot's own repo
    {
        "RepoTakendown": SUSPENDED,
        "RepoSuspended": SUSPENDED,
        "RepoDeactivated": DEACTIVATED,
        "RepoNotFound": HIDDEN,  # what the reference PDS says of a repo that it has taken down
    }
)
STATUSES: Mapping[str, Reason] = MappingProxyType(  # com.atproto.server.getSession#status
    {"takendown": SUSPENDED, "suspended": SUSPENDED, "deactivated": DEACTIVATED}
)
TOKEN_REFUSED = Reason(
    "has its session refused even when it is new",
    "check the PDS, and the clock of this machine",
)
LABEL_ADVICE = (
    "log in to Bluesky as the bot and turn on its automation label in the account settings; or put "
    '{"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]} as `labels` into its record '
    "app.bsky.actor.profile/self"
)
UNLABELLED = Reason(
    "does not carry the `bot` self-label, so people cannot tell that it is a bot", LABEL_ADVICE
)
LOGINS_PAUSED = Reason(
    "was not let in several times, so logins pause", "`account.trouble` in the log says why it was not"
)


def reason_of(status: int | None, name: str | None, fact: str | None = None) -> Reason | None:
    """Why the account is not let in, by an XRPC error or by a fact about its repo; None if it is let in."""
    error = ERRORS.get(name or "") if status in REFUSALS else None
    return error or FACTS.get(fact or "")


def trouble(handle: str, reason: Reason, retry_after: float | None = None) -> AccountTrouble:
    """The error of ours for one of the reasons above."""
    return AccountTrouble(f"@{handle} {reason.what}", reason.mend, retry_after=retry_after)
