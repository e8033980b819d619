"""The texts of Word documents, from the text nodes of the parts with the XML parser of the standard library.

It leaves out what Word does not show or what is written in another form than it is stored: hidden text, page numbers of
headers and footers, the old place of moved text, deleted text, equations, symbols.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from xml.etree import ElementTree as ET

from pipeline.backends.documents.reading import File
from pipeline.backends.documents.second_readings.parts import DAMAGE, parse_part

MAX_DEPTH = 200
"""Elements inside each other that are followed."""

_PART = re.compile(
    r"/?(?:word/)?((?:document|header|footer|footnotes|endnotes|comments)\d*\.xml)", re.IGNORECASE | re.ASCII
)
_SKIPPED = frozenset({"Fallback", "del", "moveFrom", "oMath", "oMathPara", "rPr", "pPr", "checkbox"})
_CHARACTERS = {
    "tab": "\t",
    "ptab": "\t",
    "br": " ",
    "cr": " ",
    "noBreakHyphen": "-",
    "footnoteReference": " ",
    "endnoteReference": " ",
}
_PAGE_FIELD = re.compile(r"\s*(?:PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)
_JOINED_SUPERSCRIPT = re.compile(r"\s*(?:[0-9+\-−=ni]{1,8}|[^\W\d_]{1,4}\.?|[®™*†‡§°º]+)\s*")


def read_docx_texts(file: File) -> Iterator[str]:
    """Return the texts of the body, headers, footers, notes and comments, paragraph by paragraph."""
    marginal: set[str] = set()
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        try:
            related = archive.read("word/_rels/document.xml.rels").decode("utf-8", "replace")
        except DAMAGE:
            related = ""
        for name in sorted(archive.namelist()):
            part = _PART.fullmatch(name)
            if not part or (f'{part[1]}"' not in related and part[1].lower() != "document.xml"):
                continue
            root = parse_part(archive, name)
            if root is None:
                continue
            is_marginal = part[1].lower().startswith(("header", "footer"))
            for text in _PartTexts(root, with_page_numbers=not is_marginal).texts:
                if not is_marginal or text not in marginal:
                    yield text
                marginal |= {text} if is_marginal else set()


@lru_cache(maxsize=1024)
def _name(tag: str) -> str:
    """Return the name of an element of WordprocessingML; with a colon for other namespaces."""
    namespace, _, local = tag.rpartition("}")
    return local if "wordprocessingml" in namespace or local not in ("p", "r", "t", "del") else f":{local}"


def _local(element: ET.Element) -> str:
    return _name(element.tag)


def _value(element: ET.Element | None, name: str = "val") -> str | None:
    """Return an attribute by its local name; None if there is no such element."""
    if element is None:
        return None
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


class _PartTexts:
    """Collects the texts of one part."""

    def __init__(self, root: ET.Element, *, with_page_numbers: bool) -> None:
        self.texts: list[str] = []
        self._with_page_numbers = with_page_numbers
        self._fields: list[list[str]] = []
        """Instruction and, once it began, result of each open field."""
        self._depth = 0
        self._walk(root, [])

    def _walk(self, element: ET.Element, parts: list[str]) -> None:
        self._depth += 1
        for child in element if self._depth <= MAX_DEPTH else ():
            name = _local(child)
            if name == "p":
                self._read_paragraph(child)
            elif name == "r":
                self._read_run(child, parts)
            elif name == "fldSimple" and self._hides(_value(child, "instr") or ""):
                parts.append("\0")
            elif name in ("rt", "rubyBase"):
                parts.append(" ")
                self._walk(child, parts)
                parts.append(" ")
            elif name not in _SKIPPED:
                self._walk(child, parts)
        self._depth -= 1

    def _read_paragraph(self, paragraph: ET.Element) -> None:
        self._fields = [each for each in self._fields if len(each) > 1]
        parts: list[str] = []
        self._walk(paragraph, parts)
        text = "".join(parts)
        if "\0" in text:  # a page number, with the words around it
            stretches = text.replace("\0", "").split("\t")
            text = " ".join(each for each in stretches if re.search(r"\d", each) or len(each.split()) > 3)
        if text.strip():
            self.texts.append(text.replace("\t", " "))

    def _read_run(self, run: ET.Element, parts: list[str]) -> None:
        found: dict[str, ET.Element] = {}
        if len(run) and _local(run[0]) == "rPr":
            found = {_local(child): child for child in run[0]}
        if "vanish" in found and _value(found["vanish"]) not in ("0", "false", "off"):
            return
        text: list[str] = []
        for child in run:
            name = _local(child)
            if name == "t":
                text.append(child.text or "" if self._is_shown() else "")
            elif name in _CHARACTERS:
                text.append(_CHARACTERS[name])
            elif name in ("fldChar", "instrText"):
                self._read_field_part(child, name, text)
            elif name not in _SKIPPED:
                self._walk(child, text)
        joined = "".join(text)
        parts.append(_separate(joined, found) if found else joined)

    def _read_field_part(self, element: ET.Element, name: str, text: list[str]) -> None:
        kind = _value(element, "fldCharType")
        if name == "instrText" and self._fields:
            self._fields[-1][0] += element.text or ""
        elif kind == "begin" and len(self._fields) < MAX_DEPTH:
            self._fields.append([""])
        elif kind == "separate" and self._fields:
            self._fields[-1].append("")
        elif kind == "end" and self._fields:
            instruction = self._fields.pop()[0]
            text.append("\0" if self._hides(instruction) else "")

    def _is_shown(self) -> bool:
        return not self._fields or not any(len(each) == 1 or self._hides(each[0]) for each in self._fields)

    def _hides(self, instruction: str) -> bool:
        return not self._with_page_numbers and bool(_PAGE_FIELD.match(instruction))


def _separate(text: str, properties: dict[str, ET.Element]) -> str:
    """Separate struck-out text and raised terms from the words next to them."""
    raised = _value(properties.get("vertAlign")) == "superscript" and not _JOINED_SUPERSCRIPT.fullmatch(text)
    return f" {text} " if raised or "strike" in properties or "dstrike" in properties else text
