"""The values and rules of the bot. Pure: no I/O, no SQL, no network library."""
