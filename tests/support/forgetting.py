"""The ways in which Ana, or a note about her, is forgotten."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.events import AccountChanged
from bot.privacy.erasure import propagate_erasure
from bot.privacy.retention import apply_retention
from memory.model import RetentionPolicy
from support.factory import ANA


def forget_me(harness):
    harness.say(ANA, "forget me")
    harness.work()


def forget_me_found_by_notification(harness):
    harness.say(ANA, "forget me", heard=False)
    harness.reconcile()
    harness.work()


def the_operator_forgets_the_person(harness):
    harness.erase(ANA)


def the_account_is_deleted(harness):
    harness.network.set_status(ANA, "deleted")
    harness.send(AccountChanged, ANA, False, "deleted", harness.clock())
    harness.clock.forward(hours=25)
    harness.run_jobs()


def its_time_is_over(harness):
    parts, now = harness.services, harness.clock.forward(days=400)
    policy = RetentionPolicy(idle=timedelta(days=30))
    apply_retention(parts.db, parts.memory, parts.ledger, parts.journal, policy, now)


def forget_note(harness, number=1, did=ANA):
    """What `memory forget n1` does."""
    now, parts = harness.clock(), harness.services
    with parts.db.write() as tx, propagate_erasure(tx, parts.memory, parts.journal, did, now):
        parts.memory.forget_note(tx, number, actor="operator", at=now)
