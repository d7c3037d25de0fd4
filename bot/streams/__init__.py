"""Where events come from: one file a source, each with a class that is a bot.ports.EventStream."""
