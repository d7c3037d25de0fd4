"""The only SQL of the queue. Every function takes the caller's transaction.

    accept ─▶ waiting ──claim──▶ thinking ──draft──▶ drafted ──claim──▶ posting ──finish──▶ answered
                 ▲                  │  │                ▲                  │  │
                 └─── postpone ─────┘  │                └─── postpone ─────┘  │
                                       └─finish─▶ silent, declined, expired, failed

A claim carries a lease and a fence that only grows; every later write of that worker proves the fence.
"""

from bot.storage import gaps, jobs
from bot.storage.consent import (
    block,
    blocks_of,
    gate_of,
    overruled,
    record_deleted,
    set_gate,
    start,
    stop,
    stop_thread,
    withdraw,
)
from bot.storage.cursors import cursor, cursors, move_cursor
from bot.storage.edits import is_late, known, reread, unsay, worded
from bot.storage.facts import facts
from bot.storage.mentions import (
    accept,
    admit,
    blank,
    claim,
    hold,
    is_due,
    owned,
    postpone,
    postpone_waiting,
    renew,
    thought,
    uris_of,
)
from bot.storage.outbox import (
    answers_of,
    draft,
    draft_at_once,
    fix_record,
    is_settled,
    ours_in,
    posted,
    withdrawn,
    write_parts,
)
from bot.storage.outcomes import decline, finish, scrub
from bot.storage.rows import parts
from bot.storage.views import entry, mentions, posts, retry, said, skip

__all__ = [
    "accept",
    "admit",
    "answers_of",
    "blank",
    "block",
    "blocks_of",
    "claim",
    "cursor",
    "cursors",
    "decline",
    "draft",
    "draft_at_once",
    "entry",
    "facts",
    "finish",
    "fix_record",
    "gaps",
    "gate_of",
    "hold",
    "is_due",
    "is_late",
    "is_settled",
    "jobs",
    "known",
    "mentions",
    "move_cursor",
    "ours_in",
    "overruled",
    "owned",
    "parts",
    "posted",
    "postpone",
    "postpone_waiting",
    "posts",
    "record_deleted",
    "renew",
    "reread",
    "retry",
    "said",
    "scrub",
    "set_gate",
    "skip",
    "start",
    "stop",
    "stop_thread",
    "thought",
    "unsay",
    "uris_of",
    "withdraw",
    "withdrawn",
    "worded",
    "write_parts",
]
