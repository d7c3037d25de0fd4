"""Prove that words are gone: look for them in every text column of the database and in the files.

SQLite's files are searched byte by byte, as is everything else in the data folder. On PostgreSQL the server's
own files are searched where they may be read; they can be compressed, so there only a find is certain.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from bot.storage import mentions
from bot.storage.tables import BlockRow, GateRow, MemoryWishRow, StopRow, ThreadStopRow
from memory.tables import Base

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Column

    from memory.db import Database, Tx
    from memory.model import Note
    from memory.store import Memory

MIN_CHARS = 4  # shorter texts stand in other words
CHUNK = 2**20  # bytes of a file that are read at once
CONSENT = frozenset(row.__tablename__ for row in (StopRow, MemoryWishRow, BlockRow, ThreadStopRow, GateRow))


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a word was found: a `table.column` and in how many rows, or a file and how often.

    `needed`: consent needs it, for example a `stop` that goes on.
    """

    place: str
    count: int
    needed: bool = False


def words_of_note(tx: Tx, memory: Memory, note: Note) -> frozenset[str]:
    """The texts of the note and of all that it replaced, and of the posts they come from."""
    chain = memory.chain(tx, note.id)
    posts = {receipt.uri for each in chain for receipt in each.receipts}
    return _long_enough([*(each.text for each in chain), *mentions.texts_of(tx, posts)])


def words_of_person(tx: Tx, memory: Memory, did: str) -> frozenset[str]:
    """The DID, the handles, the texts of the notes and of the mentions."""
    notes = (note.text for note in memory.notes(tx, did))
    said = mentions.texts_of(tx, mentions.uris_of(tx, did))
    return _long_enough([did, *(handle for _, handle in memory.people.handles(tx, did)), *notes, *said])


def find_in_rows(db: Database, words: Collection[str]) -> list[Trace]:
    """Every text column that has one of the words, in any form."""
    with db.read() as tx:
        return list(_find_in_rows(tx, words))


def find_in_files(folders: Collection[Path], words: Collection[str]) -> tuple[list[Trace], list[Path]]:
    """The files below these folders that have one of the words; and those that could not be read."""
    needles = {form.encode() for word in words for form in _forms(word)}
    found, unread = [], []
    for path in sorted(path for folder in folders for path in _files(folder)):
        try:
            count = _count(path, needles)
        except FileNotFoundError:  # a log that SQLite has just removed
            continue
        except OSError:
            unread.append(path)
            continue
        if count:
            found.append(Trace(str(path), count))
    return found, unread


def server_folder(db: Database) -> Path | None:
    """Where PostgreSQL keeps its files, if they can be read from here."""
    if db.is_sqlite:
        return None
    with db.read() as tx:
        role = tx.exec_driver_sql("SELECT pg_has_role('pg_read_all_settings', 'usage')").scalar()
        folder = str(tx.exec_driver_sql("SHOW data_directory").scalar()) if role else ""
    return Path(folder) if folder and os.access(folder, os.R_OK | os.X_OK) else None


def _find_in_rows(tx: Tx, words: Collection[str]) -> Iterator[Trace]:
    forms = sorted({form for word in words for form in _forms(word)})
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, Text):
                continue
            if count := _count_rows(tx, column, forms):
                yield Trace(f"{table.name}.{column.name}", count, table.name in CONSENT)


def _count_rows(tx: Tx, column: Column[str], forms: Sequence[str]) -> int:
    """How many rows have one of the forms, in upper or lower case."""
    if tx.dialect.name == "postgresql":
        form: Any = func.unnest(literal(forms, ARRAY(Text))).column_valued("form")
        place = func.strpos(func.lower(column), func.lower(form))
    else:
        form = func.json_each(json.dumps(forms)).table_valued("value").c.value
        place = func.instr(func.lower(column), func.lower(form))
    found = select(form).where(place > 0).correlate(column.table).exists()
    return tx.scalar(select(func.count()).select_from(column.table).where(found)) or 0


def _forms(word: str) -> set[str]:
    """The word as it stands in a text, and in the JSON of a text."""
    return {word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1]}


def _long_enough(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(text for text in texts if len(text) >= MIN_CHARS)


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def _count(path: Path, needles: Collection[bytes]) -> int:
    overlap = max(map(len, needles), default=1) - 1
    found, tail = 0, b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            window = tail + chunk
            found += sum(window.count(needle) - tail.count(needle) for needle in needles)
            tail = window[-overlap:] if overlap else b""
    return found
