"""Interpret the control words of RTF."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pipeline.backends.documents.readers.inline import Change, Span
from pipeline.backends.documents.readers.rich_text.flows import CellDefinition, Flow, Paragraph
from pipeline.backends.documents.readers.rich_text.fonts import Font, Fonts
from pipeline.backends.documents.readers.rich_text.tokens import Token, read_tokens
from pipeline.backends.documents.readers.word.fields import PAGE_FIELD, link_target
from pipeline.parse import Element

MAX_GROUPS = 5_000
"""Groups inside each other that have properties of their own."""

_CHARACTERS = {
    "tab": "\t", "line": "\n", "~": "\u00a0", "_": "-", "-": "", "emdash": "—", "endash": "–", "bullet": "•",
    "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ",
    "{": "{", "}": "}", "\\": "\\", "page": " ", "column": " ", "nestcell": ", ", "nestrow": "; ",
}  # fmt: skip
_MARGINS = {f"{kind}{page}": kind for kind in ("header", "footer") for page in ("", "l", "r", "f")}
_FLOWS = frozenset({*_MARGINS, "footnote", "annotation", "shptxt"})
_MARKERS = frozenset({"listtext", "pntext"})
_CAPTURED = frozenset({"fldinst", "atnauthor", "objclass", "pict"})
"""Destinations whose text is not shown, but used."""
_SHOWN = frozenset({"shppict", "shpinst", "moMath", "moMathPara", "nesttableprops"})
"""Destinations marked as optional whose text is shown."""
_SKIPPED = frozenset({
    "colortbl", "filetbl", "listtable", "revtbl", "nonshppict", "shprslt", "objdata", "sp", "xe", "tc",
    "falt", "panose", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc", "aftncn", "mmathPict", "pntxta",
    "pntxtb", "nonesttables",
})  # fmt: skip
_HEADING = re.compile(r"\s*heading ([1-9])\b", re.IGNORECASE)
_CODE_PAGES = {"mac": 10000, "pc": 437, "pca": 850}
_DESTINATIONS = _CAPTURED | _FLOWS | _MARKERS | _SKIPPED | {"title", "info", "fonttbl", "stylesheet", "fldrslt"}
_FORMATS = frozenset({"strike", "striked", "v", "deleted", "revised", "super", "sub", "nosupersub", "plain", "uc"})
_FONT_WORDS = frozenset({"f", "fcharset", "cpg", "ansicpg", "deff", *_CODE_PAGES})
_PICTURE_KINDS = {"pngblip": "png", "jpegblip": "jpg", "emfblip": "emf", "wmetafile": "wmf"}

Kind = Literal["text", "skip", "capture", "marker", "info", "font", "style"]


@dataclass(slots=True)
class _Group:
    """The properties of a group, which its subgroups inherit."""

    kind: Kind = "text"
    destination: str = ""
    """The destination that starts with this group."""
    captured: list[str] = field(default_factory=list)
    struck: bool = False
    hidden: bool = False
    change: Change = ""
    script: Literal["", "super", "sub"] = ""
    font: int = 0
    fallback: int = 1
    """Characters to skip behind a Unicode character."""
    instruction: str = ""
    """Instruction of the field that the group belongs to."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in the file."""

    extension: str
    hexadecimal: str
    square_points: float


@dataclass(slots=True)
class RichText:
    """What an RTF file contains."""

    elements: list[Element] = field(default_factory=list)
    headers: list[Element] = field(default_factory=list)
    footers: list[Element] = field(default_factory=list)
    title: str = ""
    hidden_paragraphs: int = 0
    objects: list[str] = field(default_factory=list)
    """Programs of the embedded objects."""
    pictures: list[Picture] = field(default_factory=list)


