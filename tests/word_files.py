"""Word files, built from the XML of their parts."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from types import MappingProxyType

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
        "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "v": "urn:schemas-microsoft-com:vml",
        "o": "urn:schemas-microsoft-com:office:office",
        "dc": "http://purl.org/dc/elements/1.1/",
    }.items()
)
TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEADING_1 = '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'


def run(text: str, properties: str = "") -> str:
    """Return a run."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(content: str, properties: str = "") -> str:
    """Return a paragraph of a text or of runs."""
    return f"<w:p><w:pPr>{properties}</w:pPr>{content if '<' in content else run(content)}</w:p>"


def numbered(text: str, number: int = 1, level: int = 0) -> str:
    """Return a paragraph of a list."""
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def level(index: int, text: str, kind: str = "decimal", more: str = "") -> str:
    """Return a level of a list definition."""
    return f'<w:lvl w:ilvl="{index}"><w:numFmt w:val="{kind}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'


def lists(*levels: str, nums: str = '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>') -> str:
    """Return the numbering part with one list definition."""
    return part("w:numbering", f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>{nums}')


def row(*cells: str, properties: str = "") -> str:
    """Return a table row; a cell is a text or the XML of its content."""
    filled = "".join(cell if cell.startswith("<w:tc>") else f"<w:tc>{_fill(cell)}</w:tc>" for cell in cells)
    return f"<w:tr><w:trPr>{properties}</w:trPr>{filled}</w:tr>"


def cell(content: str, properties: str) -> str:
    """Return a table cell with properties."""
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{_fill(content)}</w:tc>"


def _fill(content: str) -> str:
    return content if content.startswith("<") else paragraph(content)


def build_docx(body: str, parts: Mapping[str, str | bytes] = MappingProxyType({}), links: str = "") -> bytes:
    """Return a Word file.

    Args:
        body: The content of `w:body`.
        parts: Further parts by their names below `word/`. The identifier of a part's relationship is its file name
            without the extension, and its type is that name without digits.
        links: Further relationships of the document.
    """
    relationships = "".join(
        f'<Relationship Id="{stem}" Type="{TYPES}/{re.sub("[0-9]", "", stem)}" Target="{name}"/>'
        for name in parts
        if not name.startswith(("_rels/", "/"))
        for stem in [name.rpartition("/")[2].partition(".")[0]]
    )
    contents: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "word/document.xml": f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": f"<Relationships>{relationships}{links}</Relationships>",
    }
    for name, content in parts.items():
        contents[name[1:] if name.startswith("/") else f"word/{name}"] = content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def part(tag: str, content: str) -> str:
    """Return a part with its root element."""
    return f"<{tag} {NAMESPACES}>{content}</{tag}>"
