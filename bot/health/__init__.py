"""Whether the bot lives and is ready, told over HTTP and to systemd; and its metrics."""
