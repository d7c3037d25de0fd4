"""`python -m bot` is `scrubjay`."""

from bot.cli import main

main()
