"""Runs the bot through a bad fortnight, and counts what came of it: `python -m benchmarks.outside --json`.

The clock is a fake one. The network is a real PDS on loopback; in front of it stands a server that gives, by
a script, what firewalls, proxies, hostile hosts and sick providers give (`benchmarks.faults`). The bot's own
account, database, ledger and clock have their troubles too. Every mention, note and post is then compared
with the script (`benchmarks.fortnight`). The exit code is 1 if a number is not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stamina
import structlog
from sqlalchemy import func, select

from benchmarks import fortnight
from benchmarks.faults import SENTENCE, Fault
from benchmarks.fortnight import Kind
from benchmarks.world import BRAIN_TIMEOUT, NOTE, TIMEOUT, Disk, World, make_world, meet, stamp
from bot.brains.guard import TRIES
from bot.domain.addressing import MENTION
from bot.domain.events import AccountChanged, Blocked, PostCreated, RepoSync
from bot.domain.mention import OPEN, State
from bot.domain.threadgate import GATE
from bot.domain.uris import BLOCK, POST, record_key
from bot.storage.queue import NEWCOMERS
from bot.storage.tables import JobRow, MentionRow, PersonQueueRow
from bot.wording import answers
from bot.wording.detection import detect
from bot.wording.languages import languages
from bot.wording.parse import understand
from memory.db import DATABASE_ERRORS, Database

if TYPE_CHECKING:
    from benchmarks.fortnight import Said, Script, Slot

READS = 10  # of hosts, one after another, in one step
DEADLINE = READS * TIMEOUT + 1.5 * BRAIN_TIMEOUT + BRAIN_TIMEOUT  # with a last try, and a check of its health
STEP = timedelta(minutes=5)  # the clock goes on at least so far when nothing is due
QUIET = timedelta(days=1)  # after the script, so that all can end
RECHECKED = 3  # people of a slot
MB_ALLOWED = 60
MUST_BE_ZERO = (
    *("erased_wrongly", "posted_wrongly", "lost", "double"),
    *("failed_by_others", "ended_wrongly", "bugs"),
)
NOTICES = (answers.text(lang, "notice_ask") for lang in languages())
ALLOWED_TEXTS = frozenset({SENTENCE, *(f"{SENTENCE}\n\n{notice}" for notice in NOTICES)})


# What the people do.


def say(world: World, said: Said) -> None:
    """Post the mention, with what makes it one that must not be answered, and let the bot hear of it."""
    person = world.people[said.who]
    if said.kind is Kind.BLOCK:
        record = {"$type": BLOCK, "subject": world.bot.did, "createdAt": stamp(world)}
        world.hear(Blocked, person.write(record, collection=BLOCK).uri, person.did)
    name = f"@{world.bot.handle}"
    feature = {"$type": MENTION, "did": world.bot.did}
    facet = {"index": {"byteStart": 0, "byteEnd": len(name)}, "features": [feature]}
    text = "stop" if said.kind is Kind.STOP else f"how was walk {len(world.said)}?"
    record = {"$type": POST, "text": f"{name} {text}", "facets": [facet], "createdAt": stamp(world)}
    ref = person.write(record)
    world.said[ref.uri] = said.kind
    if said.kind is Kind.GATED:
        gate = {"$type": GATE, "post": ref.uri, "allow": [], "createdAt": stamp(world)}
        person.write(gate, rkey=record_key(ref.uri), collection=GATE)
    if said.kind is Kind.DELETED:
        person.delete(ref)
    world.hear(PostCreated, ref, person.did, record)


# What the faults do.


def start_fault(world: World, slot: Slot) -> None:
    print(f"{time.strftime('%T')}, {len(world.said):4} mentions: {slot.fault}", file=sys.stderr)
    victims = [world.people[who] for who in sorted(slot.victims)]
    world.faults.set(Fault(slot.fault, tuple(person.did for person in victims)))
    match slot.fault:
        case "suspended":
            suspend(world, applied=True)
        case "revoked":
            set_password(world, "another-password")
            session = world.network._session._client._session
            session.access_jwt = session.refresh_jwt = "refused"
        case "full_disk":
            Disk.full = True
        case "database":
            world.db.sick = True
        case "clock_ahead":
            world.set_skew(timedelta(hours=1))
    for person in victims[:RECHECKED]:
        world.hear(RepoSync, person.did, "benchmark")
    for who in range(2):  # the silent: a relay says that they are deleted, which is not true
        world.hear(AccountChanged, world.people[who].did, False, "deleted")


def end_fault(world: World, slot: Slot) -> None:
    world.faults.set(Fault())
    match slot.fault:
        case "suspended":
            suspend(world, applied=False)
        case "revoked":
            set_password(world, world.bot.account.password)
    world.network._session._refused_at.clear()  # they are counted by the real clock
    Disk.full = world.db.sick = False
    world.set_skew(timedelta(0))
    world.listen()


def administer(world: World, method: str, body: dict[str, Any]) -> None:
    auth = ("admin", (world.net.data_dir / "admin-password").read_text())
    url = f"{world.net.pds_url}/xrpc/com.atproto.admin.{method}"
    world.faults.client.post(url, auth=auth, json=body).raise_for_status()


def suspend(world: World, *, applied: bool) -> None:
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": world.bot.did}
    body = {"subject": subject, "takedown": {"applied": applied, "ref": "benchmark"}}
    administer(world, "updateSubjectStatus", body)


def set_password(world: World, password: str) -> None:
    administer(world, "updateAccountPassword", {"did": world.bot.did, "password": password})


# How the time passes.


async def live(world: World, until: datetime) -> None:
    """Let workers and jobs work whenever something is due."""
    while world.time < until:
        await asyncio.to_thread(world.listen)
        await asyncio.gather(*(exhaust(each) for each in (*world.team, world.harness.jobs)))
        due = next_due(world)
        soon = world.time + STEP
        world.harness.clock.now = world.skew + min(until, max(soon, due - world.skew) if due else until)


async def exhaust(runner: Any, steps: int = 500) -> None:
    try:
        for _ in range(steps):
            if not await runner.work():
                return
    except DATABASE_ERRORS:
        return  # as the scheduler does


def next_due(world: World) -> datetime | None:
    with Database.read(world.db) as tx:
        under_way = MentionRow.due_at, MentionRow.state != State.WAITING
        regulars = (
            PersonQueueRow.turn_at,
            PersonQueueRow.newcomer.is_(False) & (PersonQueueRow.did != NEWCOMERS),
        )
        newcomers = PersonQueueRow.turn_at, PersonQueueRow.newcomer.is_(True)
        held = PersonQueueRow.turn_at, (PersonQueueRow.did == NEWCOMERS) & PersonQueueRow.held.is_(True)
        jobs_due = JobRow.due_at, JobRow.due_at.is_not(None)
        found = [
            tx.execute(select(func.min(at)).where(which)).scalar()
            for at, which in (under_way, regulars, jobs_due, newcomers, held)
        ]
    newcomer, lane = found[3:]
    stranger = max(newcomer, lane) if newcomer and lane else newcomer
    return min((at for at in (*found[:3], stranger) if at), default=None)


async def play(world: World, script: Script) -> None:
    """Everything that the script holds, in the order of its time; then a quiet end."""
    acts = [(slot.begin, start_fault, slot) for slot in script.slots]
    acts += [(slot.end, end_fault, slot) for slot in script.slots]
    acts += [(said.at, say, said) for said in script.said]
    for at, act, what in sorted(acts, key=lambda act: act[0]):
        await live(world, world.begin + at)
        await asyncio.to_thread(act, world, what)
    await live(world, world.begin + fortnight.SPAN + QUIET)


# What came of it.


def count(world: World, script: Script) -> dict[str, Any]:
    """Compare all that the bot has and has posted with the script."""
    with Database.read(world.db) as tx:
        rows = tx.execute(select(MentionRow.uri, MentionRow.state, MentionRow.why)).all()
        memory = world.harness.services.memory
        noted = sum(any(n.text == NOTE for n in memory.notes(tx, person.did)) for person in world.people)
    states, whys = {uri: State(state) for uri, state, _ in rows}, {uri: why for uri, _, why in rows}
    posts = world.bot.posts()
    answers = Counter(post.record["reply"]["parent"]["uri"] for post in posts)
    ended = {uri: states[uri] for uri in world.said if uri in states}
    plain = [uri for uri, kind in world.said.items() if kind is Kind.PLAIN]
    refused = set(world.said) - set(plain)
    failed = [uri for uri, state in ended.items() if state is State.FAILED]
    wrong = [uri for uri in plain if ended.get(uri) in {State.DECLINED, State.EXPIRED, State.SILENT}]
    lost = [uri for uri in world.said if uri not in ended or ended[uri] in OPEN]
    for uri in (*failed, *wrong, *lost):
        print(world.said[uri], states.get(uri), whys.get(uri), file=sys.stderr)
    return {
        "mentions": len(script.said),
        "outcomes": dict(Counter(ended.values())),
        "posts": len(posts),
        "erased_wrongly": len(world.people) - noted,
        "posted_wrongly": sum(not may_stand(post, refused) for post in posts),
        "lost": len(lost),
        "double": sum(number - 1 for number in answers.values()),
        "failed_by_others": len(failed),
        "ended_wrongly": len(wrong),
    }


def may_stand(post: Any, refused: set[str]) -> bool:
    parent = post.record["reply"]["parent"]["uri"]
    return post.text in ALLOWED_TEXTS and parent not in refused


def memory_mb(name: str) -> float:
    """VmRSS or VmHWM (its peak) of this process."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def read_tables() -> None:
    """Read what is read once: patterns of all languages (60 MB), and the table that tells them (90 MB)."""
    for said in ("stop", "やめて", "그만", "หยุด", "стоп"):
        understand(said)
    detect("stop")


