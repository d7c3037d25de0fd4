"""What the bot knows of people: notes with receipts, in SQL. A library; it does not import the bot.

Its door: `Memory` in `store`; the values in `model` and `recollection`; the pure rules in `edits`,
`identifiers`, `keywords`, `documents` and `text`; `encoders`, `errors`, `db` and `tables`. All else is
reached through `Memory`; import-linter checks that.
"""
