"""The first post of a mention's thread: what the records above the mention say, not what the mention claims.

Who may be answered in a thread is its first author's decision. A mention that names another root would go
round their stop and their threadgate, and an app would not show the reply in the thread.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain import addressing
from bot.domain.uris import is_by
from bot.storage import mentions, outbox

if TYPE_CHECKING:
    from bot.domain.budget import ReadBudget
    from bot.domain.mention import Claim, Mention, StrongRef
    from bot.services import Services

MAX_OWN_POSTS = 20  # of the asker, one above the other: they claim as the mention does


async def correct_root(services: Services, claim: Claim, budget: ReadBudget) -> Claim:
    """The claim with the true root, which is stored, too. Raises NetworkError and FenceLost."""
    root = await _true_root(services, claim.mention, budget)
    if root is None or root == claim.mention.root:
        return claim
    await services.write(lambda tx: mentions.set_root(tx, claim, root))
    services.tracked.add_posts([root.uri])
    return replace(claim, mention=replace(claim.mention, root=root))


async def _true_root(services: Services, mention: Mention, budget: ReadBudget) -> StrongRef | None:
    """What the nearest post above that is not by the asker says. None: nothing above the mention is there."""
    above, root = mention.parent, None
    for _ in range(MAX_OWN_POSTS):
        if above is None:
            break
        if known := await _root_of_answer(services, above.uri):
            return known
        post = await services.network.post(above.uri, budget)
        if post is None:
            break
        root, above = addressing.place_in_thread(post.ref, post.record)
        if post.did != mention.did:
            break
    return root


async def _root_of_answer(services: Services, uri: str) -> StrongRef | None:
    """The root under which the bot itself posted this, if it is known."""
    if not is_by(uri, services.network.did):
        return None
    return await services.read(lambda tx: outbox.root_of(tx, uri))
