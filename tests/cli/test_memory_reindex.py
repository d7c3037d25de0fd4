"""The command that makes vectors anew."""

from __future__ import annotations

from sqlalchemy import func, select

from memory.db import Database
from memory.rows.passages import PASSAGE


def models(home) -> dict[str, int]:
    db = Database(f"sqlite:///{home}/data/scrubjay.db")
    with db.read() as tx:
        rows = tx.execute(select(PASSAGE.emb_model, func.count()).group_by(PASSAGE.emb_model))
        found = {model: count for model, count in rows}  # noqa: C416 - rows are no pairs
    db.close()
    return found


def test_reindex_gives_every_passage_a_vector_of_the_encoder_that_is_set(filled):
    before = models(filled.home)
    done = filled("memory", "reindex")
    assert (done.code, done.out) == (0, "")
    count = sum(before.values())
    assert done.err == f"{count} passages have new vectors; all are by wordllama.\n"
    assert models(filled.home) == {"wordllama": count}
    assert filled("memory", "reindex").err.startswith("0 passages")
    filled("memory", "reindex", SCRUBJAY_ENCODER="none")
    assert models(filled.home) == {"none": count}
