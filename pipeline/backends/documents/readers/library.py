"""Read files with kreuzberg: the formats without a separate reader, and the helpers for its output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.backends.documents import sniffing
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.sniffing import EML, MSG
from pipeline.errors import EncryptedFile, UnreadableFile, UnsupportedFormat
from pipeline.parse import Element, build_table_elements

if TYPE_CHECKING:
    from kreuzberg import ExtractionResult


def read_with_library(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a file with kreuzberg."""
    result = run_kreuzberg(file.content, file.media_type)
    language, title = result.metadata.get("language"), result.metadata.get("title")
    return Reading(
        list(elements_of_nodes(result, file.media_type)),
        title=title if isinstance(title, str) else None,
        language=language if isinstance(language, str) else None,
    )


def run_kreuzberg(content: bytes, media_type: str) -> ExtractionResult:
    """Run kreuzberg without OCR, with headings, lists and tables as nodes."""
    import kreuzberg
    from kreuzberg.exceptions import KreuzbergError

    make_config: Any = kreuzberg.ExtractionConfig  # the stub lacks `disable_ocr`
    config = make_config(
        use_cache=False,
        disable_ocr=True,
        enable_quality_processing=False,
        output_format="markdown",
        include_document_structure=True,
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=2),
    )
    try:
        return kreuzberg.extract_bytes_sync(content, media_type, config)
    except (KreuzbergError, ValueError, RuntimeError, TypeError) as error:
        raise _translate_error(error, media_type) from error


def _translate_error(error: Exception, media_type: str) -> Exception:
    message = str(error).lower()
    if "password" in message or "encrypt" in message:
        return EncryptedFile()
    if type(error).__name__ == "ValidationError" and media_type in message:
        return UnsupportedFormat(f"Files of type {media_type} are not supported. Refdesk reads {sniffing.READABLE}.")
    reason = str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__
    return UnreadableFile(
        f"The file is damaged or has the wrong type ({reason}). Open it, save it again and add the new file."
    )


def elements_of_nodes(result: ExtractionResult, media_type: str) -> Iterator[Element]:
    """Build elements from the nodes of a structured result."""
    nodes: Sequence[Any] = result.document["nodes"] if result.document else ()
    for node in nodes:
        yield from _elements_of_node(node, str(node["content"].get("text") or "").strip(), media_type)


def _elements_of_node(node: Any, text: str, media_type: str) -> Iterator[Element]:
    content = node["content"]
    kind = content["node_type"]
    if node.get("content_layer") in ("header", "footer"):
        return
    if kind == "table":
        yield from build_table_elements(_read_grid(content["grid"]))
    elif kind == "code":
        yield Element("code", f"```{content.get('language') or ''}\n{text}\n```")
    elif kind == "metadata_block" and media_type in (EML, MSG):
        yield Element("paragraph", "\n".join(f"{key}: {value}" for key, value in content["entries"]))
    elif kind == "image":
        yield Element("paragraph", str(content.get("description") or ""))
    else:
        yield _build_prose(content, text)


def _build_prose(content: Any, text: str) -> Element:
    kind = content["node_type"]
    if kind == "list_item":
        return Element("item", text)
    if kind in ("heading", "title"):
        return Element("heading", text, level=content.get("level") or 1)
    return Element("paragraph", text)


def _read_grid(grid: Any) -> list[list[str]]:
    rows = [[""] * grid["cols"] for _ in range(grid["rows"])]
    for cell in grid["cells"]:
        rows[cell["row"]][cell["col"]] = str(cell["content"])
    return rows
