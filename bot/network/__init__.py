"""The AT Protocol adapter: the account, its session, identities, and bounded reads from other hosts."""
