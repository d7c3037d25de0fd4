"""One mention through its steps, and the jobs beside it."""
