"""The rules behind edits and prompts: slots, consolidation, zeitgeist, the budget of tokens. Pure."""
