"""The words of a file, read with the simplest means per format and without the code of the product.

Used to find words that the parser loses. A format that has no simple independent reading returns None.
"""

from __future__ import annotations

import csv
import email
import email.policy
import html
import io
import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser

UNITS = re.compile(r"[^\W_]+|[&<>=+%°-]")
_DRAWN = re.compile(r"[-=+]{3,}|\||~~")
_XML_TEXT = re.compile(rb"<(?:\w+:)?(t|delText)(?: [^>]*)?>([^<]*)</(?:\w+:)?\1>")
_ODF_TEXT = re.compile(r"<[^>]+>")
_SILENT_TAGS = frozenset({"script", "style", "template", "noscript", "head", "select", "svg", "iframe", "object"})
_VOID = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
)


def count_units(text: str) -> Counter[str]:
    """Count words, numbers and the characters `& < > = + - % °`, without case, ligatures and soft hyphens."""
    plain = unicodedata.normalize("NFKC", text.replace("\u00ad", "")).casefold()
    plain = _DRAWN.sub(" ", plain.replace("\u2011", "-").replace("\u2010", "-"))
    return Counter(UNITS.findall(plain))


def find_lost_units(source: Counter[str], delivered: str, *, unique: bool) -> Counter[str]:
    """Return the units that the delivered text lacks.

    Args:
        source: Units of the file.
        delivered: Text of the parser.
        unique: Count each unit once, for formats that repeat headers on every page.
    """
    counts = count_units(delivered)
    wanted = Counter(set(source)) if unique else source
    squashed = re.sub(r"\s+|~~", "", unicodedata.normalize("NFKC", delivered).casefold())
    # A word can be divided differently; then it is still in the text without spaces.
    return Counter(
        {unit: n - counts[unit] for unit, n in wanted.items() if counts[unit] < n and squashed.count(unit) < n}
    )


def read_ooxml(content: bytes) -> Iterator[str]:
    """Yield the text nodes of the parts with content: body, notes, headers, sheets' strings, slides, charts."""
    kept = re.compile(
        r"(word/(document|header|footer|footnotes|endnotes|comments)|ppt/(slides/slide|notesSlides/)|xl/sharedStrings)"
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if kept.match(name) and name.endswith(".xml"):
                part = re.sub(rb"<mc:Fallback.*?</mc:Fallback>", b"", archive.read(name), flags=re.DOTALL)
                part = re.sub(
                    rb"<rPh .*?</rPh>|<w:rt>.*?</w:rt>", b"", part, flags=re.DOTALL
                )  # how words are pronounced
                part = part.replace(b"<w:noBreakHyphen/>", b"<w:t>-</w:t>")
                # A run boundary is not a word boundary; a paragraph or a tab is.
                for paragraph in re.split(rb"</(?:w:p|a:p|si|w:tc)>|<w:tab/>|<w:br/>|<a:br/>", part):
                    texts = (html.unescape(text.decode("utf-8", "replace")) for _, text in _XML_TEXT.findall(paragraph))
                    yield "".join(texts)


def read_odf(content: bytes) -> Iterator[str]:
    """Yield the text of an OpenDocument body."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        body = archive.read("content.xml").decode("utf-8", "replace").partition("<office:body>")[2]
    body = re.sub(r"<text:(s|tab|line-break)\b[^>]*/>", " ", body)
    for paragraph in re.split(r"</text:(?:p|h)>", body):
        yield html.unescape(_ODF_TEXT.sub("", paragraph))


class _Texts(HTMLParser):
    """Collects the text that a browser shows, approximately: no scripts, no hidden elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        hidden = any(name == "hidden" or (name == "style" and "display:none" in (value or "")) for name, value in attrs)
        if tag in _SILENT_TAGS or ((self.silent or hidden) and tag not in _VOID):
            self.silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.silent:
            del self.silent[len(self.silent) - 1 - self.silent[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.texts.append(data)


def read_html(content: bytes) -> Iterator[str]:
    """Yield the visible text nodes; only UTF-8 and ASCII pages."""
    parser = _Texts()
    parser.feed(content.decode("utf-8"))
    yield from parser.texts


def read_pdf(content: bytes) -> Iterator[str]:
    """Yield the text of each page with pypdf, which shares no code with pdfium."""
    import pypdf

    for page in pypdf.PdfReader(io.BytesIO(content)).pages:
        yield page.extract_text()


def read_mail(content: bytes) -> Iterator[str]:
    """Yield the subject and the plain text parts."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    yield str(message["subject"] or "")
    body = message.get_body(("plain",))
    yield body.get_content() if body is not None else ""


def read_json(content: bytes) -> Iterator[str]:
    """Yield every scalar."""
    stack = [json.loads(content)]
    while stack:
        value = stack.pop()
        if isinstance(value, (dict, list)):
            stack.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            yield str(value)


def read_csv(content: bytes) -> Iterator[str]:
    """Yield the cells of a comma-separated file, or its text."""
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))):
        yield from row


def read_text(content: bytes) -> Iterator[str]:
    """Yield the text itself; only UTF-8."""
    if b"\x1b" in content or b"\x0e" in content:
        raise ValueError("an encoding with escape sequences")
    yield content.decode("utf-8-sig")


def read_markdown(content: bytes) -> Iterator[str]:
    """Yield the source without the syntax that a reader does not see."""
    text = content.decode("utf-8-sig")
    text = re.sub(r"<!--.*?-->|</?[a-zA-Z][^>]*>", " ", text, flags=re.DOTALL)
    text = re.sub(r"^\s*(\|?\s*:?-+:?\s*)+\|?\s*$|^[=-]{3,}\s*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"^(\s*)([-+>]|>\s)+ ", " ", text, flags=re.MULTILINE)
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", text)  # the file of an image
    text = re.sub(r"^\[[^\]^]+\]:|\]\[[^\]]*\]", " ", text, flags=re.MULTILINE)  # the names of link definitions
    yield html.unescape(text)


READERS: Mapping[str, Callable[[bytes], Iterator[str]]] = {
    "docx": read_ooxml, "docm": read_ooxml, "pptx": read_ooxml, "xlsx": read_ooxml, "odt": read_odf, "ods": read_odf,
    "html": read_html, "htm": read_html, "pdf": read_pdf, "eml": read_mail, "json": read_json, "csv": read_csv,
    "txt": read_text, "md": read_markdown,
}  # fmt: skip


def read_source_units(name: str, content: bytes) -> Counter[str] | None:
    """Return the units of a file, or None if it has no independent reading or that reading fails."""
    reader = READERS.get(name.rpartition(".")[2].lower())
    if reader is None:
        return None
    try:
        return count_units("\n".join(reader(content)))
    except Exception:  # noqa: BLE001 - damaged files are tested elsewhere
        return None
