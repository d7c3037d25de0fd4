"""What a turn that is under way may spend beyond what was reserved when it was admitted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain import policy
from bot.errors import LimitReached
from bot.storage import spending
from bot.storage.spending import SpendKind
from bot.worker.preflight import decision_facts

if TYPE_CHECKING:
    from bot.domain.mention import Claim
    from bot.domain.prompt import Usage
    from bot.services import Services
    from memory.db import Tx


async def reserve_more(services: Services, claim: Claim, spent: Usage, calls: int) -> None:
    """Reserve one more request of a turn that has `spent` so much in `calls` calls, this one included.

    Raises LimitReached if a limit does not allow it: then what was spent stands.
    """
    reason = await services.write(lambda tx: _reserve_more(services, tx, claim, spent, calls))
    if reason:
        raise LimitReached(reason)


def _reserve_more(services: Services, tx: Tx, claim: Claim, spent: Usage, calls: int) -> str | None:
    now, limits = services.clock(), services.limits
    who = spending.attempt(services.journal, claim.mention, claim.fence)
    spending.release(tx, who)
    tokens, money = spent.tokens_in + spent.tokens_out, limits.price.complete(spent)
    wanted = replace(
        limits,
        turn_calls=calls,
        turn_tokens=tokens + limits.turn_tokens,
        turn_money=money + limits.turn_money,
    )
    facts = decision_facts(services, tx, claim.mention, None, now)
    decision = policy.decide(facts, wanted, now)
    if isinstance(decision, policy.Go):
        spending.reserve(tx, who, facts, wanted, now, SpendKind.TURN)
        return None
    spending.reserve(tx, who, facts, replace(wanted, turn_calls=max(1, calls - 1)), now, SpendKind.TURN)
    spending.settle(tx, who, spent, limits.price)
    return decision.reason
