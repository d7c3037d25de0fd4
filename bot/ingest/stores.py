"""Where commands and edits take effect, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.consent import Consent
    from bot.domain.limits import Limits
    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.store import Memory


@dataclass(frozen=True, slots=True)
class Stores:
    """What a command or an edit changes. `limits`: of answers; `consent`: who is remembered."""

    memory: Memory
    ledger: Ledger
    journal: Journal
    limits: Limits
    consent: Consent
