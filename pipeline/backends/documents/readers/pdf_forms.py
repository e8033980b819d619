"""Put the values of form fields and the marks of annotations into the text of a PDF page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from pipeline.backends.documents.readers.pdf_annotations import Annotations, Field
from pipeline.backends.documents.readers.pdf_grids import Line
from pipeline.backends.documents.readers.pdf_spans import Span, orient_box

_MAX_DISTANCE = 150.0  # points between a label and its field on the right
_MAX_TICK_DISTANCE = 30.0  # between a box and its label
_LABEL_END = " :._…\t"
_SPACES = str.maketrans("", "", " \n\r\t")

_OrientedBox = tuple[float, float, float, float]


def place_fields(fields: Iterable[Field], spans: list[Span], orientation: int) -> None:
    """Append the value of each field to its label, "Name: value"; without a label, add its own name and the value."""
    used: set[int] = set()
    for field in sorted(fields, key=lambda field: (-field.box[3], field.box[0])):
        box = orient_box(orientation, field.box)
        if field.ticked is None and _is_drawn(field.value, box, spans):
            continue
        label = _find_label(field, box, [span for span in spans if id(span) not in used])
        if label is None:
            label = _build_span(field.label, box)
            spans.append(label)
        used.add(id(label))
        text = f"{label.text.rstrip(_LABEL_END)}: {' '.join(field.value.split())}"
        label.centers += [label.centers[-1]] * (len(text) - len(label.chars))
        label.chars = list(text)
        label.centers = label.centers[: len(text)]


def _is_drawn(value: str, box: _OrientedBox, spans: Sequence[Span]) -> bool:
    """Return whether the page shows the value as text as well."""
    drawn = "".join(
        char
        for span in spans
        if span.top < box[3] and span.bottom > box[1]
        for char, x in zip(span.chars, span.centers, strict=True)
        if box[0] <= x <= box[2]
    )
    return value.translate(_SPACES) in drawn.translate(_SPACES)


def _find_label(field: Field, box: _OrientedBox, spans: Sequence[Span]) -> Span | None:
    """Return the text next to a field: left of it or above it, and right of a box to tick."""
    level = [
        span for span in spans if min(span.bottom, box[3]) - max(span.top, box[1]) > 0.4 * (span.bottom - span.top)
    ]
    left = [span for span in level if 0 <= box[0] - span.x1 + 3 <= _MAX_DISTANCE]
    if field.ticked is not None:
        right = [span for span in level if 0 <= span.x0 - box[2] + 3 <= _MAX_TICK_DISTANCE]
        if right:
            return min(right, key=lambda span: span.x0)
        left = [span for span in left if box[0] - span.x1 <= _MAX_DISTANCE]
    if left:
        return max(left, key=lambda span: span.x1)
    if field.ticked is None:
        above = [s for s in spans if -2 <= box[1] - s.bottom <= s.size and abs(s.x0 - box[0]) < 20]
        return min(above, key=lambda span: box[1] - span.bottom, default=None)
    return None


def _build_span(text: str, box: _OrientedBox) -> Span:
    size = min(max(box[3] - box[1], 4.0), 10.0)
    middle = (box[1] + box[3]) / 2
    chars = list(text or "Field")
    return Span(
        chars, [box[0]] * len(chars), box[0], box[2], middle - 0.5 * size, middle + 0.5 * size,
        size, bold=False, baseline=middle + 0.3 * size,
    )  # fmt: skip


def mark_spans(
    annotations: Annotations, spans: Sequence[Span], orientation: int, strokes: Iterable[tuple[Line, Sequence[Span]]]
) -> None:
    """Mark words struck out by an annotation or a drawn line with `~~`, and write links as `[words](target)`."""
    boxes = [orient_box(orientation, box) for box in annotations.struck]
    for line, crossed in strokes:
        boxes.append((line.low, min(s.top for s in crossed), line.high, max(s.bottom for s in crossed)))
    for box in boxes:
        _mark(box, spans, lambda _: ("~~", "~~"))
    for box, target in annotations.links:
        _mark(orient_box(orientation, box), spans, partial(_link, target))


def _link(target: str, words: str) -> tuple[str, str]:
    plain = words.strip().removesuffix("/")
    if "](" in words or not plain or target.removesuffix("/").removeprefix("mailto:").endswith(plain):
        return "", ""
    return "[", f"]({target})"


def _mark(box: _OrientedBox, spans: Sequence[Span], marks: Callable[[str], tuple[str, str]]) -> None:
    for span in spans:
        middle = (span.top + span.bottom) / 2
        if not box[1] <= middle <= box[3] or span.x1 < box[0] or span.x0 > box[2]:
            continue
        inside = [i for i, x in enumerate(span.centers) if box[0] <= x <= box[2] and span.chars[i] != " "]
        if not inside:
            continue
        start, end = inside[0], inside[-1]
        while start and span.chars[start - 1] != " ":
            start -= 1
        while end + 1 < len(span.chars) and span.chars[end + 1] != " ":
            end += 1
        before, after = marks("".join(span.chars[start : end + 1]))
        span.chars[start] = before + span.chars[start]
        span.chars[end] += after
