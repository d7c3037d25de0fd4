"""How well a stream is heard. A value; the stream makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LAG_ALARM = timedelta(minutes=5)
QUIET = timedelta(seconds=30)  # after so long without a message nothing more is behind


@dataclass(frozen=True, slots=True)
class Hearing:
    """Spans in seconds. `contact`: since the connection stood or a message came; None: there was none yet.

    `silence`: since the last message; None: there was none. `lag`: how far the server's time of that message
    was behind. `handling`: how long the event that is being handled takes already.
    """

    connected: bool
    contact: float | None
    silence: float | None
    lag: float
    handling: float = 0.0
    messages: int = 0
    reconnects: int = 0

    @property
    def behind(self) -> float:
        """The lag. A stream that has gone quiet is behind nothing, however old its last message was."""
        quiet = self.connected and self.silence is not None and self.silence >= QUIET.total_seconds()
        return 0.0 if quiet else max(0.0, self.lag)

    def fault(self) -> str | None:
        """Why the bot does not hear what is said now; None if it does."""
        alarm = LAG_ALARM.total_seconds()
        if self.contact is None:
            return "no connection to the stream yet"
        if self.contact >= alarm:
            return f"no connection to the stream for {self.contact:.0f} s"
        if self.handling >= alarm:
            return f"an event is being handled for {self.handling:.0f} s"
        if self.behind >= alarm:
            return f"the stream is {self.behind:.0f} s behind"
        return None
