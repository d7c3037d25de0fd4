"""Sources of events. Each stream is one module with a class that implements bot.ports.EventStream."""
