"""The only SQL of the queue. Every function takes the caller's transaction.

    accept ─▶ waiting ──claim──▶ thinking ──draft──▶ drafted ──claim──▶ posting ──finish──▶ answered
                 ▲                  │  │                ▲                  │  │
                 └─── postpone ─────┘  │                └─── postpone ─────┘  │
                                       └─finish─▶ silent, declined, expired, failed

A claim carries a lease and a fence that only grows; every later write of that worker proves the fence.
"""

from bot.inbox.outbox import answers_of, draft, draft_at_once, fix_record, parts, posted, write_parts
from bot.inbox.queue import (
    accept,
    admit,
    blank,
    claim,
    cursor,
    decline,
    finish,
    hold,
    is_due,
    move_cursor,
    postpone,
    postpone_waiting,
    renew,
    scrub,
    start,
    stop,
    thought,
    uris_of,
)
from bot.inbox.views import entry, facts, mentions, posts, retry, said, skip

__all__ = [
    "accept",
    "admit",
    "answers_of",
    "blank",
    "claim",
    "cursor",
    "decline",
    "draft",
    "draft_at_once",
    "entry",
    "facts",
    "finish",
    "fix_record",
    "hold",
    "is_due",
    "mentions",
    "move_cursor",
    "parts",
    "posted",
    "postpone",
    "postpone_waiting",
    "posts",
    "renew",
    "retry",
    "said",
    "scrub",
    "skip",
    "start",
    "stop",
    "thought",
    "uris_of",
    "write_parts",
]
