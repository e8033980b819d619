"""Recognise the lines of text in an image with RapidOCR on OpenVINO; the models are part of RapidOCR's package."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

THREADS = 2
"""Threads of the engine, as for the other libraries of the parser."""
DETECTION_SIDE = 1280
"""Pixels of the longer side of the image in which lines are searched; they are recognised at the full resolution."""

_BORDER = 0.2  # of the height of a line
_SMALL_PRINT = 32  # pixels; boxes of lower lines include enough space, and more makes their letters too small
_LENGTH_STEP = 4  # lines are padded to a multiple of this many heights: each new shape costs memory and time
_CONTRAST = 40  # levels of 255 between ink and background
_MARGIN = 40  # pixels around the ink that are kept
_SIDE_STEP, _SIDE_STEPS = 160, 8  # minimum pixels of a step, and maximum number of steps
_PADDING = 127  # what the model pads with as well
_SHAPE_OF_TEXT = 1.5  # a line of text is at least this much longer than high
_ORIENTATION_SHAPE = 4  # length to height of the part of a line that the orientation model looks at
_ORIENTATION_LINES = 16
_SURE = 0.9  # mean score below which the page is read upside down as well

Pixels = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; coordinates in pixels after the page was turned upright."""

    text: str
    """Empty if no character was recognised."""
    score: float
    """Confidence of the model from 0 to 1."""
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Height of the line."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """Width of the line."""
        return self.right - self.left


def recognise_lines(image: Image) -> list[Line]:
    """Return the lines of text in an image, in any of the four orientations and at a slight angle."""
    pixels = _trim(np.asarray(image.convert("RGB"))[:, :, ::-1])
    boxes, crops = _detect(pixels)
    if _lies_on_its_side(boxes):
        pixels = np.ascontiguousarray(np.rot90(pixels))
        boxes, crops = _detect(pixels)
    if not crops:
        return []
    turned = _turn(boxes, crops, pixels)
    first, second = (turned, (boxes, crops)) if _is_upside_down(crops) else ((boxes, crops), turned)
    lines, score = _recognise(*first)
    if score < _SURE:
        other, other_score = _recognise(*second)
        lines = other if other_score > score else lines
    return lines


def _turn(boxes: Corners, crops: Sequence[Pixels], pixels: Pixels) -> tuple[Corners, list[Pixels]]:
    """Turn the lines of a page by 180°."""
    height, width = pixels.shape[:2]
    corners = (np.array([width, height], dtype=np.float32) - boxes)[:, [2, 3, 0, 1]]
    return corners, [np.ascontiguousarray(np.rot90(crop, 2)) for crop in crops]


def _recognise(boxes: Corners, crops: Sequence[Pixels]) -> tuple[list[Line], float]:
    """Return the lines and their mean score."""
    recognised = load_engine().recognize_txt([_pad(crop) for crop in crops])
    return _place(boxes, recognised.txts, recognised.scores), float(np.mean(recognised.scores))


@cache
def load_engine() -> Any:
    """Load the models, which takes about a second."""
    # Importing OpenVINO sends usage data to its maker and writes to the home folder, unless this package is missing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import rapidocr

    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            # Explicit paths: without them the package compares checksums with a list and may download a model.
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            "Det.limit_type": "max",  # the default enlarges pages: three times the time for the same text
            "Det.limit_side_len": DETECTION_SIDE,
            "Global.log_level": "critical",
            "Rec.rec_batch_num": 1,
            **{f"{stage}.engine_type": rapidocr.EngineType.OPENVINO for stage in ("Det", "Cls", "Rec")},
            "EngineConfig.openvino.inference_num_threads": THREADS,
        }
    )


def _trim(pixels: Pixels) -> Pixels:
    """Cut off the empty margins, without which detection finds more, for example the only line of a page.

    The sides become multiples of a step, because the engine prepares itself for each new shape.
    """
    levels = pixels.mean(axis=2)
    background = np.median(levels)
    marks = np.abs(levels - background) > _CONTRAST
    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    if len(rows) and len(columns):
        top, left = max(0, rows[0] - _MARGIN), max(0, columns[0] - _MARGIN)
        pixels = pixels[top : rows[-1] + _MARGIN, left : columns[-1] + _MARGIN]
    height, width = pixels.shape[:2]
    step = max(_SIDE_STEP, -(-max(height, width) // _SIDE_STEPS))
    missing = ((0, -height % step), (0, -width % step), (0, 0))
    return np.ascontiguousarray(np.pad(pixels, missing, constant_values=round(background)))


def _detect(pixels: Pixels) -> tuple[Corners, list[Pixels]]:
    """Return the corners of the lines, shape (lines, 4, 2), and a straightened picture of each."""
    from rapidocr.main import RapidOCRError

    try:
        crops, detected = load_engine().detect_and_crop(pixels, {})
    except RapidOCRError:  # no text
        return np.zeros((0, 4, 2), dtype=np.float32), []
    return np.asarray(detected.boxes, dtype=np.float32), crops


def _lies_on_its_side(boxes: Corners) -> bool:
    """Return whether most of the text runs upwards or downwards."""
    widths, heights = _measure(boxes)
    return bool(widths[widths > _SHAPE_OF_TEXT * heights].sum() < heights[heights > _SHAPE_OF_TEXT * widths].sum())


def _is_upside_down(crops: Sequence[Pixels]) -> bool:
    """Let the orientation model vote on the beginnings of the longest lines; single lines are often misjudged."""
    engine = load_engine()
    longest = sorted(crops, key=lambda crop: -crop.shape[1] / crop.shape[0])[:_ORIENTATION_LINES]
    result = engine._load_cls_model()([crop[:, : _ORIENTATION_SHAPE * crop.shape[0]] for crop in longest])  # noqa: SLF001
    votes = sum(score if label == "180" else -score for label, score in result.cls_res)
    return bool(votes > 0)


def _pad(crop: Pixels) -> Pixels:
    """Add space above and below, without which words of large print are joined, and after the line."""
    border = round(_BORDER * crop.shape[0]) if crop.shape[0] > _SMALL_PRINT else 0
    crop = np.pad(crop, ((border, border), (0, 0), (0, 0)), constant_values=round(float(np.median(crop))))
    height, width = crop.shape[:2]
    missing = -width % (_LENGTH_STEP * height)
    return np.pad(crop, ((0, 0), (0, missing), (0, 0)), constant_values=_PADDING)


def _measure(boxes: Corners) -> tuple[Any, Any]:
    return np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1), np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1)


def _place(boxes: Corners, texts: Sequence[str], scores: Sequence[float]) -> list[Line]:
    """Build lines with the angle of the page removed."""
    widths, heights = _measure(boxes)
    long = widths > 4 * heights
    sides = (boxes[:, 1] - boxes[:, 0])[long]
    angle = float(np.median(np.arctan2(sides[:, 1], sides[:, 0]))) if long.any() else 0.0
    centers = boxes.mean(axis=1)
    x = centers[:, 0] * math.cos(angle) + centers[:, 1] * math.sin(angle)
    y = centers[:, 1] * math.cos(angle) - centers[:, 0] * math.sin(angle)
    corners = zip(x - widths / 2, y - heights / 2, x + widths / 2, y + heights / 2, strict=True)
    return [
        Line(text.strip(), float(score), *map(float, corner))
        for text, score, corner in zip(texts, scores, corners, strict=True)
    ]
