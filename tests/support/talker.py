"""A person who talks to a brain turn after turn; memory is what the edits of each turn make of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.embeds import Embeds, Media
from bot.domain.mention import Mention, Reason, StrongRef
from bot.domain.prompt import ThreadPost
from bot.prompt.compose import compose
from bot.tools.toolbox import Toolbox
from memory.edits import propose
from memory.model import Limits, Note, Passage, Person, Receipt
from memory.recollection import Recollection, render

DID = "did:plc:ana"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Talker:
    """`knows` are notes that were there before; a talker who `spoke` before is no new person."""

    def __init__(self, brain, *, knows=(), spoke=True, limits=None, langs=(), reply_limit=1200):
        self.brain = brain
        self.limits = limits or Limits()
        self.langs = langs
        self.reply_limit = reply_limit
        self.person = Person(DID, "ana.test", START, START, START if spoke else None)
        self.turn = 0
        self.notes: tuple[Note, ...] = tuple(
            Note(number, DID, text, self._receipt(), START) for number, text in enumerate(knows, 1)
        )

    @property
    def known(self) -> list[str]:
        return [note.text for note in self.notes]

    async def think(self, text, thread=(), picture=None):
        """One turn; returns its TurnResult without applying it. `picture`: a PNG that the post shows."""
        self.turn += 1
        now, receipt = START + timedelta(minutes=self.turn), self._receipt()
        ref = StrongRef(receipt.uri, receipt.cid)
        mention = Mention(ref, DID, Reason.MENTION, text, ref, None, now, self.langs)
        recollection = Recollection(self.person, self.notes, render(self.notes, 2000))
        shown = Embeds((Media(DID, "bafy", "image/png", "a cat"),) if picture else ())
        post = ThreadPost("ana.test", text, by_asker=True, embeds=shown)
        prompt = compose("a jay", recollection, thread, mention, now, post=post, vision=bool(picture))
        prompt = replace(prompt, image_data={"bafy": picture} if picture else {})

        async def search(query: str) -> tuple[Passage, ...]:
            return tuple(map(Passage.of_note, self.notes))

        tools = Toolbox(
            recollection, receipt, now, limits=self.limits, search=search, reply_limit=self.reply_limit
        )
        self._tools = tools
        await self.brain.think(prompt, tools)
        return tools.thought()

    async def say(self, text, thread=()):
        """One turn, applied to memory; returns the reply."""
        thought = await self.think(text, thread)
        self.keep(thought)
        return thought.reply

    @property
    def spent(self):
        """What the last turn has cost, whatever came of it."""
        return self._tools.thought().usage

    @property
    def said(self):
        """What the last turn would have said so far, also if it failed."""
        return self._tools.thought().reply

    def keep(self, thought):
        """Apply what the turn came to."""
        for edit in thought.edits:
            notes = propose(self.notes, edit, self._receipt(), START, self.limits)
            top = max((note.id for note in (*self.notes, *notes)), default=0)
            self.notes = tuple(replace(n, id=top + 1) if n.id < 0 else n for n in notes)
        self.person = replace(self.person, introduced_at=START)

    def _receipt(self) -> Receipt:
        return Receipt(
            f"at://{DID}/app.bsky.feed.post/3l{self.turn}", "bafy", DID, START + timedelta(minutes=self.turn)
        )


def above(text, *, by_asker=False, by_bot=False) -> ThreadPost:
    return ThreadPost("ana.test" if by_asker else "bob.test", text, by_bot, by_asker)
