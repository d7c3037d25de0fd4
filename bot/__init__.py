"""What the bot does: it reads mentions from a stream, thinks, and answers each at most once."""
