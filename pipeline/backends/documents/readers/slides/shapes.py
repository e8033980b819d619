"""Read the shapes of a slide: texts, tables, charts, diagrams, embedded files and pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipeline.backends.documents.readers.charts import read_chart, read_diagram
from pipeline.backends.documents.readers.embedded import EmbeddedFiles
from pipeline.backends.documents.readers.ooxml import (
    Package,
    Relationship,
    XmlElement,
    attribute,
    child,
    children,
    descendants,
    local_name,
    name_of,
    qualified_attribute,
)
from pipeline.backends.documents.readers.sheets.grid import Merge, Row, build_table
from pipeline.backends.documents.readers.slides.order import Box, sort_boxes
from pipeline.backends.documents.readers.slides.text import read_line, read_paragraphs
from pipeline.parse import Element

MAX_DEPTH = 20
"""Groups inside each other."""
MAX_SPAN = 1_000

_TITLES = ("title", "ctrTitle")
_MARGINS = ("ftr", "sldNum", "dt", "hdr")
_FILE_NAME = re.compile(r"\S*\.\w{3,4}|(?:Picture|Image|Grafik|Bild|图片) ?\d*", re.IGNORECASE)
_GENERATED = re.compile(
    r"\n\s*(?:Description automatically generated|Automatisch generierte Beschreibung).*", re.DOTALL
)


@dataclass(slots=True)
class Slide:
    """A slide, or the notes, layout or master that belongs to it."""

    package: Package
    part: str
    files: EmbeddedFiles
    page: int | None = None
    bases: list[Slide] = field(default_factory=list)
    """Its layout and its master, from which placeholders inherit."""
    footers: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    """Parts of its pictures."""
    relationships: dict[str, Relationship] = field(default_factory=dict)
    root: XmlElement | None = None
    placeholders: list[tuple[str, str, XmlElement]] = field(default_factory=list)
    """Type, index and shape of its placeholders."""

    def __post_init__(self) -> None:
        """Read the part."""
        self.root = self.package.parse(self.part)
        self.relationships = self.package.relationships(self.part)
        for shape in children(child(self.root, "p:cSld", "p:spTree"), "p:sp"):
            if (found := _find_placeholder(shape)) is not None:
                self.placeholders.append((attribute(found, "type"), attribute(found, "idx"), shape))

    def find(self, kind: str) -> str:
        """Return the name of a related part; empty if there is none."""
        return next((each.target for each in self.relationships.values() if each.kind == kind), "")


def read_shapes(slide: Slide, *, placeholders: bool = True) -> list[Element]:
    """Return the elements of a slide in reading order, its title first."""
    tree = child(slide.root, "p:cSld", "p:spTree")
    titles: list[Element] = []
    boxes = list(_read_tree(slide, tree, titles, placeholders=placeholders, depth=0))
    return [*titles, *(element for box in sort_boxes(boxes) for element in box.elements)]


def _read_tree(
    slide: Slide, tree: XmlElement | None, titles: list[Element], *, placeholders: bool, depth: int
) -> Iterator[Box]:
    for shape in _list_shapes(tree):
        name = name_of(shape)
        placeholder = _find_placeholder(shape)
        kind = attribute(placeholder, "type") or "obj" if placeholder is not None else ""
        if kind in _MARGINS or (kind and not placeholders):
            text = " ".join(element.text for element in _read_text(slide, shape, None)) if kind == "ftr" else ""
            slide.footers += [text] if text and placeholders else []
        elif kind in _TITLES:
            text = " ".join(element.text for element in _read_text(slide, shape, placeholder)).replace("\n", " ")
            titles += [Element("heading", text, level=1, page=slide.page)] if text else []
        elif name == "p:grpSp" and depth < MAX_DEPTH:
            inner = _read_tree(slide, shape, titles, placeholders=placeholders, depth=depth + 1)
            elements = [element for box in sort_boxes(list(inner)) for element in box.elements]
            yield from _place(slide, shape, None, elements)
        else:
            yield from _place(slide, shape, placeholder, list(_read_shape(slide, shape, placeholder)))


def _find_placeholder(shape: XmlElement) -> XmlElement | None:
    return child(shape[0], "p:nvPr", "p:ph") if len(shape) else None


def _list_shapes(tree: XmlElement | None) -> Iterator[XmlElement]:
    for shape in tree if tree is not None else ():
        if name_of(shape) == "mc:AlternateContent":
            choice, fallback = child(shape, "mc:Choice"), child(shape, "mc:Fallback")
            known = choice is not None and next(choice.iter("{*}txBody", "{*}graphicData", "{*}pic"), None) is not None
            yield from _list_shapes(choice if known else fallback)
        else:
            yield shape


def _place(slide: Slide, shape: XmlElement, placeholder: XmlElement | None, elements: list[Element]) -> Iterator[Box]:
    """Yield the elements with the position of the shape, or of the placeholder that it inherits."""
    if not elements:
        return
    sources = [shape, *_find_bases(slide, placeholder)]
    for source in sources:
        frame = next((node for each in list(source)[:2] for node in (each, *each) if local_name(node) == "xfrm"), None)
        offset, size = child(frame, "a:off"), child(frame, "a:ext")
        try:
            left, top = (float(attribute(offset, name)) for name in ("x", "y"))
            width, height = (float(attribute(size, name)) for name in ("cx", "cy"))
        except ValueError:
            continue
        yield Box(left, top, left + width, top + height, elements)
        return
    yield Box(0, 0, 0, 0, elements)


def _find_bases(slide: Slide, placeholder: XmlElement | None) -> Iterator[XmlElement]:
    """Yield the placeholders of the layout and the master that a placeholder inherits from."""
    if placeholder is None:
        return
    kind, index = attribute(placeholder, "type"), attribute(placeholder, "idx")
    kinds = (kind,) if kind not in ("", "obj") else ("body", "", "obj")
    for base in slide.bases:
        for other_kind, other_index, shape in base.placeholders:
            same_kind = other_kind in kinds and (not index or base is slide.bases[-1])
            if (index and other_index == index) or same_kind:
                yield shape
                break


def _read_text(slide: Slide, shape: XmlElement, placeholder: XmlElement | None) -> Iterator[Element]:
    body = next((node for node in shape.iterchildren("{*}txBody")), None)
    sources = [shape, *_find_bases(slide, placeholder)]
    found = (child(source, "p:txBody", "a:lstStyle") for source in sources)
    styles = [style for style in found if style is not None]
    if placeholder is not None and attribute(placeholder, "type") in ("", "body", "obj") and slide.bases:
        master = child(slide.bases[-1].root, "p:txStyles", "p:bodyStyle")
        styles += [master] if master is not None else []
    yield from read_paragraphs(body, slide.relationships, slide.page, styles)


def _read_shape(slide: Slide, shape: XmlElement, placeholder: XmlElement | None) -> Iterator[Element]:
    name = name_of(shape)
    if name == "p:graphicFrame":
        yield from _read_frame(slide, shape)
    elif name == "p:pic":
        yield from _read_picture(slide, shape)
    elif name in ("p:sp", "p:cxnSp"):
        yield from _read_text(slide, shape, placeholder)
    elif name == "p:grpSp":  # nested too deeply
        texts = (line for body in shape.iter("{*}txBody") for line in read_paragraphs(body, {}, slide.page))
        yield from texts


def _read_frame(slide: Slide, frame: XmlElement) -> Iterator[Element]:
    for node in frame.iter():
        name = local_name(node)
        if name == "tbl":
            yield from _read_table(slide, node)
        elif name in ("chart", "relIds", "oleObj"):
            target = slide.relationships.get(qualified_attribute(node, "dm" if name == "relIds" else "id"))
            if target is not None and not target.external and not _is_fallback(node):
                yield from _read_related(slide, target.target, name)


def _is_fallback(node: XmlElement) -> bool:
    return any(name_of(ancestor) == "mc:Fallback" for ancestor in node.iterancestors())


def _read_related(slide: Slide, part: str, name: str) -> Iterator[Element]:
    if name == "oleObj":
        content = slide.package.read(part)
        found = slide.files.read(part, content) if content else []
        yield from (replace(element, page=slide.page) for element in found)
    elif (root := slide.package.parse(part)) is not None:
        yield from read_chart(root, slide.page) if name == "chart" else read_diagram(root, slide.page)


def _read_table(slide: Slide, table: XmlElement) -> Iterator[Element]:
    rows, merges = [], []
    for number, line in enumerate(children(table, "a:tr")):
        row = Row(number, {})
        for column, cell in enumerate(children(line, "a:tc")):
            paragraphs = descendants(cell, "a:p")
            text = "\n".join(filter(None, (read_line(each, slide.relationships) for each in paragraphs)))
            if text and "1" not in (attribute(cell, "hMerge"), attribute(cell, "vMerge")):
                row.cells[column] = text
            width, height = (_span(attribute(cell, f"{name}Span")) for name in ("grid", "row"))
            if width > 1 or height > 1:
                merges.append(Merge(number, column, number + height - 1, column + width - 1))
        rows.append(row)
    yield from (replace(element, page=slide.page) for element in build_table(rows, merges))


def _span(text: str) -> int:
    return min(int(text), MAX_SPAN) if text.isdigit() else 1


def _read_picture(slide: Slide, picture: XmlElement) -> Iterator[Element]:
    """Return the alternative text of a picture, and note the picture."""
    for blip in descendants(picture, "a:blip"):
        target = slide.relationships.get(attribute(blip, "r:embed"))
        if target is not None and not target.external:
            slide.pictures.append(target.target)
    properties = next(descendants(picture, "p:cNvPr"), None)
    text = _GENERATED.sub("", attribute(properties, "descr")).strip()
    if text and not _FILE_NAME.fullmatch(text):
        yield Element("paragraph", text, page=slide.page)