class Interpreter:
    """Reads the tokens of a file."""

    def __init__(self) -> None:
        """Start with the defaults of the format."""
        self.result = RichText()
        self._fonts = Fonts()
        self._entry = Font()
        self._outlines: dict[int, int] = {}
        self._style = 0
        self._group = _Group()
        self._groups: list[_Group] = []
        self._flows: list[tuple[Flow, Paragraph]] = []
        self._flow, self._paragraph = Flow(), Paragraph()
        self._definitions: list[CellDefinition] = []
        self._row_is_header = self._cell_continues = self._optional = False
        self._skip = 0
        self._bytes = self._surrogate = self._author = ""
        self._notes, self._note_is_numbered = 0, False
        self._picture: dict[str, int] = {}
        self._structure: Mapping[str, Callable[[int], None]] = {
            "par": lambda _: self._flow.end_paragraph(self._paragraph),
            "sect": lambda _: self._flow.end_paragraph(self._paragraph),
            "cell": lambda _: self._flow.end_cell(),
            "row": lambda _: self._flow.end_row(self._definitions, is_header=self._row_is_header),
            "pard": self._reset_paragraph,
            "intbl": self._enter_table,
            "s": self._select_style,
            "outlinelevel": self._set_outline,
            "ilvl": self._set_list_level,
            "trowd": self._start_row,
            "trhdr": self._mark_header,
            "clvmrg": self._mark_merged,
            "cellx": self._define_cell,
            "chftn": self._number_note,
            "chpgn": self._note_page_number,
        }

    def read(self, content: bytes) -> RichText:
        """Return the content of a file."""
        for token in read_tokens(content):
            if self._group.kind == "skip" and token.kind not in ("open", "close"):
                continue
            if token.kind == "byte":
                self._read_byte(token.text)
                continue
            self._flush_bytes(token)
            if token.kind == "open":
                self._open()
            elif token.kind == "close":
                self._close()
            elif token.kind == "word":
                self._read_word(token.text, token.number)
            else:
                self._read_text(token.text)
        self._flush_bytes(Token("close"))
        while self._groups:  # the file was cut off
            self._close()
        self.result.elements = self._flow.finish(self._paragraph)
        self.result.hidden_paragraphs += self._flow.hidden_paragraphs
        return self.result

    def _open(self) -> None:
        self._skip = 0
        if len(self._groups) < MAX_GROUPS:
            self._groups.append(self._group)
            self._group = replace(self._group, destination="")

    def _close(self) -> None:
        self._skip = 0
        if self._groups:
            closed, self._group = self._group, self._groups.pop()
            if closed.destination:
                self._end_destination(closed.destination, "".join(closed.captured).strip())

    # ----------------------------------------------------------------------------------------------------- characters
    def _read_byte(self, byte: str) -> None:
        if self._skip:
            self._skip -= 1
        else:
            self._bytes += byte

    def _flush_bytes(self, token: Token) -> None:
        """Decode the bytes that were collected; the second half of a character may follow as plain text."""
        if not self._bytes:
            return
        data, self._bytes = self._bytes, ""
        if token.kind == "text" and self._fonts.is_incomplete(data, self._group.font):
            data += token.text[0]
            self._skip = 1
        self._add(self._fonts.decode(data, self._group.font))

    def _read_text(self, text: str) -> None:
        skipped = min(self._skip, len(text))
        self._skip -= skipped
        if self._group.kind == "font":
            self._entry.name += text.rstrip(";")
        elif self._group.kind != "skip":
            self._add(self._fonts.decode(text[skipped:], self._group.font))

    def _read_unicode(self, number: int) -> None:
        character = chr(number % 0x10000)
        if "\ud800" <= character < "\udc00":
            self._surrogate = character
        else:
            pair = (self._surrogate + character).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            self._add(self._fonts.translate(pair, self._group.font))
            self._surrogate = ""
        self._skip = self._group.fallback

    def _add(self, text: str) -> None:
        group = self._group
        if group.kind == "capture":
            group.captured.append(text)
        elif group.kind == "marker":
            self._flow.marker += text
        elif group.kind == "style" and (heading := _HEADING.match(text)):
            self._outlines[self._style] = int(heading[1])
        elif group.kind == "text" and group.hidden:
            self._flow.hidden |= bool(text.strip())
        elif group.kind == "text" and text:
            change: Change = "struck" if group.struck and group.change != "deleted" else group.change
            self._flow.spans.append(Span(text, change, group.script, link_target(group.instruction)))

    # -------------------------------------------------------------------------------------------------- control words
    def _read_word(self, word: str, number: int | None) -> None:
        optional, self._optional = self._optional, word == "*"
        if word in _CHARACTERS:
            if self._skip:
                self._skip -= 1
            else:
                self._add(_CHARACTERS[word])
            return
        self._skip = 0
        if word == "u":
            self._read_unicode(number or 0)
        elif (optional or word in _DESTINATIONS) and self._start_destination(word, optional=optional):
            return
        elif word in _FORMATS:
            self._read_format(word, number)
        elif word in _FONT_WORDS:
            self._read_table_of_fonts(word, number or 0)
        elif self._group.kind == "capture":
            self._picture[_PICTURE_KINDS.get(word, word)] = number or 0
        elif word in self._structure and self._group.kind in ("text", "style"):
            self._structure[word](number or 0)

    def _start_destination(self, word: str, *, optional: bool) -> bool:
        group = self._group
        if group.kind not in ("text", "info", "marker"):
            group.kind = "skip" if optional or word in _SKIPPED else group.kind
            return group.kind == "skip"
        if word in _CAPTURED or (word == "title" and group.kind == "info"):
            group.kind, group.destination, group.captured = "capture", word, []
            self._picture = {}
        elif word in ("info", "fonttbl", "stylesheet"):
            group.kind = {"info": "info", "fonttbl": "font", "stylesheet": "style"}[word]  # type: ignore[assignment]
        elif word in _FLOWS and group.kind == "text":
            self._start_flow(word)
        elif word in _MARKERS:
            group.kind, group.destination = "marker", word
            self._flow.marker = ""
        elif word in _SKIPPED or (optional and word not in _SHOWN) or (word == "fldrslt" and self._hides_field()):
            group.kind = "skip"
        else:
            return False
        return True

    def _hides_field(self) -> bool:
        """Return whether the field shows a page number in a header or footer."""
        hides = bool(self._flows) and bool(PAGE_FIELD.match(self._group.instruction))
        self._flow.has_page_number |= hides
        return hides

    def _start_flow(self, word: str) -> None:
        if word == "footnote" and not self._note_is_numbered:
            self._number_note(0)
        self._note_is_numbered = False
        self._flows.append((self._flow, self._paragraph))
        self._flow, self._paragraph = Flow(), Paragraph()
        self._group = _Group(destination=word, font=self._group.font, fallback=self._group.fallback)

    def _end_destination(self, word: str, text: str) -> None:
        if word in _FLOWS:
            self._end_flow(word)
        elif word in _MARKERS:
            marker = " ".join(self._flow.marker.split())
            self._flow.marker = marker if any(map(str.isalnum, marker)) else "-" * bool(marker)
        elif word == "fldinst":
            self._group.instruction = text
        elif word == "title":
            self.result.title = text
        elif word == "atnauthor":
            self._author = text
        elif word == "objclass":
            self.result.objects.append(text)
        elif word == "pict":
            area = self._picture.get("picwgoal", 0) * self._picture.get("pichgoal", 0) / 400
            kind = next((each for each in _PICTURE_KINDS.values() if each in self._picture), "bin")
            self.result.pictures.append(Picture(kind, text, area))

    def _end_flow(self, word: str) -> None:
        elements = self._flow.finish(self._paragraph)
        self.result.hidden_paragraphs += self._flow.hidden_paragraphs
        self._flow, self._paragraph = self._flows.pop()
        if word in _MARGINS:
            margin = self.result.headers if _MARGINS[word] == "header" else self.result.footers
            margin += [replace(each, kind="paragraph") if each.kind == "heading" else each for each in elements]
            return
        if word != "shptxt" and elements and elements[0].kind != "table":
            by = f"Comment by {self._author}:" if self._author else "Comment:"
            prefix = f"Note {self._notes}:" if word == "footnote" else by
            elements[0] = Element("paragraph", f"{prefix} {elements[0].text}")
        self._flow.anchored += elements

    def _read_format(self, word: str, number: int | None) -> None:
        group, on = self._group, number != 0
        if word in ("strike", "striked"):
            group.struck = on
        elif word == "v":
            group.hidden = on
        elif word in ("deleted", "revised"):
            group.change = ("deleted" if word == "deleted" else "inserted") if on else ""
        elif word in ("super", "sub", "nosupersub"):
            group.script = "" if word == "nosupersub" or not on else "super" if word == "super" else "sub"
        elif word == "plain":
            group.struck = group.hidden = False
            group.change, group.script, group.font = "", "", self._fonts.default
        elif word == "uc":
            group.fallback = min(max(0, number if number is not None else 1), 10)

    def _read_table_of_fonts(self, word: str, number: int) -> None:
        if word == "f":
            self._group.font = number
            if self._group.kind == "font":
                self._entry = self._fonts.fonts[number] = Font()
        elif word == "fcharset":
            self._entry.charset = number
        elif word == "cpg":
            self._entry.code_page = number
        elif word == "ansicpg":
            self._fonts.code_page = number
        elif word in _CODE_PAGES:
            self._fonts.code_page = _CODE_PAGES[word]
        elif word == "deff":
            self._fonts.default = self._group.font = number

    # ------------------------------------------------------------------------------------------ paragraphs and tables
    def _reset_paragraph(self, _: int) -> None:
        self._paragraph = Paragraph()

    def _enter_table(self, _: int) -> None:
        self._paragraph.in_table = True

    def _select_style(self, number: int) -> None:
        self._style = number
        self._paragraph.outline = self._outlines.get(number)

    def _set_outline(self, number: int) -> None:
        if self._group.kind == "style":
            self._outlines[self._style] = number + 1
        else:
            self._paragraph.outline = number + 1 if number < 9 else None

    def _set_list_level(self, number: int) -> None:
        self._paragraph.list_level = min(max(number, 0), 8)

    def _start_row(self, _: int) -> None:
        self._definitions, self._row_is_header = [], False

    def _mark_header(self, _: int) -> None:
        self._row_is_header = True

    def _mark_merged(self, _: int) -> None:
        self._cell_continues = True

    def _define_cell(self, number: int) -> None:
        self._definitions.append(CellDefinition(number, self._cell_continues))
        self._cell_continues = False

    def _number_note(self, _: int) -> None:
        if not self._flows:
            self._notes += 1
            self._note_is_numbered = True
            before = self._flow.spans[-1].text[-1:] if self._flow.spans else ""
            self._flow.spans += [Span(" ")] * before.isalnum() + [Span(str(self._notes), self._group.change, "super")]

    def _note_page_number(self, _: int) -> None:
        self._flow.has_page_number |= bool(self._flows)
