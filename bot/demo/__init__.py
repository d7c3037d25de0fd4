"""The demo: people talk to the bot on a real network on loopback."""
