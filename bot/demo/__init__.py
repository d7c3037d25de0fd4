"""The demo: a real network on loopback, and the conversation that is played on it."""
