"""Random walks through all that can be done to one person's memory."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from memory.errors import MemoryFault
from memory.model import Forget, Passage, Remember, Revise
from memory.store import Memory
from support.memory_people import ROOMY, later, receipt

MEMORY = Memory(ROOMY)
ON_A_DATABASE = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WORDS = ("lives in Bonn", "lives in Oslo", "likes tea", "has a dog", "is 30", "is 31")
ACTIONS = ("say", "say", "say", "talk", "revise", "edit", "forget", "drop", "unsay", "rollback", "rename")
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 5), st.sampled_from(WORDS)), min_size=1, max_size=14
)


def walk(tx, did: str, steps) -> None:
    """Take the steps, an hour each; what memory refuses is left out."""
    MEMORY.people.meet(tx, did, later(0))
    for hours, (action, which, text) in enumerate(steps):
        try:
            take(tx, did, action, which, text, hours)
        except MemoryFault:
            continue


def take(tx, did: str, action: str, which: int, text: str, hours: int) -> None:
    said, at = receipt(did, f"p{hours}", later(hours)), later(hours)
    notes = MEMORY.recall(tx, did).notes
    target = notes[which % len(notes)] if notes else None
    if action == "say" or target is None:
        edits = [Remember(text)]
    elif action in {"revise", "forget"}:
        edits = [Revise(target.id, text) if action == "revise" else Forget(target.id)]
    else:
        edits = []
        other(tx, did, action, target, which, f"{text}!", at)
    MEMORY.apply(tx, did, edits, said, key=said.uri, actor="rules", at=at)


def other(tx, did: str, action: str, target, which: int, text: str, at) -> None:
    match action:
        case "talk":
            uri = receipt(did, f"t{at:%m%d%H}").uri
            said = Passage(did, "said", did, text, which, uri, at)
            MEMORY.retrieval.record(tx, said, replace(said, kind="answer", author="did:plc:bot", text="ok"))
        case "edit":
            MEMORY.edit(tx, target.id, text, actor="operator", at=at)
        case "drop":
            notes = MEMORY.notes(tx, did)
            MEMORY.forget_note(tx, notes[which % len(notes)].id, actor="operator", at=at)
        case "unsay":
            MEMORY.forget_post(tx, target.receipts[which % len(target.receipts)].uri, at)
        case "rollback":
            history = MEMORY.history(tx, did)
            MEMORY.rollback(tx, did, history[which % len(history)].id, actor="operator", at=at)
        case "rename":
            MEMORY.people.rename(tx, did, f"h{which}.test", at)
