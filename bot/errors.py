"""Everything the bot raises.

ScrubjayError
 +-- SettingsError     a setting is missing or wrong
 +-- NetworkError
 |    +-- TransientNetworkError    try again, after `retry_after` seconds if it is known; it says nothing else
 |    |    +-- ReadRefused      we do not read this: a forbidden address, too big, encoded
 |    +-- PermanentNetworkError    trying again will not help
 |    |    +-- ProtocolFact     the protocol's own word that something is not there; `name` is that word
 |    |    +-- MessagesRefused  this person takes no direct messages from the bot
 |    |    +-- NoMessaging      the bot's account cannot send direct messages; `mend` is for the operator
 |    +-- AccountTrouble    the bot's own account is not let in: all mentions wait
 |    +-- KeyTaken          another record stands under this record key
 +-- BrainError
 |    +-- TransientBrainError      try again
 |    |    +-- BrainTimeout     it took too long
 |    |    +-- BreakerOpen      it failed too often, and is not asked for a while
 |    +-- LimitReached     a limit allows no further request in this turn
 |    +-- PermanentBrainError      trying again will not help
 +-- ToolRefused       a tool call breaks a rule; the message says how to correct it
 +-- FenceLost         another worker has the mention now, or it has ended
 +-- NotFound          no such mention or post
 +-- StoreRefused      a backup, a restoration or a move cannot be done, and the store is as it was
 |    +-- StoreMoved                  it was moved to another database

LedgerUnavailable and JournalUnavailable are DatabaseUnavailable of memory: all are waited for in the same way
"""

from __future__ import annotations

from memory.errors import DatabaseUnavailable

ACCOUNT_RETRY_SECONDS = 300.0  # a mended account is noticed within this time


class ScrubjayError(Exception):
    """Something went wrong."""

    def __str__(self) -> str:
        return " ".join([(self.__doc__ or "").split("\n")[0], *map(str, self.args)])


class SettingsError(ScrubjayError):
    """The settings are not right."""

    def __str__(self) -> str:
        return "\n  ".join([type(self).__doc__ or "", *map(str, self.args)])


class NetworkError(ScrubjayError):
    """The network did not do what was asked."""


class TransientNetworkError(NetworkError):
    """The network is in trouble; the same call may work later:"""

    def __init__(self, *args: object, retry_after: float | None = None) -> None:
        super().__init__(*args)
        self.retry_after = retry_after


class ReadRefused(TransientNetworkError):
    """We do not read this:"""


class PermanentNetworkError(NetworkError):
    """The network refuses, and will refuse again:"""


class ProtocolFact(PermanentNetworkError):
    """The network says that it is not there:"""

    def __init__(self, name: str, *args: object) -> None:
        super().__init__(name, *args)
        self.name = name


class MessagesRefused(PermanentNetworkError):
    """This person takes no direct messages from the bot:"""


class NoMessaging(PermanentNetworkError):
    """The bot's account cannot send direct messages:

    `mend` tells the operator what to do.
    """

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}. To mend it: {mend}")
        self.what = what
        self.mend = mend


class AccountTrouble(NetworkError):
    """The bot's own account is in trouble:

    It concerns every mention, and ends none. `mend` tells the operator what to do; `retry_after`: seconds.
    """

    def __init__(self, what: str, mend: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{what}. To mend it: {mend}")
        self.what = what
        self.mend = mend
        self.retry_after = ACCOUNT_RETRY_SECONDS if retry_after is None else retry_after


class KeyTaken(NetworkError):
    """Another record stands under this record key:"""


class BrainError(ScrubjayError):
    """The brain did not think."""


class TransientBrainError(BrainError):
    """The brain is in trouble; it may work later:

    `retry_after` is in seconds. `post_suspected`: the post itself may be the cause, so the failure does not
    show that the brain is broken.
    """

    def __init__(
        self,
        *args: object,
        retry_after: float | None = None,
        post_suspected: bool = False,
    ) -> None:
        super().__init__(*args)
        self.retry_after = retry_after
        self.post_suspected = post_suspected


class BrainTimeout(TransientBrainError):
    """The brain is in trouble; it may work later:"""


class BreakerOpen(TransientBrainError):
    """The brain is left alone for a while:"""


class LimitReached(BrainError):
    """The brain was not asked again:"""


class PermanentBrainError(BrainError):
    """The brain refuses, and will refuse again:"""


class ToolRefused(ScrubjayError):
    """Not done:"""


class FenceLost(ScrubjayError):
    """Another worker has taken this mention over:"""


class NotFound(ScrubjayError):
    """There is no"""


class StoreRefused(ScrubjayError):
    """The database was left as it is:"""


class StoreMoved(StoreRefused):
    """The settings name an old database:"""


class LedgerUnavailable(DatabaseUnavailable):
    """The ledger cannot be read or written:"""


class JournalUnavailable(DatabaseUnavailable):
    """The journal of erasures cannot be read or written:"""


def told(error: Exception) -> str:
    """What our own errors say; of others the type only, for their message may hold a person's words."""
    return str(error) if isinstance(error, (ScrubjayError, DatabaseUnavailable)) else type(error).__name__
