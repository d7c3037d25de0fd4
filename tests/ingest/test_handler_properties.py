"""The fold of any events over a few people is what a model says, whatever is lost or repeated."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.factory import LIMITS, ME, NOW
from support.harness import Harness

from bot.domain.events import AccountChanged, Blocked, IdentityChanged, PostDeleted, RecordDeleted, RepoSync
from bot.domain.mention import State
from bot.storage import views
from memory.errors import UnknownPerson
from memory.model import Limits
from memory.store import Memory

NUMBERS = itertools.count(1)
PEOPLE, HANDLES = 3, 2
BLOCK = "app.bsky.graph.block"
ROOMY = replace(
    LIMITS,
    **dict.fromkeys(("person_hour", "person_day", "person_day_tokens", "partner_posts"), 10_000),
    **dict.fromkeys(("thread_posts", "hour", "day"), 10_000),
    max_age=timedelta(days=1000),
)

OPS = (
    "say",
    "say",
    "edit",
    "edit",
    "turn away",
    "delete",
    "block",
    "unblock",
    "work",
    "hide",
    "show",
    "drop",
    "purge",
    "rename",
)
steps = st.lists(
    st.tuples(
        st.sampled_from(OPS),
        st.integers(0, PEOPLE - 1),
        st.integers(0, 7),
        st.sampled_from(["once", "twice", "lost"]),
    ),
    min_size=4,
    max_size=24,
)


class EchoBrain:
    """Remembers every word, and answers."""

    name = "echo"

    async def think(self, prompt, tools):
        await tools.call("remember", {"text": prompt.mention.text})
        await tools.call("reply", {"text": "ok"})

    async def forget(self):
        pass

    async def health(self):
        return None


@dataclass
class Someone:
    """What the model holds of a person: `said` has URI -> (words, state), `unseen` URI -> words."""

    did: str
    said: dict = field(default_factory=dict)
    unseen: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)
    deleted: set = field(default_factory=set)
    blocks: str | None = None
    status: str | None = None
    met: bool = False
    handle: str | None = None


class World:
    """The harness and the model, side by side."""

    def __init__(self, db, folder):
        run = next(NUMBERS)
        self.harness = Harness(db, folder, EchoBrain(), limits=ROOMY)
        self.harness.clock.now = NOW + timedelta(days=100 * run)
        object.__setattr__(self.harness.services, "memory", Memory(Limits(per_day=1000, notes=1000)))
        object.__setattr__(self.harness.handler, "memory", self.harness.services.memory)
        self.people = [Someone(f"did:plc:r{run}p{number}") for number in range(PEOPLE)]
        self.handles = [f"r{run}h{number}.test" for number in range(HANDLES)]
        for someone in self.people:
            self.harness.network.set_handle(someone.did, None)

    # --- what happens: on the network, in the model, and as it is heard ---

    def step(self, op, who, which, how):
        someone = self.people[who]
        self.harness.clock.forward(minutes=2)  # what was said long ago is not withdrawn
        if op in ("work", "purge", "rename", "hide", "show", "drop"):
            return getattr(self, f"_{op}")(someone, which, how)
        if someone.status is None:
            getattr(self, f"_{op.replace(' ', '_')}")(someone, which, how)
        return None

    def _heard(self, someone, how, tell):
        if how == "lost":
            self.harness.send(RepoSync, someone.did, "#sync", self.harness.clock())
            self.harness.run_jobs()
            self.harness.reconcile()
            self._found_late()
            return
        for _ in range(2 if how == "twice" else 1):
            tell()

    def _found_late(self):
        """What was said behind a block is shown once that is gone; the notifications go 48 hours back."""
        for someone in self.people:
            if not someone.blocks and someone.status is None:
                someone.said |= {uri: (words, State.WAITING) for uri, words in someone.unseen.items()}
                someone.unseen = {}

    def _say(self, someone, _, how):
        words = f"fact {next(NUMBERS)}"
        ref = self.harness.say(someone.did, words, heard=False)
        someone.said[ref.uri] = (words, State.WAITING)
        self._heard(someone, how, lambda: self.harness.handle(ref))
        if someone.blocks and how == "lost":  # the AppView does not tell of whoever blocks
            someone.unseen[ref.uri] = someone.said.pop(ref.uri)[0]

    def _edit(self, someone, which, how, *, away=False):
        there = [uri for uri in someone.said if uri not in someone.deleted]
        if not there:
            return
        uri = there[which % len(there)]
        words, (_, state) = f"fact {next(NUMBERS)}", someone.said[uri]
        if away and state is State.WAITING:
            state = State.DECLINED
        ref = self.harness.edit(Ref(uri), words, away=away)
        someone.said[uri] = (words, state)
        someone.notes.pop(uri, None)
        self._heard(someone, how, lambda: self.harness.handle(ref, edited=True))

    def _turn_away(self, someone, which, how):
        self._edit(someone, which, how, away=True)

    def _delete(self, someone, which, how):
        there = [uri for uri in someone.said if uri not in someone.deleted]
        if not there:
            return
        uri = there[which % len(there)]
        words, state = someone.said[uri]
        someone.said[uri] = (words, State.DECLINED if state is State.WAITING else state)
        someone.deleted.add(uri)
        someone.notes.pop(uri, None)
        self.harness.network.remove(uri)
        self._heard(
            someone, how, lambda: self.harness.send(PostDeleted, uri, someone.did, self.harness.clock())
        )

    def _block(self, someone, _, how):
        if someone.blocks:
            return
        ref = self.harness.network.write(someone.did, {"subject": ME}, collection=BLOCK)
        someone.blocks = ref.uri
        self._decline(someone)
        self._heard(
            someone, how, lambda: self.harness.send(Blocked, ref.uri, someone.did, self.harness.clock())
        )

    def _unblock(self, someone, _, how):
        uri, someone.blocks = someone.blocks, None
        if uri:
            self.harness.network.remove(uri)
            self._heard(
                someone,
                how,
                lambda: self.harness.send(RecordDeleted, uri, someone.did, self.harness.clock()),
            )

    def _hide(self, someone, _, how):
        self._account(someone, "deactivated", how)

    def _drop(self, someone, _, how):
        self._account(someone, "deleted", how)

    def _show(self, someone, _, how):
        self._account(someone, None, how)

    def _account(self, someone, status, how):
        someone.status = status
        self.harness.network.set_status(someone.did, status or "active")
        told = (someone.did, status is None, status, self.harness.clock())
        self._heard(someone, how, lambda: self.harness.send(AccountChanged, *told))

    def _rename(self, someone, which, _):
        handle = self.handles[which % HANDLES]
        for other in self.people:
            if other.handle == handle:
                self._name(other, None)
        self._name(someone, handle)

    def _name(self, someone, handle):
        someone.handle = handle
        self.harness.network.set_handle(someone.did, handle)
        self.harness.send(IdentityChanged, someone.did, "liar.test", self.harness.clock())
        self.harness.run_jobs()

    def _purge(self, *_):
        self._work()
        self.harness.clock.forward(hours=25)
        self.harness.run_jobs()
        for someone in self.people:
            someone.unseen = {}  # too old to be answered, if they are found at all
            if someone.status == "deleted" and (someone.met or someone.said):
                someone.said, someone.notes, someone.met = {}, {}, False

    def _work(self, *_):
        self.harness.work(100)
        for someone in self.people:
            if someone.blocks or someone.status:
                self._decline(someone)
            for uri, (words, state) in someone.said.items():
                if state is State.WAITING:
                    someone.said[uri], someone.notes[uri], someone.met = (words, State.ANSWERED), words, True

    def _decline(self, someone):
        for uri, (words, state) in someone.said.items():
            if state is State.WAITING:
                someone.said[uri] = (words, State.DECLINED)

    # --- what must be so ---

    def check(self):
        for someone in self.people:
            with self.harness.services.db.read() as tx:
                states = {uri: views.entry(tx, uri).state for uri in someone.said}
            assert states == {uri: state for uri, (_, state) in someone.said.items()}
            notes, handle = self._known(someone)
            assert notes == (sorted(someone.notes.values()) if someone.status is None else [])
            if someone.met and someone.status is None:
                assert handle == someone.handle
            for uri, (_, state) in someone.said.items():
                assert len(self.harness.replies(Ref(uri))) == (state is State.ANSWERED)

    def _known(self, someone):
        with self.harness.services.db.read() as tx:
            try:
                found = self.harness.services.memory.recall(tx, someone.did)
            except UnknownPerson:
                return [], None
        return sorted(note.text for note in found.notes), found.person.handle


@dataclass(frozen=True)
class Ref:
    uri: str


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_the_store_is_what_the_events_say(db, tmp_path, steps):
    world = World(db, tmp_path)
    for step in steps:
        world.step(*step)
        world.check()
    world.step("work", 0, 0, "once")
    world.check()
