"""Export and import of one person's memory as a JSON document."""
