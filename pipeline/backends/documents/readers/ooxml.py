"""The parts of an Office file: parsed XML, relationships, and which parts are damaged."""

from __future__ import annotations

import io
import lzma
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from lxml import etree

XmlElement = etree._Element  # noqa: SLF001 - the public name of the class
"""An element of an XML tree."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_PREFIXES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://schemas.openxmlformats.org/officeDocument/2006/math": "m",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://schemas.openxmlformats.org/presentationml/2006/main": "p",
    "http://schemas.openxmlformats.org/drawingml/2006/chart": "c",
    "http://schemas.openxmlformats.org/drawingml/2006/diagram": "dgm",
    "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing": "wp",
    "http://schemas.openxmlformats.org/drawingml/2006/picture": "pic",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
    "http://schemas.microsoft.com/office/word/2010/wordml": "w14",
    "urn:schemas-microsoft-com:vml": "v",
    "urn:schemas-microsoft-com:office:office": "o",
    **{
        f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0": prefix
        for name, prefix in {
            "office": "office", "style": "style", "text": "text", "table": "table", "drawing": "draw", "form": "form",
            "svg-compatible": "svg", "presentation": "presentation", "xsl-fo-compatible": "fo", "meta": "meta",
        }.items()
    },
    "http://www.w3.org/1999/xlink": "xlink",
    "http://www.w3.org/1998/Math/MathML": "math",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://www.w3.org/XML/1998/namespace": "xml",
}  # fmt: skip
_NAMESPACES = {prefix: namespace for namespace, prefix in _PREFIXES.items()}


@dataclass(frozen=True, slots=True)
class Relationship:
    """A reference from one part to another part or to an external address."""

    kind: str
    """Last segment of its type, for example "header" or "hyperlink"."""
    target: str
    """Name of the part, or the address if external."""
    external: bool


@lru_cache(maxsize=4096)
def _qualify(tag: str) -> str:
    namespace, _, local = tag.rpartition("}")
    return f"{_PREFIXES.get(namespace[1:], '')}:{local}"


def name_of(element: XmlElement) -> str:
    """Return the name of an element with its usual prefix, for example "w:p"; empty for a comment."""
    tag = element.tag
    return _qualify(tag) if type(tag) is str else ""  # the tag of a comment is a function


@lru_cache(maxsize=4096)
def _expand(name: str) -> str:
    prefix, _, local = name.rpartition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}" if prefix else local


def attribute(element: XmlElement | None, name: str) -> str:
    """Return an attribute by its name with prefix; empty if the element or the attribute is missing."""
    return "" if element is None else str(element.get(_expand(name)) or "")


def child(element: XmlElement | None, *path: str) -> XmlElement | None:
    """Return the first descendant along a path of names with prefixes."""
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren(_expand(name)), None)
    return element


def properties_of(element: XmlElement, name: str) -> XmlElement | None:
    """Return the first child if it has a name and is not empty: the place of `w:pPr`, `w:rPr` and `w:tcPr`."""
    first = element[0] if len(element) else None
    return first if first is not None and len(first) and name_of(first) == name else None


def children(element: XmlElement | None, name: str) -> list[XmlElement]:
    """Return the children with a name."""
    return [] if element is None else element.findall(_expand(name))


def descendants(element: XmlElement | None, *names: str) -> Iterator[XmlElement]:
    """Return the descendants with one of the names, in order."""
    return iter(()) if element is None else element.iter(*map(_expand, names))


def is_on(element: XmlElement | None) -> bool:
    """Return whether a property such as `w:strike` is present and not switched off."""
    return element is not None and attribute(element, "w:val") not in ("0", "false", "off")


class Package:
    """The zip archive of an Office file. Damaged parts are left out and listed."""

    def __init__(self, content: bytes) -> None:
        """Open the archive; raise `zipfile.BadZipFile` if it has no directory."""
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self.names = set(self._archive.namelist())
        self._by_lower_case = {name.lower().lstrip("/"): name for name in sorted(self.names)}
        self.damaged: list[str] = []
        self._relationships: dict[str, dict[str, Relationship]] = {}

    def read(self, name: str) -> bytes:
        """Return the bytes of a part; empty if it is missing or damaged."""
        stored = self._by_lower_case.get(name.lower())  # some programs write another case in the relationships
        if stored is None:
            return b""
        try:
            return self._archive.read(stored)
        except _DAMAGE:
            self._add_damaged(name)
            return b""

    def parse(self, name: str) -> XmlElement | None:
        """Parse an XML part as far as it is well-formed; None if it is missing or nothing of it can be read."""
        content = self.read(name)
        if not content:
            return None
        if b"//purl.oclc.org/ooxml/" in content:
            content = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", content)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
        try:
            root = etree.fromstring(content, parser)
        except (etree.XMLSyntaxError, ValueError):
            root = None
        if root is None or len(parser.error_log.filter_from_fatals()):
            self._add_damaged(name)
        return root

    def size_of(self, name: str) -> int:
        """Return the unpacked size of a part in bytes; 0 if it is missing."""
        stored = self._by_lower_case.get(name.lower())
        return self._archive.getinfo(stored).file_size if stored else 0

    def stream(self, name: str, *local_names: str) -> Iterator[XmlElement]:
        """Yield the elements with these local names of a large part; an element is removed after its use.

        A part that is damaged or missing ends early and is listed.
        """
        stored = self._by_lower_case.get(name.lower())
        if stored is None:
            self._add_damaged(name)
            return
        tags = [f"{{*}}{local}" for local in local_names]
        try:
            with self._archive.open(stored) as part:
                events = etree.iterparse(
                    part, tag=tags, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True
                )
                for _, element in events:
                    yield element
                    element.clear(keep_tail=False)
                    while (parent := element.getparent()) is not None and element.getprevious() is not None:
                        del parent[0]
        except (*_DAMAGE, etree.XMLSyntaxError):
            self._add_damaged(name)

    def relationships(self, part: str) -> dict[str, Relationship]:
        """Return the relationships of a part by their identifiers."""
        if part not in self._relationships:
            self._relationships[part] = self._read_relationships(part)
        return self._relationships[part]

    def _read_relationships(self, part: str) -> dict[str, Relationship]:
        folder, name = posixpath.split(part)
        result = {}
        for entry in descendants_of_any_namespace(self.parse(f"{folder}/_rels/{name}.rels".lstrip("/"))):
            target = str(entry.get("Target") or "")
            external = entry.get("TargetMode") == "External"
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, unquote(target))).lstrip("/")
            kind = str(entry.get("Type") or "").rpartition("/")[2]
            result[str(entry.get("Id") or "")] = Relationship(kind, target, external)
        return result

    def find_main_part(self, default: str = "word/document.xml") -> str:
        """Return the name of the main document part; the default if the package does not name one."""
        for relationship in self.relationships("").values():
            if relationship.kind == "officeDocument" and relationship.target.lower() in self._by_lower_case:
                return relationship.target
        return default

    def read_title(self) -> str | None:
        """Return the title from the properties of the file."""
        core = next((each.target for each in self.relationships("").values() if each.kind == "core-properties"), "")
        title = next(descendants_of_any_namespace(self.parse(core or "docProps/core.xml"), "title"), None)
        return title.text if title is not None else None

    def _add_damaged(self, name: str) -> None:
        if name not in self.damaged:
            self.damaged.append(name)


def local_name(element: XmlElement | None) -> str:
    """Return the name of an element without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if element is not None and isinstance(element.tag, str) else ""


def qualified_attribute(element: XmlElement, local: str) -> str:
    """Return the attribute with a local name that has a namespace, for example `r:id`; empty if it is missing."""
    return next((str(value) for key, value in element.items() if str(key).endswith(f"}}{local}")), "")


def descendants_of_any_namespace(root: XmlElement | None, local: str = "Relationship") -> Iterator[XmlElement]:
    """Return the descendants with a local name in whatever namespace."""
    return iter(()) if root is None else root.iter(f"{{*}}{local}")
