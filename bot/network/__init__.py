"""The AT Protocol adapter: the account, identities, and bounded reads from other hosts."""
