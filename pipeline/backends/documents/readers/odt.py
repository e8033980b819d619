"""Read OpenDocument texts: ODT and their templates.

Hidden text is left out and reported.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from pipeline.backends.documents.readers.embedded import (
    A4_SQUARE_POINTS,
    EmbeddedFiles,
    describe_pictures,
    list_unread_parts,
)
from pipeline.backends.documents.readers.ooxml import (
    Package,
    XmlElement,
    attribute,
    child,
    children,
    descendants,
    name_of,
)
from pipeline.backends.documents.readers.opendocument.paragraphs import ParagraphReader
from pipeline.backends.documents.readers.opendocument.stories import Document, Story
from pipeline.backends.documents.readers.opendocument.styles import Styles
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.errors import UnreadableFile
from pipeline.parse import Element

_HEADERS = ("style:header", "style:header-first", "style:header-left")
_FOOTERS = ("style:footer", "style:footer-first", "style:footer-left")


def read_odt(file: File, read_nested: NestedReader) -> Reading:
    """Read an OpenDocument text."""
    try:
        package = Package(file.content)
    except zipfile.BadZipFile as error:
        raise _build_error(file.name) from error
    root, shared = package.parse("content.xml"), package.parse("styles.xml")
    body = child(root, "office:body", "office:text")
    if root is None or body is None:
        raise _build_error(file.name)
    styles = Styles([each for each in (shared, root) if each is not None])
    files = EmbeddedFiles(read_nested, file.depth)
    document = Document(package, styles, files, ParagraphReader(styles, *_find_changes(body)))
    elements = [*Story(document).read(body), *_read_forms(body)]
    headers = list(_read_margins(document, shared, _HEADERS))
    footers = list(_read_margins(document, shared, _FOOTERS))
    has_text = bool(elements or headers or footers)
    pictures, unread = files.read_pictures(package.read, A4_SQUARE_POINTS, file.recogniser, has_text=has_text)
    elements = [*headers, *elements, *pictures, *footers]
    if not elements and files.pictures:
        raise describe_pictures(file)
    unread += [*files.list_unread(), *list_unread_parts(package.damaged, document.hidden_paragraphs)]
    meta = package.parse("meta.xml")
    return Reading(
        elements, title=_find_text(meta, "dc:title"), language=_find_text(meta, "dc:language"), unread=unread
    )


def _find_text(root: XmlElement | None, name: str) -> str | None:
    return next((each.text for each in descendants(root, name)), None)


def _build_error(name: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: its text cannot be read. Open it in LibreOffice, save it again and add the new file."
    )


def _find_changes(body: XmlElement) -> tuple[dict[str, XmlElement], frozenset[str]]:
    """Return the tracked deletions and the identifiers of the tracked insertions."""
    deletions, insertions = {}, set()
    for region in descendants(body, "text:changed-region"):
        identifier = attribute(region, "text:id") or attribute(region, "xml:id")
        deletion = child(region, "text:deletion")
        if deletion is not None:
            deletions[identifier] = deletion
        elif child(region, "text:insertion") is not None:
            insertions.add(identifier)
    return deletions, frozenset(insertions)


def _read_margins(document: Document, shared: XmlElement | None, names: tuple[str, ...]) -> Iterator[Element]:
    """Return the headers or footers of all page styles, each text once."""
    seen: set[str] = set()
    for page in descendants(shared, "style:master-page"):
        for name in names:
            for margin in children(page, name):
                for element in Story(document, marginal=True).read(margin):
                    if attribute(margin, "style:display") != "false" and element.text not in seen:
                        seen.add(element.text)
                        yield element


def _read_forms(body: XmlElement) -> Iterator[Element]:
    """Return the form fields with their values."""
    for form in descendants(body, "form:form"):
        for control in form:
            name = attribute(control, "form:label") or attribute(control, "form:name")
            value = attribute(control, "form:current-value") or attribute(control, "form:value")
            if name_of(control) in ("form:checkbox", "form:radio"):
                state = attribute(control, "form:current-state") or attribute(control, "form:state")
                selected = attribute(control, "form:current-selected") == "true"
                value = "yes" if state == "checked" or selected else "no"
            if name and value:
                yield Element("paragraph", f"{name}: {value}")
