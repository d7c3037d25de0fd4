"""What the bot does: it hears mentions, thinks, and answers each exactly once."""
