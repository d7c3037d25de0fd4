"""The only SQL of the bot, one module for each subject. A function's first argument is the transaction.

    accept ─▶ waiting ──claim──▶ thinking ──draft──▶ drafted ──claim──▶ posting ──finish──▶ answered
                 ▲                  │  │                ▲                  │  │
                 └─── postpone ─────┘  │                └─── postpone ─────┘  │
                                       └─finish─▶ silent, declined, expired, failed

A claim has a lease, and a fence that only grows. Each later write of that worker is refused if the fence has
changed. Only `mentions.claim` takes the database instead: it begins a transaction for each try.
"""
