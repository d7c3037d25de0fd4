"""The only SQL of the bot, one module a subject. A function takes the caller's transaction first.

    accept ─▶ waiting ──claim──▶ thinking ──draft──▶ drafted ──claim──▶ posting ──finish──▶ answered
                 ▲                  │  │                ▲                  │  │
                 └─── postpone ─────┘  │                └─── postpone ─────┘  │
                                       └─finish─▶ silent, declined, expired, failed

A claim carries a lease and a fence that only grows; every later write of that worker proves the fence.
Only `mentions.claim` takes the database instead: it begins a transaction a try.
"""
