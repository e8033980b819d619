"""Read what a PDF page carries next to its drawn text: form fields, comments, links and struck-out text."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

Box = tuple[float, float, float, float]
"""Left, bottom, right and top in points of the page."""

MAX_ANNOTATIONS = 2_000
"""Maximum annotations of a page that are read."""

_HIDDEN = 0x02 | 0x20  # annotation flags: hidden, not shown on the screen
_PASSWORD = 1 << 13  # flag of a text field
_TARGETS = ("http://", "https://", "mailto:", "tel:")


@dataclass(frozen=True, slots=True)
class Field:
    """A form field with a value."""

    label: str
    """Its tooltip, or its name."""
    value: str
    box: Box
    ticked: bool | None = None
    """For check boxes and radio buttons."""


@dataclass(frozen=True, slots=True)
class Note:
    """A text that was put on the page: a text box or a comment."""

    text: str
    box: Box


@dataclass(slots=True)
class Annotations:
    """What the annotations of a page say."""

    fields: list[Field] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    links: list[tuple[Box, str]] = field(default_factory=list)
    """Boxes with their targets."""
    struck: list[Box] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """Names of attached files."""


def read_annotations(document: PdfDocument, page: PdfPage) -> Annotations:
    """Read the annotations of a page; the form fields only if the document's forms are initialised."""
    from pypdfium2 import raw

    found = Annotations()
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), MAX_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if annotation:
            try:
                _read_annotation(document, annotation, found)
            finally:
                raw.FPDFPage_CloseAnnot(annotation)
    return found


def _read_annotation(document: PdfDocument, annotation: Any, found: Annotations) -> None:
    from pypdfium2 import raw

    kind = raw.FPDFAnnot_GetSubtype(annotation)
    if kind == raw.FPDF_ANNOT_WIDGET and document.formenv and not raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
        found.fields += _read_field(document.formenv, annotation)
    elif kind == raw.FPDF_ANNOT_LINK:
        target = _read_target(document, annotation)
        if target.lower().startswith(_TARGETS):
            found.links += [(box, target) for box in _find_boxes(annotation)]
    elif kind == raw.FPDF_ANNOT_STRIKEOUT:
        found.struck += _find_boxes(annotation)
        found.notes += _read_note(annotation, comment=True)
    elif kind == raw.FPDF_ANNOT_FILEATTACHMENT:
        attachment = raw.FPDFAnnot_GetFileAttachment(annotation)
        name = _read_string(raw.FPDFAttachment_GetName, attachment) if attachment else ""
        found.files.append(name or "unnamed")
    elif kind == raw.FPDF_ANNOT_FREETEXT:
        found.notes += _read_note(annotation, comment=False)
    elif kind not in (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_POPUP):
        found.notes += _read_note(annotation, comment=True)


def _read_note(annotation: Any, *, comment: bool) -> Iterator[Note]:
    text = _read_entry(annotation, b"Contents").strip()
    if text:
        author = _read_entry(annotation, b"T").strip()
        lead = (f"Comment by {author}: " if author else "Comment: ") if comment else ""
        yield Note(lead + text.replace("\r\n", "\n").replace("\r", "\n"), _read_box(annotation))


def _read_field(forms: Any, annotation: Any) -> Iterator[Field]:
    from pypdfium2 import raw

    kind = raw.FPDFAnnot_GetFormFieldType(forms, annotation)
    label = _read_string(raw.FPDFAnnot_GetFormFieldAlternateName, forms, annotation)
    label = (label or _read_string(raw.FPDFAnnot_GetFormFieldName, forms, annotation)).strip()
    box = _read_box(annotation)
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        # PDFium knows the states of an appearance only; `AS` is the state that the file names.
        state = _read_entry(annotation, b"AS")
        ticked = bool(raw.FPDFAnnot_IsChecked(forms, annotation)) or state not in ("", "Off")
        if kind == raw.FPDF_FORMFIELD_RADIOBUTTON:
            choice = _read_string(raw.FPDFAnnot_GetFormFieldExportValue, forms, annotation).strip()
            label = f"{label} {choice}".strip()
        yield Field(label, "yes" if ticked else "no", box, ticked)
        return
    if kind in (raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX):
        value = ", ".join(_read_choices(forms, annotation))
    elif kind == raw.FPDF_FORMFIELD_TEXTFIELD and not raw.FPDFAnnot_GetFormFieldFlags(forms, annotation) & _PASSWORD:
        value = ""
    else:
        return
    value = (value or _read_string(raw.FPDFAnnot_GetFormFieldValue, forms, annotation)).strip()
    if value:
        yield Field(label, value, box)


def _read_choices(forms: Any, annotation: Any) -> Iterator[str]:
    from pypdfium2 import raw

    for index in range(min(raw.FPDFAnnot_GetOptionCount(forms, annotation), MAX_ANNOTATIONS)):
        if raw.FPDFAnnot_IsOptionSelected(forms, annotation, index):
            yield _read_string(raw.FPDFAnnot_GetOptionLabel, forms, annotation, index).strip()


def _read_target(document: PdfDocument, annotation: Any) -> str:
    from pypdfium2 import raw

    link = raw.FPDFAnnot_GetLink(annotation)
    action = raw.FPDFLink_GetAction(link) if link else None
    if not action or raw.FPDFAction_GetType(action) != raw.PDFACTION_URI:
        return ""
    size = raw.FPDFAction_GetURIPath(document, action, None, 0)
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFAction_GetURIPath(document, action, buffer, size)
    # Targets with spaces or brackets would end a Markdown link early.
    target = buffer.value.decode("utf-8", "replace").strip()
    return target.replace(" ", "%20").replace("(", "%28").replace(")", "%29")


def _find_boxes(annotation: Any) -> list[Box]:
    """Return the boxes of the lines that an annotation marks."""
    from pypdfium2 import raw

    boxes: list[Box] = []
    points = raw.FS_QUADPOINTSF()
    for index in range(min(raw.FPDFAnnot_CountAttachmentPoints(annotation), MAX_ANNOTATIONS)):
        if raw.FPDFAnnot_GetAttachmentPoints(annotation, index, points):
            xs = (points.x1, points.x2, points.x3, points.x4)
            ys = (points.y1, points.y2, points.y3, points.y4)
            boxes.append((min(xs), min(ys), max(xs), max(ys)))
    return [box for box in boxes if all(map(math.isfinite, box))] or [_read_box(annotation)]


def _read_box(annotation: Any) -> Box:
    from pypdfium2 import raw

    box = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(annotation, box)
    return min(box.left, box.right), min(box.bottom, box.top), max(box.left, box.right), max(box.bottom, box.top)


def _read_entry(annotation: Any, key: bytes) -> str:
    from pypdfium2 import raw

    return _read_string(raw.FPDFAnnot_GetStringValue, annotation, key)


def _read_string(function: Callable[..., int], *args: Any) -> str:
    """Call a function of PDFium that writes a UTF-16 string into a buffer and returns its size in bytes."""
    from pypdfium2 import raw

    size = function(*args, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(*args, ctypes.cast(buffer, ctypes.POINTER(raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\x00")
