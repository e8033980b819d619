"""Read Jupyter notebooks: Markdown cells, code with its language, and what the code printed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.backends.documents.readers.code import build_code
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import MARKDOWN
from pipeline.errors import InvalidInput, UnreadableFile
from pipeline.parse import Element
from pipeline.types import Source, Unread

MAX_OUTPUT_CHARS = 20_000
"""Characters of one text output that are read; longer ones are logs of training runs."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OBJECT_REPR = re.compile(r"<[\w.]+(?: [^<>]*)?>|(?:\[?<matplotlib[^\n]*|Text\(.*)", re.DOTALL)
_ATTACHED_IMAGE = re.compile(r"!\[[^\[\]\n]{0,300}\]\((?:attachment:|data:)[^)]*\)")
_DATA_URL = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]*")


def read_notebook(file: File, read_nested: NestedReader) -> Reading:
    """Read the cells of a notebook; images and HTML outputs are left out, and reported if nothing stands for them."""
    try:
        # Called for each object when it is complete, so that at most one image is in memory besides the text.
        notebook = json.loads(file.text, object_pairs_hook=_drop_binary)
    except ValueError as error:
        raise UnreadableFile(f"{file.name} is not a readable notebook: {error}.") from error
    cells = _get_list(notebook, "cells")
    if not cells:  # version 3
        cells = [cell for sheet in _get_list(notebook, "worksheets") for cell in _get_list(sheet, "cells")]
    language = _find_language(notebook)
    elements: list[Element] = []
    images = 0
    for cell in cells:
        found, skipped = _read_cell(cell, language, file.depth, read_nested)
        elements += found
        images += skipped
    return Reading(elements, unread=[Unread("images", images)] if images else [])


def _drop_binary(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return {key: "" if _is_binary(key) else value for key, value in pairs}


def _is_binary(key: str) -> bool:
    return key in ("png", "jpeg", "svg", "pdf") or key.startswith(("image/", "application/", "video/", "audio/"))


def _find_language(notebook: Any) -> str:
    metadata = _get_object(notebook, "metadata")
    info, kernel = _get_object(metadata, "language_info"), _get_object(metadata, "kernelspec")
    return str(info.get("name") or kernel.get("language") or "python")


def _get_object(value: Any, key: str) -> dict[str, Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _get_list(value: Any, key: str) -> list[Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []


def _read_cell(cell: Any, language: str, depth: int, read_nested: NestedReader) -> tuple[list[Element], int]:
    """Return the elements of a cell and the number of its images that were not read."""
    if not isinstance(cell, dict):
        return [], 0
    source = _join(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    if kind == "heading":
        return [Element("heading", source, level=1)], 0
    if kind == "markdown":
        return _read_markdown(source, depth, read_nested), len(_ATTACHED_IMAGE.findall(source))
    if kind != "code":
        return [Element("paragraph", source)], 0
    elements = [build_code(source, language)] if source.strip() else []
    outputs = [output for output in _get_list(cell, "outputs") if isinstance(output, dict)]
    read = [(output, _read_output(output)) for output in outputs]
    text = "\n".join(part for _, part in read if part)
    if text:
        elements += [Element("paragraph", "Output:"), build_code(text, "")]
    return elements, sum(1 for output, part in read if not part and _has_image(output))


def _read_markdown(source: str, depth: int, read_nested: NestedReader) -> list[Element]:
    text = _DATA_URL.sub("", _ATTACHED_IMAGE.sub("", source))
    if not text.strip():
        return []
    try:
        return read_nested(Source("cell.md", text.encode("utf-8", "replace"), MARKDOWN), depth).elements
    except InvalidInput:
        return [Element("paragraph", text)]


def _read_output(output: Mapping[str, Any]) -> str:
    if output.get("output_type") in ("error", "pyerr"):
        return f"{output.get('ename') or 'Error'}: {output.get('evalue') or ''}".strip()
    data = output.get("data")
    text = output.get("text") or (data.get("text/plain") if isinstance(data, dict) else "")
    lines = _ANSI.sub("", _join(text))
    # A progress bar overwrites its line; the last state remains.
    lines = "\n".join(line.rpartition("\r")[2] for line in lines.replace("\r\n", "\n").split("\n")).strip("\n")
    if _has_image(output) and _OBJECT_REPR.fullmatch(lines.strip()):
        return ""
    return lines if len(lines) <= MAX_OUTPUT_CHARS else lines[:MAX_OUTPUT_CHARS].rpartition("\n")[0] + "\n…"


def _has_image(output: Mapping[str, Any]) -> bool:
    data = output.get("data")
    return any(key.startswith("image/") for key in data) if isinstance(data, dict) else "png" in output


def _join(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")
