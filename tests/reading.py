"""Read a file in the process of the test, as the parser's child process reads it."""

from pipeline.backends.documents.extraction import extract
from pipeline.types import ParsedDocument, Source


def read(name: str, content: bytes | str, media_type: str = "") -> ParsedDocument:
    """Return the parsed document of a file."""
    data = content.encode() if isinstance(content, str) else content
    return extract(Source(name, data, media_type), max_unpacked_mb=50)


def text_of(name: str, content: bytes | str, media_type: str = "") -> str:
    """Return the whole text of a file, one blank line between blocks."""
    return "\n\n".join(block.text for block in read(name, content, media_type).blocks)
