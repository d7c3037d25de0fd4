"""Services, a worker and a listener over the in-memory network and a brain that follows a script."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from bot.domain.events import PostCreated
from bot.domain.prompt import Usage
from bot.domain.reply import is_reply_to
from bot.domain.tracked import Tracked
from bot.ingest.handler import EventHandler
from bot.ingest.listener import Listener
from bot.ingest.reconcile import Reconciler
from bot.network.in_memory import InMemoryNetwork
from bot.privacy.erasure import erase_person
from bot.services import Services, TurnOptions
from bot.storage import views
from bot.storage.journal import Journal
from bot.storage.ledger import Ledger
from bot.worker.jobs import JobRunner
from bot.worker.worker import Worker
from memory.store import Memory
from support.factory import LIMITS, ME, NO_PAUSE, Clock

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})


class ScriptedBrain:
    """Follows `script`: (tool, arguments) pairs to call, functions to await, exceptions to raise."""

    name = "scripted"
    costs = Usage("scripted-1", 100, 20)

    def __init__(self, *script):
        self.script = list(script) or [("reply", {"text": "hello"})]
        self.prompts = []
        self.forgotten = 0
        self.illness = None  # what `health` tells

    async def think(self, prompt, tools):
        self.prompts.append(prompt)
        tools.add_usage(self.costs)
        for step in self.script:
            if isinstance(step, BaseException):
                raise step
            if callable(step):
                await step()
                continue
            await tools.call(*step)

    async def start(self):
        pass

    async def forget(self):
        self.forgotten += 1

    async def health(self):
        return self.illness

    async def close(self):
        pass


class FakeScheduler:
    """Stands for the scheduler: records the times it was asked to wake at."""

    def __init__(self):
        self.wakeups = []

    def wake_at(self, when):
        self.wakeups.append(when)


class Harness:
    """The bot over one database, with its own clock."""

    def __init__(self, db, folder, brain=None, **services):
        self.clock = Clock()
        self.network = services.pop("network", None) or InMemoryNetwork(ME, "jay.test")
        self.brain = brain or ScriptedBrain()
        self.scheduler = FakeScheduler()
        self.limits = services.pop("limits", LIMITS)
        self.services = Services(
            db=db,
            memory=Memory(),
            ledger=Ledger(folder / "ledger", self.clock, db),
            journal=Journal(folder / "journal", self.clock, db),
            network=self.network,
            brain=self.brain,
            clock=self.clock,
            limits=self.limits,
            pace=NO_PAUSE,
            options=TurnOptions(
                persona="A bird.",
                thread_posts=20,
                reply_parts=3,
                link_hosts=frozenset({"bsky.app"}),
                allowed_bots=frozenset(),
                lease=timedelta(seconds=30),
            ),
            tracked=Tracked(self.network.did),
            direct_messages=self.network.direct_messages,
        )
        self.with_brain(self.brain)
        self.handler = EventHandler(
            memory=self.services.memory,
            ledger=self.services.ledger,
            journal=self.services.journal,
            bot_did=self.network.did,
            bot_handle=self.network.handle,
            limits=self.limits,
            pace=NO_PAUSE,
            tracked=self.services.tracked,
            counts=Counter(),
            purge_grace=timedelta(hours=24),
            consent=self.services.options.consent,
        )
        self.listener = Listener(
            SimpleNamespace(host="test"), db, self.handler, self.clock, self.scheduler.wake_at
        )
        self.jobs = JobRunner(self.services, self.handler, lambda: 0.0)
        self.reconciler = Reconciler(self.services, self.handler, self.scheduler.wake_at)
        self._seq = 0

    def erase(self, did):
        """What `memory forget` does."""
        parts = self.services
        return erase_person(parts.db, parts.memory, parts.ledger, parts.journal, did, self.clock())

    def with_brain(self, brain):
        """Let the worker ask this one, for example `brain` behind a guard."""
        self.services = replace(self.services, brain=brain)
        self.worker = Worker("w", self.services, self.scheduler, lambda: 0.0)
        return self

    def with_consent(self, consent):
        """The operator has chosen who is remembered."""
        options = replace(self.services.options, consent=consent)
        self.services = replace(self.services, options=options)
        self.handler = replace(self.handler, consent=consent)
        self.listener = replace(self.listener, handler=self.handler)
        return self.with_brain(self.brain)

    def with_approval(self, approve):
        """The operator has chosen whose drafts wait."""
        options = replace(self.services.options, approve=approve)
        self.services = replace(self.services, options=options)
        return self.with_brain(self.brain)

    def with_review(self, review):
        """The operator has chosen whose notes wait."""
        options = replace(self.services.options, review=review)
        self.services = replace(self.services, options=options)
        return self.with_brain(self.brain)

    def with_pace(self, pace):
        """The operator has chosen how soon answers come, and how far apart."""
        self.services = replace(self.services, pace=pace)
        self.handler = replace(self.handler, pace=pace)
        self.listener = replace(self.listener, handler=self.handler)
        return self.with_brain(self.brain)

    def say(self, did, text, *, rkey=None, heard=True, **fields):
        """A post of `did` that mentions the bot, put on the network and (unless told otherwise) heard."""
        ref = self.network.write(did, self._addressed(text) | fields, rkey=rkey)
        if heard:
            self.handle(ref)
        return ref

    def _addressed(self, text):
        name = "@jay.test"
        return {
            "$type": "app.bsky.feed.post",
            "text": f"{name} {text}",
            "createdAt": self.clock().isoformat(),
            "facets": [
                {
                    "index": {"byteStart": 0, "byteEnd": len(name)},
                    "features": [{"$type": "app.bsky.richtext.facet#mention", "did": ME}],
                }
            ],
        }

    def handle(self, ref, *, edited=False):
        did = ref.uri.split("/")[2]
        post = next(post for post in self.network.posts(did) if post.ref == ref)
        return self.send(PostCreated, ref, post.did, post.record, self.clock(), edited=edited)

    def send(self, event, *values, **more):
        """Let the listener handle an event of this kind."""
        self._seq += 1
        return self.listener.handle(event(self._seq, *values, **more))

    def edit(self, ref, text, *, away=False):
        """Edit the post, so that it still addresses the bot or (`away`) does not; no event is sent."""
        did, _, rkey = ref.uri.removeprefix("at://").split("/")
        now = {"$type": "app.bsky.feed.post", "text": text, "createdAt": self.clock().isoformat()}
        return self.network.write(did, now if away else self._addressed(text), rkey=rkey)

    def work(self, steps=20):
        """Let the worker work until nothing is due (at most `steps`)."""
        self._exhaust(self.worker, steps)

    def draft(self):
        """Let a worker draft what is due, but not post it yet."""
        later = replace(NO_PAUSE, post_delay=timedelta(microseconds=1))
        services = replace(self.services, pace=later)
        self._exhaust(Worker("drafts", services, self.scheduler, lambda: 0.0), 1)
        self.clock.forward(microseconds=1)

    def run_jobs(self, steps=50):
        self._exhaust(self.jobs, steps)

    def reconcile(self):
        return asyncio.run(self.reconciler.reconcile())

    @staticmethod
    def _exhaust(runner, steps):
        async def run():
            for _ in range(steps):
                if not await runner.work():
                    return

        asyncio.run(run())

    def introduce(self, did):
        """The person was told already that the bot remembers."""
        with self.services.db.write() as tx:
            self.services.memory.people.meet(tx, did, self.clock())
            self.services.memory.people.mark_introduced(tx, did, self.clock())

    def entry(self, ref):
        with self.services.db.read() as tx:
            return views.entry(tx, ref.uri)

    def outcome(self, ref):
        entry = self.entry(ref)
        return entry.state, entry.why

    def replies(self, ref):
        """The bot's posts that answer this one."""
        return [post for post in self.network.posts(ME) if is_reply_to(post.record, ref.uri)]

    def notes(self, did):
        with self.services.db.read() as tx:
            return [note.text for note in self.services.memory.recall(tx, did).notes]
