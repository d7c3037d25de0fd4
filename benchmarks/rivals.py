"""Other ways to find turns of a dialogue, to compare with. Each returns row numbers, best first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.dialogues import Dialogue
    from memory.encoders import Encoder

WORD = re.compile(r"\w+")


def rivals(dialogue: Dialogue, encoder: Encoder) -> Mapping[str, Callable[[str], list[int]]]:
    """The last messages, BM25 alone (rank_bm25), and the same vectors alone, all over this person's only."""
    from rank_bm25 import BM25Okapi

    texts = [turn["text"] for turn in dialogue.turns]
    newest = list(range(len(texts)))[::-1]
    bm25 = BM25Okapi([_words(text) or [""] for text in texts])

    def by_words(query: str) -> list[int]:
        return list(np.argsort(-bm25.get_scores(_words(query)), kind="stable"))

    ranked = {"last_messages": lambda _query: newest, "bm25": by_words}
    if encoder.dims:
        vectors = _unit(encoder.passages(texts))

        def by_vectors(query: str) -> list[int]:
            return list(np.argsort(-(vectors @ _unit(encoder.query([query])[None])[0]), kind="stable"))

        ranked["dense"] = by_vectors
    return ranked


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
