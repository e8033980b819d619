"""Read JSON and JSON Lines: arrays of records, chat exports, and nested settings with the path of each value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.backends.documents.readers.chat_json import find_chat
from pipeline.backends.documents.readers.plain import read_plain_text
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.errors import FileTooLarge
from pipeline.parse import Element, build_table_elements, title_from_name
from pipeline.text.cleaning import clean_line, clean_text

MAX_JSON_MB = 60
"""Megabytes of JSON that are read: parsed, they need thirty times as much memory, and more chunks than are allowed."""

_DECODER = json.JSONDecoder(strict=False, parse_float=str)
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_BLANK_LINES = re.compile(r"\n\s*\n")
_NAME_KEYS = ("title", "name", "subject", "summary", "key", "id", "number")
_ID_KEYS = ("key", "number", "id", "iid", "ticket", "sku")
_LONG_RECORD_CHARS = 900
"""Characters from which a record may not fit into one chunk; then each record gets a heading with its name."""
_SHORT_OBJECT_CHARS = 200
_SMALL_OBJECT_CHARS = 400
_MAX_CELL_CHARS = 200
_MIN_FILLED_SHARE = 0.5


def read_json(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a JSON file; one that is not valid is read as plain text."""
    _check_size(file)
    try:
        value = _parse(clean_text(file.text))
    except ValueError:
        return Reading(read_plain_text(clean_text(file.text)))
    return _read_value(value, file.name)


def read_json_lines(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a file with one JSON value per line; a line that is not valid stays as it is."""
    _check_size(file)
    values: list[Any] = []
    for line in clean_text(file.text).split("\n"):
        if line.strip():
            try:
                values.append(_parse(line))
            except ValueError:
                values.append(line.strip())
    return _read_value(values, file.name)


def _check_size(file: File) -> None:
    size = len(file.text) >> 20
    if size > MAX_JSON_MB:
        raise FileTooLarge(
            f"{file.name} contains {size} MB of JSON; at most {MAX_JSON_MB} MB are read. Split the file."
        )


def _parse(text: str) -> Any:
    # A number stays as it is written: 47.10 is a price, 47.1 is not.
    return _DECODER.decode(text)


def _read_value(value: Any, name: str) -> Reading:
    chat = find_chat(value)
    if chat is not None:
        title, messages = chat
        return Reading([Element("paragraph", message) for message in messages], title=title)
    return Reading(list(_build_elements(value, "")), title=title_from_name(name))


def _build_elements(value: Any, path: str) -> Iterator[Element]:
    """Build a table from flat records, a paragraph from each nested record, and lines from everything else."""
    if isinstance(value, dict):
        yield from _build_object(value, path)
    elif not isinstance(value, list):
        yield Element("paragraph", "\n".join(_format_lines(value, path)))
    elif _is_table(value):
        columns = list(dict.fromkeys(key for row in value for key in row))
        rows = [columns, *([_format_cell(row.get(column)) for column in columns] for row in value)]
        yield from build_table_elements(rows)
    else:
        yield from _build_records(value)


def _build_object(value: dict[str, Any], path: str) -> Iterator[Element]:
    lines = list(_format_lines(value, path))
    if sum(map(len, lines)) <= _SMALL_OBJECT_CHARS and not any(map(_is_list_of_objects, value.values())):
        yield Element("paragraph", "\n".join(lines))
        return
    lines = []
    for key, inner in value.items():
        name = f"{path}.{key}" if path else str(key)
        if _is_list_of_objects(inner):
            if lines:
                yield Element("paragraph", "\n".join(lines))
            lines = []
            yield Element("paragraph", f"{name}:")
            yield from _build_elements(inner, name)
        elif isinstance(inner, dict) and inner:
            if lines:
                yield Element("paragraph", "\n".join(lines))
            lines = []
            yield from _build_object(inner, name) if _contains_records(inner) else _build_lines(inner, name)
        else:
            lines += _format_lines(inner, name)
    if lines:
        yield Element("paragraph", "\n".join(lines))


def _build_lines(value: Any, path: str) -> Iterator[Element]:
    yield Element("paragraph", "\n".join(_format_lines(value, path)))


def _build_records(records: Sequence[Any]) -> Iterator[Element]:
    """Build a paragraph from each record, under a heading with its name if some may not fit into one chunk."""
    texts = ["\n".join(_format_lines(record, "")) for record in records]
    names = [_find_name(record) if isinstance(record, dict) else "" for record in records]
    named = all(names) and any(len(text) > _LONG_RECORD_CHARS for text in texts)
    for name, text in zip(names, texts, strict=True):
        if named:
            yield Element("heading", name, level=2)
        yield Element("paragraph", text)


def _find_name(record: dict[str, Any]) -> str:
    name = next((record[key] for key in _NAME_KEYS if _is_name(record.get(key))), "")
    number = next((record[key] for key in _ID_KEYS if _is_name(record.get(key))), "")
    return clean_line(f"{number} {name}" if number != name else str(name), 150)


def _is_name(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and 0 < len(value) < 150)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(inner, dict) for inner in value)


def _contains_records(value: dict[str, Any]) -> bool:
    return any(_is_list_of_objects(inner) or isinstance(inner, dict) for inner in value.values())


def _is_table(rows: Sequence[Any]) -> bool:
    """Return whether rows are flat objects with mostly the same fields and short values."""
    if not rows or not all(isinstance(row, dict) and not any(map(_is_nested, row.values())) for row in rows):
        return False
    columns = {key for row in rows for key in row}
    cells = [cell for row in rows for cell in row.values() if cell not in (None, "")]
    long = sum(1 for cell in cells if isinstance(cell, str) and len(cell) > _MAX_CELL_CHARS)
    return len(cells) >= _MIN_FILLED_SHARE * len(columns) * len(rows) and 10 * long <= len(cells)


def _is_nested(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(inner, (dict, list)) for inner in value)
    return isinstance(value, dict)


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(_format_scalar, value)) if isinstance(value, list) else _format_scalar(value)


def _format_lines(value: Any, path: str) -> Iterator[str]:
    """Yield one `path: value` line per value; a list of short values, or a short object in a list, is one line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _format_lines(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        if value and not any(isinstance(inner, (dict, list)) for inner in value):
            joined = ", ".join(map(_format_scalar, value))
            yield f"{path}: {joined}" if path else joined
            return
        for inner in value:
            yield from _format_item(inner, path)
    else:
        yield f"{path}: {_format_scalar(value)}" if path else _format_scalar(value)


def _format_item(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and path and not any(isinstance(inner, (dict, list)) for inner in value.values()):
        line = ", ".join(f"{key}: {_format_scalar(inner)}" for key, inner in value.items())
        if len(line) <= _SHORT_OBJECT_CHARS and "\n" not in line:
            yield f"{path}: {line}"
            return
    yield from _format_lines(value, path)


def _format_scalar(value: Any) -> str:
    if isinstance(value, str):
        return _BLANK_LINES.sub("\n", value.strip()) if "\n" in value else value.strip()
    return str(value) if type(value) is int else _ENCODER.encode(value)
