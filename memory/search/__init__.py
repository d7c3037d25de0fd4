"""Search in one person's passages: languages, stems, the index, the ranking."""
