"""Read EPUB books: the chapters in reading order, each as an HTML page."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from lxml import etree

from pipeline.backends.documents.readers.html import read_markup
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.text_encoding import decode_text
from pipeline.errors import UnreadableFile
from pipeline.parse import Element
from pipeline.types import Unread

_CONTAINER = "META-INF/container.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})


class _Book:
    """The parts of a book."""

    def __init__(self, content: bytes, name: str) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._names = {each.lower(): each for each in self._archive.namelist()}
        container = self.read_xml(_CONTAINER)
        paths = container.xpath("//*[local-name()='rootfile']/@full-path") if container is not None else []
        path = str(paths[0]) if paths else next((each for each in self._names.values() if each.endswith(".opf")), "")
        package = self.read_xml(path)
        if package is None:
            raise UnreadableFile(f"{name} has no list of its chapters. Open it in an e-book program, save it again.")
        self._package = package
        self._folder = posixpath.dirname(path)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a part; None if it is missing or damaged."""
        name = self._names.get(posixpath.normpath(path).lower())
        try:
            return self._archive.read(name) if name else None
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
            return None

    def read_xml(self, path: str) -> Any:
        """Return the root of an XML part without expanding entities; None if it is missing or no XML."""
        content = self.read(path) if path else None
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
        return etree.fromstring(content, parser) if content else None

    def find_metadata(self, name: str) -> list[str]:
        """Return the values of a field of the metadata, for example "creator"."""
        values = self._package.xpath(f"//*[local-name()='metadata']//*[local-name()='{name}']")
        return [text for value in values if (text := " ".join("".join(value.itertext()).split()))]

    def find_chapters(self) -> Iterator[str]:
        """Yield the paths of the chapters in reading order, without the table of contents of the program."""
        items = {item.get("id"): item for item in self._package.xpath("//*[local-name()='manifest']/*")}
        references = self._package.xpath("//*[local-name()='spine']/*[local-name()='itemref']/@idref")
        for item in (items[each] for each in references if each in items):
            is_contents = "nav" in (item.get("properties") or "").split()
            if item.get("media-type") in _PAGES and not is_contents:
                yield posixpath.join(self._folder, unquote(item.get("href") or ""))


def read_epub(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a book; its authors come first."""
    book = _Book(file.content, file.name)
    authors = book.find_metadata("creator")
    elements = [Element("paragraph", f"By {', '.join(authors)}")] if authors else []
    missing = 0
    for path in book.find_chapters():
        content = book.read(path)
        if content is None:
            missing += 1
            continue
        elements += read_markup(decode_text(content, "application/xhtml+xml"), "", with_menus=True).elements
    languages = book.find_metadata("language")
    return Reading(
        elements,
        title=next(iter(book.find_metadata("title")), None),
        language=languages[0] if languages else None,
        unread=[Unread("damaged_parts", missing)] if missing else [],
    )
