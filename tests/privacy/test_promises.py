"""Whatever people, the operator and the machine do, in any order: what is known of one is used for one only,
what is forgotten stays forgotten, and no mention is answered twice."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.backup import backup, restore
from support.events import block
from support.factory import ANA, BEN
from support.forgetting import forget_note
from support.harness import Harness, ScriptedBrain

from bot.domain.events import PostCreated, PostDeleted, RecordDeleted
from bot.privacy.reapplying import apply_journal, import_person
from bot.storage import mentions
from memory.errors import MemoryFault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EVE = "did:plc:eve"
PEOPLE = st.sampled_from([ANA, BEN, EVE])
TOKEN = re.compile(r"canary[a-z]{8}")
FOLDERS = count()
EXAMPLES = os.environ.get("SCRUBJAY_EXAMPLES")  # so many, other ones in each run
LAST = 5  # posts that people still talk about


@dataclass
class Said:
    """A post with a word of its own."""

    who: str
    token: str
    ref: object
    gone: bool = False
    to_bot: bool = True


def word(number):
    return "canary" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:08d}")


class Parrot(ScriptedBrain):
    """Notes the word of the post, and repeats all words that it is shown."""

    async def think(self, prompt, tools):
        self.prompts.append(prompt)
        for token in TOKEN.findall(prompt.mention.text):
            await tools.call("remember", {"text": f"likes {token} very much"})
        shown = sorted(set(TOKEN.findall(repr(prompt.sections))))
        text = " and ".join(shown[-3:]) or "nothing"
        if not (await tools.call("reply", {"text": f"I see {text} number {len(self.prompts)}"})).ok:
            await tools.call("stay_silent", {"reason": f"not to say {text}"})


class Bot(RuleBasedStateMachine):
    def __init__(self, db, folder, empty):
        super().__init__()
        restore(db, empty)
        place = folder / str(next(FOLDERS))
        place.mkdir()
        self.harness = Harness(db, place, Parrot())
        self.db, self.words = db, count(1)
        self.said, self.backup, self.exported = [], None, []
        self.forgotten_notes, self.taken_back = set(), set()
        for number, who in enumerate([ANA, BEN, EVE]):
            self.harness.network.set_handle(who, f"person{number}.test")

    @rule(who=PEOPLE, data=st.data())
    def something_happens(self, who, data):
        """One rule for all: of several, hypothesis leaves out half in each run, and holes need many."""
        name = data.draw(st.sampled_from(self._possible()), label="what")
        getattr(self, name)(who, data)

    def _possible(self):
        always = (
            "say",
            "say_to_others",
            "forget_a_person",
            "swap_handles_and_block",
            "export",
            "make_a_backup",
            "the_worker_dies_while_it_thinks",
        )
        if_any = {
            "reply": self._standing(),
            "quote_an_answer": self._answers(),
            "delete_a_post": self._known(),
            "edit_a_post": self._known(),
            "the_operator_forgets_a_note": self._known(),
            "import_an_export": self.exported,
            "restore_the_backup": self.backup,
            "an_event_comes_again": self.said,
        }
        talk = ["say", "reply", "quote_an_answer"]  # more often
        possible = {*always, *(name for name, what in if_any.items() if what)}
        return [*sorted(possible), *(name for name in talk if name in possible)]

    # --- what people do ---------------------------------------------------------------------------

    def say(self, who, data):
        self._say(who, data)

    def reply(self, who, data):
        parent = data.draw(st.sampled_from(self._standing()[-LAST:]), label="under")
        self._say(who, data, reply={"root": parent.to_json(), "parent": parent.to_json()})

    def quote_an_answer(self, who, data):
        quoted = data.draw(st.sampled_from(self._answers()[-LAST:]), label="the answer")
        self._say(who, data, embed={"$type": "app.bsky.embed.record", "record": quoted.to_json()})

    def say_to_others(self, who, _):
        token = word(next(self.words))
        record = {"text": f"I like {token}", "createdAt": self.harness.clock().isoformat()}
        self.said.append(Said(who, token, self.harness.network.write(who, record), to_bot=False))
        self.harness.clock.forward(minutes=1)

    def forget_a_person(self, who, data):
        if data.draw(st.booleans(), label="by command"):
            self.harness.say(who, "forget me")
        else:
            self.harness.erase(who)
        for said in self.said:
            said.gone = said.gone or said.who == who
        self._go_on()

    def delete_a_post(self, _, data):
        said = data.draw(st.sampled_from(self._known()))
        self.harness.network.remove(said.ref.uri)
        self.harness.clock.forward(seconds=1)
        self.harness.send(PostDeleted, said.ref.uri, said.who, self.harness.clock())
        said.gone = True
        self._go_on()

    def edit_a_post(self, _, data):
        said = data.draw(st.sampled_from(self._known()))
        old, said.token = said.token, word(next(self.words))
        said.ref, said.to_bot = self.harness.edit(said.ref, f"I like {said.token}"), True
        self.harness.handle(said.ref, edited=True)
        self.taken_back.add(old)
        self._go_on()

    def swap_handles_and_block(self, one, data):
        other = data.draw(PEOPLE, label="with")
        handles, uri = self.harness.network._handles, f"at://{one}/app.bsky.graph.block/3kabcdefghijk"
        first, second = handles[one], handles[other]
        self.harness.network.set_handle(one, second)
        self.harness.network.set_handle(other, first)
        block(self.harness, uri)
        self.harness.send(RecordDeleted, uri, one, self.harness.clock())

    # --- what the operator and the machine do -------------------------------------------------------

    def the_operator_forgets_a_note(self, _, data):
        said = data.draw(st.sampled_from(self._known()))
        self._go_on()
        with self.db.read() as tx:
            notes = self.harness.services.memory.notes(tx, said.who)
        notes = [note.id for note in notes if said.token in note.text]
        for note in notes:
            forget_note(self.harness, note, said.who)
        if notes:
            self.forgotten_notes.add(said.token)
            assert self._held([said.token]) == []

    def export(self, who, _):
        with self.db.read() as tx:
            try:
                self.exported.append(json.dumps(self.harness.services.memory.export(tx, who)))
            except MemoryFault:
                return

    def import_an_export(self, _, data):
        document, parts = data.draw(st.sampled_from(self.exported)), self.harness.services
        self.taken_back.clear()  # it may be from before an edit
        try:
            with self.db.write() as tx:
                import_person(tx, parts.memory, parts.ledger, parts.journal, document, self.harness.clock())
        except MemoryFault:
            return

    def make_a_backup(self, *_):
        self.backup = backup(self.db)

    def restore_the_backup(self, *_):
        restore(self.db, self.backup)
        self.taken_back.clear()
        parts = self.harness.services
        apply_journal(self.db, parts.memory, parts.ledger, parts.journal, self.harness.clock())
        self._go_on()

    def an_event_comes_again(self, _, data):
        said = data.draw(st.sampled_from(self.said[-LAST:]))
        post = self.harness.network._posts.get(said.ref.uri)
        if post and post.ref == said.ref and said.to_bot:
            self.harness.send(PostCreated, post.ref, post.did, post.record, self.harness.clock())
        self._go_on()

    def the_worker_dies_while_it_thinks(self, *_):
        self.harness.clock.forward(minutes=1)
        mentions.claim(self.db, "dead", now=self.harness.clock(), lease=timedelta(seconds=30))
        self.harness.clock.forward(minutes=1)
        self._go_on()

    # --- what must hold ---------------------------------------------------------------------------

    @invariant()
    def nothing_that_is_gone_is_held(self):
        gone = [*self.taken_back, *(said.token for said in self.said if said.gone)]
        assert self._held(gone) == []

    @invariant()
    def a_forgotten_note_is_not_noted_again(self):
        with self.db.read() as tx:
            notes = tuple(self.harness.services.memory.all_notes(tx))
        assert not [note for note in notes for token in self.forgotten_notes if token in note.text]

    @invariant()
    def a_prompt_has_notes_of_its_own_person_only(self):
        owners = {said.token: said.who for said in self.said}
        for prompt in self.harness.brain.prompts:
            known = repr((prompt.recollection.block, prompt.recollection.archived))
            assert {owners[token] for token in TOKEN.findall(known)} <= {prompt.mention.did}
        self.harness.brain.prompts.clear()

    @invariant()
    def no_mention_is_answered_twice(self):
        for said in self.said:
            assert len(self.harness.replies(said.ref)) <= 1

    def _say(self, who, data, **fields):
        """A post with a new word; the answer is posted at once, or only drafted."""
        token = word(next(self.words))
        self.said.append(Said(who, token, self.harness.say(who, f"I like {token}", **fields)))
        if data.draw(st.booleans(), label="at once"):
            self._go_on()
        else:
            self.harness.clock.forward(minutes=10)
            self.harness.draft()

    def _held(self, words):
        """The tables and words of which a copy is left. Quicker than `proof`, which has tests of its own."""
        tables = {table.name: str(rows) for table, rows in backup(self.db).items()} if words else {}
        return [(name, word) for name, rows in tables.items() for word in words if word in rows]

    def _answers(self):
        return [post.ref for post in self.harness.network.posts(self.harness.network.did)]

    def _standing(self):
        """The posts that stand on the network, the bot's among them, in their order."""
        return [post.ref for post in self.harness.network._posts.values()]

    def _known(self):
        """The posts that nobody wished to be forgotten."""
        return [said for said in self.said if not said.gone]

    def _go_on(self):
        self.harness.clock.forward(minutes=10)
        self.harness.work(steps=60)
        self.harness.run_jobs()
        self.harness.clock.forward(seconds=2)


def test_the_promises_hold_whatever_happens(db, tmp_path):
    empty = backup(db)
    run_state_machine_as_test(
        lambda: Bot(db, tmp_path, empty),
        settings=settings(
            max_examples=int(EXAMPLES or 10),
            derandomize=not EXAMPLES,
            phases=[Phase.generate],  # to shrink a failure takes hours
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
