"""The four tiers of memory in a prompt, and how they share its tokens. Pure.

    core      the person's block, and the zeitgeist
    buffer    the last exchanges with this person, and a summary of those before
    recall    exchanges that were found for this post
    archival  notes that were found for it, superseded ones with the date until which they were valid

The tokens are shared in three rounds. First each tier gets its floor, in this order. Then what is left goes
to the tiers that want more, by weight, up to their ceilings. What is left after that goes to those that still
want more. If the total grows, no tier gets less. Nothing is cut silently: what does not fit is counted
(`Shown.hidden`).

The summary is made without a model. It is an index: one line for each earlier conversation, with its date,
its length and its first words. It tells a brain that there was a conversation, so that the brain can ask for
it with `recall`. It is made from the stored passages at each reading, so what was erased is not in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from memory.recollection import Item, Shown, render
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from memory.model import Passage
    from memory.recollection import Recollection

LAST_POSTS = 12  # shown as exchanges; those before are in the summary
FIRST_WORDS = 80  # characters that the summary shows of a conversation


class Tier(StrEnum):
    CORE = "core"
    BUFFER = "buffer"
    RECALL = "recall"
    ARCHIVAL = "archival"


@dataclass(frozen=True, slots=True)
class Share:
    """A tier's tokens: first its `floor`, then by `weight` up to `ceiling`, then more if some are left."""

    floor: int
    weight: int
    ceiling: int


Policy = Mapping[Tier, Share]
# Two thousand tokens hold about sixty notes. More tokens for recall find more evidence (the benchmark draws
# the curve), so recall weighs most. A conversation needs the buffer, the questions of a benchmark do not: it
# costs 3 points of evidence at 2,000 tokens for all tiers, and 1 at 4,000 (LoCoMo).
POLICY: Policy = MappingProxyType(
    {
        Tier.CORE: Share(floor=600, weight=3, ceiling=2000),
        Tier.BUFFER: Share(floor=300, weight=2, ceiling=1500),
        Tier.RECALL: Share(floor=300, weight=4, ceiling=3000),
        Tier.ARCHIVAL: Share(floor=100, weight=1, ceiling=700),
    }
)


def split(total: int, demand: Mapping[Tier, int], policy: Policy = POLICY) -> dict[Tier, int]:
    """The tokens of each tier: at most its `demand`, together at most `total`.

    A few tokens, fewer than the sum of the weights, may stay unspent because they cannot be shared evenly.
    """
    wants = {tier: demand.get(tier, 0) for tier in Tier}
    given, left = dict[Tier, int](), max(0, total)
    for tier in Tier:
        given[tier] = min(left, wants[tier], policy[tier].floor)
        left -= given[tier]
    ceilings = {tier: min(wants[tier], policy[tier].ceiling) for tier in Tier}
    for most in (ceilings, wants):
        more = _share_by_weight(left, {tier: max(0, most[tier] - given[tier]) for tier in Tier}, policy)
        given = {tier: given[tier] + more[tier] for tier in Tier}
        left -= sum(more.values())
    return given


def _share_by_weight(left: int, wanted: Mapping[Tier, int], policy: Policy) -> dict[Tier, int]:
    """Give each tier its weight times one factor, at most what it `wanted`; the greatest factor that fits."""

    def shares(factor: int) -> dict[Tier, int]:
        return {tier: min(wanted[tier], policy[tier].weight * factor) for tier in Tier}

    factor = bisect_right(range(left + 1), left, key=lambda each: sum(shares(each).values())) - 1
    return shares(factor)


def fit(items: Sequence[Item], budget: int) -> Shown:
    """The first of `items` (best first) that fit, sorted by time; the rest is counted."""
    left, shown = budget, list[Item]()
    for item in items:
        left -= item.cost
        if left < 0:
            break
        shown.append(item)
    hidden = len(items) - len(shown)
    return Shown(tuple(sorted(shown, key=lambda item: item.at)), hidden)


# --- what a prompt is shown ----------------------------------------------------------------------


def compiled(
    known: Recollection,
    recent: Sequence[Passage],
    found: Sequence[Passage],
    zeitgeist: Sequence[str],
    total: int,
    seen: Collection[str] = (),
    policy: Policy = POLICY,
) -> Recollection:
    """The recollection that a prompt shows for `total` tokens. Nothing is shown twice.

    `recent`: posts and answers, oldest first. `found`: what retrieval found, best first. `zeitgeist`: its
    lines. `seen`: URIs of posts that stand in the prompt anyway.
    """
    recent = [one for one in recent if one.uri not in seen]
    last = [Item.of_passage(one) for one in reversed(recent[-LAST_POSTS:])]
    index = summary(recent[:-LAST_POSTS])
    said = [Item.of_passage(one) for one in found if one.note_id is None and one.uri not in seen]
    noted = [Item.of_passage(one) for one in found if one.note_id is not None]
    core = [
        *map(Item.of_note, known.notes),
        *(Item("", known.person.last_seen, line, "") for line in zeitgeist),
    ]
    wanted = {Tier.CORE: core, Tier.BUFFER: [*last, *index], Tier.RECALL: said, Tier.ARCHIVAL: noted}
    may = split(total, {tier: spent(items) for tier, items in wanted.items()}, policy)
    block = render(known.notes, may[Tier.CORE])
    exchanges = fit(last, may[Tier.BUFFER])
    shown = {item.name for item in exchanges.items} | {note.name for note in block.shown}
    return replace(
        known,
        block=block,
        zeitgeist=_lines(zeitgeist, may[Tier.CORE] - spent(map(Item.of_note, block.shown))),
        exchanges=exchanges,
        summary=fit(index, may[Tier.BUFFER] - spent(exchanges.items)),
        recalled=fit([item for item in said if item.name not in shown], may[Tier.RECALL]),
        archived=fit([item for item in noted if item.name not in shown], may[Tier.ARCHIVAL]),
    )


def spent(items: Iterable[Item]) -> int:
    """The tokens that these items take."""
    return sum(item.cost for item in items)


def _lines(lines: Iterable[str], budget: int) -> tuple[str, ...]:
    costs = accumulate(tokens(each) + 1 for each in lines)
    return tuple(each for each, spent in zip(lines, costs, strict=True) if spent <= budget)


# --- the summary ---------------------------------------------------------------------------------


def summary(passages: Iterable[Passage]) -> tuple[Item, ...]:
    """One line for each thread of the `passages` (oldest first), the last thread first."""
    threads: dict[int, list[Passage]] = {}
    for passage in passages:
        threads.setdefault(passage.thread, []).append(passage)
    last_first = sorted(threads.values(), key=lambda thread: (thread[-1].at, thread[-1].id), reverse=True)
    return tuple(map(_line, last_first))


def _line(thread: Sequence[Passage]) -> Item:
    first = next((one for one in thread if one.kind == "said"), thread[0])
    words = " ".join(first.text.split())
    if len(words) > FIRST_WORDS:
        words = f"{words[:FIRST_WORDS].rsplit(' ', 1)[0]} …"
    posts = f"{len(thread)} posts" if len(thread) > 1 else "1 post"
    sources = tuple(one.id for one in thread)
    return Item(f"p{first.id}", thread[0].at, f"{posts}, beginning: {words}", first.uri, sources=sources)
