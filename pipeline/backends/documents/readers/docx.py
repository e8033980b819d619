"""Read Word documents: DOCX, DOCM, DOTX, also in the strict variant of the format.

Text that Word does not show is left out and reported: hidden text (`w:vanish`). Text that was moved as a tracked change
is read at its new place only.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

from pipeline.backends.documents.readers.embedded import EmbeddedFiles, describe_pictures, list_unread_parts
from pipeline.backends.documents.readers.ooxml import (
    Package,
    XmlElement,
    attribute,
    child,
    descendants,
)
from pipeline.backends.documents.readers.word.drawings import measure_page
from pipeline.backends.documents.readers.word.numbering import Numbering
from pipeline.backends.documents.readers.word.stories import Document, Story, index_notes, read_note
from pipeline.backends.documents.readers.word.styles import Styles
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.errors import UnreadableFile
from pipeline.parse import Element


def read_docx(file: File, read_nested: NestedReader) -> Reading:
    """Read a Word document."""
    try:
        package = Package(file.content)
    except zipfile.BadZipFile as error:
        raise _build_error(file.name) from error
    main = package.find_main_part()
    root = package.parse(main)
    body = child(root, "w:body")
    if body is None:
        raise _build_error(file.name)
    kinds = {relationship.kind: relationship.target for relationship in package.relationships(main).values()}
    styles = Styles(package.parse(kinds.get("styles", "")))
    numbering = Numbering(package.parse(kinds.get("numbering", "")), styles)
    files = EmbeddedFiles(read_nested, file.depth)
    document = Document(package, styles, numbering, files)
    for kind in ("footnote", "endnote", "comment"):
        index_notes(document, kind, kinds.get(f"{kind}s", ""))
    elements = list(Story(document, main).read(body))
    elements += [each for kind, number in list(document.notes) for each in read_note(document, kind, number, "", 0)]
    headers = list(_read_margins(document, main, body, "header"))
    footers = list(_read_margins(document, main, body, "footer"))
    page = measure_page(next(descendants(body, "w:sectPr"), None))
    pictures, unread = files.read_pictures(
        package.read, page, file.recogniser, has_text=bool(elements or headers or footers)
    )
    elements = [*headers, *elements, *pictures, *footers]
    if not elements and files.pictures:
        raise describe_pictures(file)
    unread += [*files.list_unread(), *list_unread_parts(package.damaged, document.hidden_paragraphs)]
    return Reading(elements, title=package.read_title(), unread=unread)


def _build_error(name: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: its main part cannot be read. Open it in Word, save it again and add the new file."
    )


def _read_margins(document: Document, main: str, body: XmlElement, kind: str) -> Iterator[Element]:
    """Return the headers or footers of all sections, each text once."""
    relationships = document.package.relationships(main)
    parts = [
        relationships[identifier].target
        for section in descendants(body, "w:sectPr")
        for reference in descendants(section, f"w:{kind}Reference")
        if (identifier := attribute(reference, "r:id")) in relationships
    ]
    seen: set[str] = set()
    for part in dict.fromkeys(parts):
        root = document.package.parse(part)
        for element in Story(document, part, marginal=True).read(root) if root is not None else ():
            if element.text not in seen:
                seen.add(element.text)
                yield element
