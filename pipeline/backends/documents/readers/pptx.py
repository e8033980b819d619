"""Read PowerPoint presentations: PPTX, PPTM and their templates, also in the strict variant of the format.

Speaker notes are read and marked as such. Hidden slides are not read, as hidden sheets are not: anyone could ask for
their content. They are reported.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pipeline.backends.documents.ocr_images import render_image
from pipeline.backends.documents.readers.embedded import EmbeddedFiles, list_unread_parts
from pipeline.backends.documents.readers.ooxml import Package, attribute, children, descendants
from pipeline.backends.documents.readers.slides.shapes import Slide, read_shapes
from pipeline.backends.documents.readers.slides.text import read_line
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.backends.documents.recognition import (
    RecognisedImage,
    build_recognised_elements,
    find_unread_pages,
    format_ranges,
)
from pipeline.errors import EmptyDocument, UnreadableFile
from pipeline.parse import Element
from pipeline.types import Unread

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_TITLE_CHARS = 60
"""Length of the first text of a slide that is taken for its title."""


def read_pptx(file: File, read_nested: NestedReader) -> Reading:
    """Read a presentation slide by slide."""
    try:
        package = Package(file.content)
    except zipfile.BadZipFile as error:
        raise _build_error(file.name) from error
    main = package.find_main_part("ppt/presentation.xml")
    root = package.parse(main)
    if root is None:
        raise _build_error(file.name)
    files = EmbeddedFiles(read_nested, file.depth)
    relationships = package.relationships(main)
    wanted = (relationships.get(attribute(each, "r:id")) for each in descendants(root, "p:sldId"))
    slides = [Slide(package, target.target, files, page) for page, target in enumerate(filter(None, wanted), 1)]
    authors = _read_authors(package, [each.target for each in relationships.values() if "uthors" in each.kind])
    bases = _inherit(slides)
    shown = {n: slide for n, slide in enumerate(slides, 1) if attribute(slide.root, "show") not in ("0", "false")}
    by_page = {page: list(_read_slide(slide, authors)) for page, slide in shown.items()}
    unread = _read_pictures(file, shown, by_page, len(slides))
    elements = _name_slides(by_page)
    elements += [Element("paragraph", text) for text in _find_margins(list(shown.values()), bases)]
    if not elements:
        problem = f" {file.recogniser.problem}" if unread else ""
        raise EmptyDocument(f"{file.name} has {len(slides)} slide{'s' * (len(slides) != 1)} without text.{problem}")
    hidden = [page for page in range(1, len(slides) + 1) if page not in shown]
    unread += [Unread("hidden_slides", len(hidden), len(slides), format_ranges(hidden))] if hidden else []
    unread += [*files.list_unread(), *list_unread_parts(package.damaged, 0)]
    return Reading(elements, title=package.read_title(), pages=len(slides), unread=unread)


def _build_error(name: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: its slides cannot be read. Open it in PowerPoint, save it again and add the new file."
    )


def _read_slide(slide: Slide, authors: dict[str, str]) -> Iterator[Element]:
    """Yield the elements of a slide, then its speaker notes and comments."""
    yield from read_shapes(slide)
    if (notes := slide.find("notesSlide")) and (text := _read_notes(Slide(slide.package, notes, slide.files))):
        yield Element("paragraph", f"Speaker notes: {text}", page=slide.page)
    if comments := slide.find("comments"):
        yield from _read_comments(slide, comments, authors)


def _read_notes(notes: Slide) -> str:
    lines = []
    for shape in descendants(notes.root, "p:sp"):
        placeholder = next(descendants(shape, "p:ph"), None)
        if placeholder is not None and attribute(placeholder, "type") not in ("body", ""):
            continue
        lines += [read_line(each, notes.relationships) for each in descendants(shape, "a:p")]
    return "\n".join(filter(None, lines))


def _read_authors(package: Package, parts: Sequence[str]) -> dict[str, str]:
    authors = {}
    for part in parts:
        root = package.parse(part)
        for node in root.iter("{*}cmAuthor", "{*}author") if root is not None else ():
            authors[node.get("id", "")] = node.get("name", "")
    return authors


def _read_comments(slide: Slide, part: str, authors: dict[str, str]) -> Iterator[Element]:
    root = slide.package.parse(part)
    for node in root.iter("{*}cm", "{*}reply") if root is not None else ():
        body = next(node.iterchildren("{*}txBody"), None)
        lines = [read_line(line, {}) for line in children(body, "a:p")]
        text = "\n".join(filter(None, lines)) or (node.findtext("{*}text") or "").strip()
        author = authors.get(node.get("authorId", ""), "")
        if text:
            yield Element("paragraph", f"Comment{f' by {author}' if author else ''}: {text}", page=slide.page)


def _name_slides(by_page: dict[int, list[Element]]) -> list[Element]:
    """Join the slides; one without a title placeholder gets its first line or its number as heading."""
    result: list[Element] = []
    titled = False
    for page, elements in by_page.items():
        first = elements[0] if elements else None
        if first is not None and first.kind != "heading":
            if len(elements) > 1 and first.kind == "paragraph" and _is_title(first.text):
                elements[0] = replace(first, kind="heading", level=1)
            elif titled:  # it does not belong to the slide before
                elements.insert(0, Element("heading", f"Slide {page}", level=1, page=page))
        titled = titled or any(element.kind == "heading" for element in elements[:1])
        result += elements
    return result


def _is_title(text: str) -> bool:
    return len(text) <= MAX_TITLE_CHARS and "\n" not in text and text[-1] not in ".,:;!?。"


def _inherit(slides: Sequence[Slide]) -> list[Slide]:
    """Set the layouts and masters that the slides inherit from, and return them."""
    bases: dict[str, Slide] = {}

    def find(child: Slide, kind: str) -> Slide:
        name = child.find(kind)
        if name not in bases:
            bases[name] = Slide(child.package, name, child.files)
        return bases[name]

    for slide in slides:
        layout = find(slide, "slideLayout")
        slide.bases = [layout, find(layout, "slideMaster")]
    return list(bases.values())


def _find_margins(slides: Sequence[Slide], bases: Sequence[Slide]) -> list[str]:
    """Return the footers, and the texts that layouts and masters show on every slide, each once."""
    texts = [text for slide in slides for text in slide.footers]
    texts += [element.text for base in bases for element in read_shapes(base, placeholders=False)]
    return list(dict.fromkeys(texts))


def find_pictures(slides: Mapping[int, Slide], by_page: dict[int, list[Element]]) -> dict[int, list[str]]:
    """Return the parts of the pictures of the slides that have no other text than a title."""
    return {
        page: slide.pictures
        for page, slide in slides.items()
        if slide.pictures and all(element.kind == "heading" for element in by_page[page])
    }


def _read_pictures(
    file: File, slides: Mapping[int, Slide], by_page: dict[int, list[Element]], total: int
) -> list[Unread]:
    """Recognise the text of slides that consist of pictures, or report them."""
    pictures = find_pictures(slides, by_page)
    if not pictures:
        return []
    if file.recogniser.problem:
        return [Unread("pages_without_text", len(pictures), total, format_ranges(pictures))]
    flat = [(page, part) for page, parts in pictures.items() for part in dict.fromkeys(parts)]
    results = file.recogniser.recognise([partial(_render, slides[page], part) for page, part in flat])
    outcomes: dict[int, RecognisedImage] = {}
    for (page, _), result in zip(flat, results, strict=True):
        by_page[page] += build_recognised_elements(result, page)
        if result.outcome != "no_text":
            outcomes[page] = result
    return find_unread_pages(outcomes, total)


def _render(slide: Slide, part: str) -> Image:
    return render_image(slide.package.read(part), part)
