"""The rules of memory: edits, slots, consolidation and the budget of tokens. Pure."""
