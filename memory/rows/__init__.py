"""The SQL of notes and passages. Every function takes the caller's transaction."""
