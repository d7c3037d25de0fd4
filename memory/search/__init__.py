"""Search within one person's passages: stems, vectors, the index and the ranking."""
