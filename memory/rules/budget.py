"""The ladder of memory, and what each rung may spend of a prompt. Pure.

    core      the person's block, and what is common among people       few tokens, nothing lost
    buffer    the last exchanges with this person, and a summary of those before
    recall    exchanges found for this post
    archival  notes found for it, also superseded ones, in their time   many tokens, some lost

Each rung is first given its floor, in the ladder's order; then what is left goes to all that want more, by
their weights, up to their ceilings; what is then left over, up to what they want. A share that a rung does
not need flows on. With a greater total no rung gets less. Nothing is silently cut: what does not fit is
counted (`Shown.hidden`).

There is no model at work here, so the running summary is an index, not a paraphrase: one line for each
earlier conversation, with its date, its length and the words it began with. Words chosen without knowing the
question would compete with recall, which knows it, for the same tokens; what an index adds is that there was
a talk at all, and when, so that a brain can ask for it. `summary` is the one place where anything is
compressed. It keeps its sources, and is made anew at each reading, so that it forgets with them.
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

LAST = 12  # posts of the last exchanges; those before are summed up
BEGINNING = 80  # characters of the words with which a conversation began


class Tier(StrEnum):
    CORE = "core"
    BUFFER = "buffer"
    RECALL = "recall"
    ARCHIVAL = "archival"


@dataclass(frozen=True, slots=True)
class Share:
    """A tier's tokens: `floor` before all others, by `weight` to `ceiling`, more if some are left."""

    floor: int
    weight: int
    ceiling: int


Policy = Mapping[Tier, Share]
# Two thousand tokens hold some sixty notes. What is spent on recall finds ever more evidence (the benchmark
# draws the curve), so recall weighs most. The buffer, which no question of a benchmark needs and every
# conversation does, costs 3 points of evidence at 2,000 tokens for all tiers and 1 at 4,000 (LoCoMo).
POLICY: Policy = MappingProxyType(
    {
        Tier.CORE: Share(floor=600, weight=3, ceiling=2000),
        Tier.BUFFER: Share(floor=300, weight=2, ceiling=1500),
        Tier.RECALL: Share(floor=300, weight=4, ceiling=3000),
        Tier.ARCHIVAL: Share(floor=100, weight=1, ceiling=700),
    }
)


def split(total: int, demand: Mapping[Tier, int], policy: Policy = POLICY) -> dict[Tier, int]:
    """What each tier may spend of `total` tokens, if it wants `demand`: never more than that, nor in sum.

    Up to a sum of weights may be left unspent, where it cannot be shared evenly.
    """
    wants = {tier: demand.get(tier, 0) for tier in Tier}
    given, left = dict[Tier, int](), max(0, total)
    for tier in Tier:
        given[tier] = min(left, wants[tier], policy[tier].floor)
        left -= given[tier]
    ceilings = {tier: min(wants[tier], policy[tier].ceiling) for tier in Tier}
    for most in (ceilings, wants):
        more = _level(left, {tier: max(0, most[tier] - given[tier]) for tier in Tier}, policy)
        given = {tier: given[tier] + more[tier] for tier in Tier}
        left -= sum(more.values())
    return given


def _level(left: int, room: Mapping[Tier, int], policy: Policy) -> dict[Tier, int]:
    """Fill all rooms to the highest level, times weight, that `left` tokens reach."""

    def filled(level: int) -> dict[Tier, int]:
        return {tier: min(room[tier], policy[tier].weight * level) for tier in Tier}

    level = bisect_right(range(left + 1), left, key=lambda each: sum(filled(each).values())) - 1
    return filled(level)


def fit(items: Sequence[Item], budget: int) -> Shown:
    """The first of `items` (best first) that fit, as they were said in time; the rest is counted."""
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
    common: Sequence[str],
    total: int,
    seen: Collection[str] = (),
    policy: Policy = POLICY,
) -> Recollection:
    """What of all this a prompt shows for `total` tokens.

    `recent`: the last exchanges, oldest first; `found`: what search found, best first; `common`: lines of
    the zeitgeist; `seen`: URIs of posts that stand in the prompt anyway. Nothing is shown twice.
    """
    recent = [one for one in recent if one.uri not in seen]
    last = [Item.of_passage(one) for one in reversed(recent[-LAST:])]
    index = summary(recent[:-LAST])
    said = [Item.of_passage(one) for one in found if one.note_id is None and one.uri not in seen]
    noted = [Item.of_passage(one) for one in found if one.note_id is not None]
    core = [*map(Item.of_note, known.notes), *(Item("", known.person.last_seen, line, "") for line in common)]
    wanted = {Tier.CORE: core, Tier.BUFFER: [*last, *index], Tier.RECALL: said, Tier.ARCHIVAL: noted}
    may = split(total, {tier: spent(items) for tier, items in wanted.items()}, policy)
    block = render(known.notes, may[Tier.CORE])
    exchanges = fit(last, may[Tier.BUFFER])
    shown = {item.name for item in exchanges.items} | {note.name for note in block.shown}
    return replace(
        known,
        block=block,
        zeitgeist=_lines(common, may[Tier.CORE] - spent(map(Item.of_note, block.shown))),
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
    """An index of conversations, the last first: a line a thread, made of its `passages` (oldest first)."""
    threads: dict[int, list[Passage]] = {}
    for passage in passages:
        threads.setdefault(passage.thread, []).append(passage)
    last_first = sorted(threads.values(), key=lambda told: (told[-1].at, told[-1].id), reverse=True)
    return tuple(map(_line, last_first))


def _line(told: Sequence[Passage]) -> Item:
    first = next((one for one in told if one.kind == "said"), told[0])
    words = " ".join(first.text.split())
    if len(words) > BEGINNING:
        words = f"{words[:BEGINNING].rsplit(' ', 1)[0]} …"
    posts = f"{len(told)} posts" if len(told) > 1 else "1 post"
    sources = tuple(one.id for one in told)
    return Item(f"p{first.id}", told[0].at, f"{posts}, beginning: {words}", first.uri, sources=sources)