def forget_peak() -> None:
    """Let VmHWM begin at what is used now (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


async def measure(mentions: int, seed: int) -> dict[str, Any]:
    script, began, bugs = fortnight.write(mentions, seed), time.monotonic(), list[dict[str, Any]]()
    structlog.configure(processors=[watch_for(bugs)])
    async with AsyncExitStack() as stack:
        stack.enter_context(stamina.set_testing(True, attempts=TRIES))
        world = await make_world(stack, script.people)
        for person in world.people:
            await asyncio.to_thread(meet, world, person)
        read_tables()
        forget_peak()
        start = memory_mb("VmRSS")
        await play(world, script)
        peak = memory_mb("VmHWM")
        found = await asyncio.to_thread(count, world, script)
    held = max(worker.longest for worker in world.team)
    return {
        "benchmark": "outside",
        "seed": seed,
        "people": script.people,
        "faults": len(script.slots),
        **found,
        "bugs": len(bugs),
        "peak_mb_above_start": round(peak - start, 1),
        "longest_worker_hold_s": round(held, 1),
        "worker_deadline_s": DEADLINE,
        "seconds": round(time.monotonic() - began),
    }


def watch_for(bugs: list[dict[str, Any]]) -> Any:
    """A processor of structlog that keeps bugs, and shows them and nothing else."""

    def process(_: object, __: str, event: dict[str, Any]) -> dict[str, Any]:
        if str(event.get("event")).endswith(".bug"):
            bugs.append(event)
            print(event, file=sys.stderr)
        raise structlog.DropEvent

    return process


def is_good(found: dict[str, Any]) -> bool:
    return (
        not any(found[name] for name in MUST_BE_ZERO)
        and found["peak_mb_above_start"] <= MB_ALLOWED
        and found["longest_worker_hold_s"] <= DEADLINE
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--mentions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = asyncio.run(measure(options.mentions, options.seed))
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:22} {value}" for name, value in found.items()))
    sys.exit(not is_good(found))


if __name__ == "__main__":
    main()
