"""What a PDS says when it does not let the bot's own account in, and what the operator can do. Pure.

The names are errors of XRPC methods, as the reference PDS sends them to a session of the account itself.
They concern every mention alike, and are the fault of none.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.errors import AccountTrouble

if TYPE_CHECKING:
    from collections.abc import Mapping

SUSPENDED = (
    "is suspended",
    "read the mail from its PDS, and ask its moderators; the mentions wait meanwhile",
)
HIDDEN = ("is hidden by its PDS, as if it were suspended", SUSPENDED[1])
DEACTIVATED = ("is deactivated", "log in to Bluesky as the bot and reactivate it")
PASSWORD = (
    "is not let in with its password",
    "make a new app password in its settings, set SCRUBJAY_PASSWORD, and restart",
)
ERRORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "AccountTakedown": SUSPENDED,
        "AccountSuspended": SUSPENDED,
        "AccountDeactivated": DEACTIVATED,
        "AuthFactorTokenRequired": ("needs a code from its mail", "set SCRUBJAY_PASSWORD to an app password"),
        "AuthenticationRequired": PASSWORD,
        "InvalidPassword": PASSWORD,
        "AccountNotFound": ("is not known to its PDS", "check SCRUBJAY_HANDLE and SCRUBJAY_PDS_URL"),
    }
)
REFUSALS = frozenset({400, 401, 403})  # the statuses with which a PDS sends these errors
FACTS: Mapping[str, tuple[str, str]] = MappingProxyType(  # facts of the protocol about the bot's own repo
    {
        "RepoTakendown": SUSPENDED,
        "RepoSuspended": SUSPENDED,
        "RepoDeactivated": DEACTIVATED,
        "RepoNotFound": HIDDEN,  # what the reference PDS says of a repo that it has taken down
    }
)
STATUSES: Mapping[str, tuple[str, str]] = MappingProxyType(  # com.atproto.server.getSession#status
    {"takendown": SUSPENDED, "suspended": SUSPENDED, "deactivated": DEACTIVATED}
)
TOKEN_REFUSED = (
    "has its session refused even when it is new",
    "check the PDS, and the clock of this machine",
)
LABEL_ADVICE = (
    "log in to Bluesky as the bot and turn on its automation label in the account settings; or put "
    '{"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]} as `labels` into its record '
    "app.bsky.actor.profile/self"
)
UNLABELLED = ("does not say any more that it is a bot", LABEL_ADVICE)
LOGINS_PAUSED = ("was not let in several times, so logins pause", "see the line before, in the log")


def reason(status: int | None, name: str | None, fact: str | None = None) -> tuple[str, str] | None:
    """Why the account is not let in, by an XRPC error or by a fact about its repo; None if it is let in."""
    error = ERRORS.get(name or "") if status in REFUSALS else None
    return error or FACTS.get(fact or "")


def trouble(handle: str, said: tuple[str, str], retry_after: float | None = None) -> AccountTrouble:
    """The error of ours for one of the reasons above."""
    what, mend = said
    return AccountTrouble(f"@{handle} {what}", mend, retry_after=retry_after)
