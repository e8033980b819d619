"""The chapters of a book in reading order, with its title and authors."""

import io
import zipfile

import pytest

from pipeline.errors import UnreadableFile
from pipeline.types import Unread
from tests.reading import read

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>
<dc:title>Tides</dc:title><dc:creator>Ada Holt</dc:creator><dc:creator>Bo Wrede</dc:creator>
<dc:language>en</dc:language>
</metadata><manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="two.xhtml" media-type="application/xhtml+xml"/><item id="c" href="css.css" media-type="text/css"/>
<item id="a" href="text/one%20a.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/></spine></package>"""


def chapter(body: str) -> str:
    return f'<?xml version="1.0"?><html xmlns="x"><head><title/></head><body>{body}</body></html>'


def book(**parts: str) -> bytes:
    content = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": PACKAGE,
        "OPS/nav.xhtml": chapter('<nav epub:type="toc"><ol><li><a href="two.xhtml">Ebb</a></li></ol></nav>'),
        "OPS/two.xhtml": chapter("<h1>Ebb</h1><p>At 14:20 &amp; <del>15:00</del>.<script/></p><p>Low.</p>"),
        "OPS/text/one a.xhtml": chapter(
            '<h1>Flood<sup><a href="#n">1</a></sup></h1><p>High.</p><aside id="n">A note.</aside>'
        ),
        **parts,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in content.items():
            if text:
                archive.writestr(name, text)
    return buffer.getvalue()


def test_epub__chapters_come_in_reading_order() -> None:
    document = read("a.epub", book())
    assert (document.title, document.language, document.unread) == ("Tides", "en", ())
    assert [(block.headings, block.text) for block in document.blocks] == [
        ((), "By Ada Holt, Bo Wrede"),
        (("Flood¹",), "High.\n\nA note."),
        (("Ebb",), "At 14:20 & ~~15:00~~.\n\nLow."),
    ]


def test_epub__missing_chapters_are_reported() -> None:
    assert read("a.epub", book(**{"OPS/two.xhtml": ""})).unread == (Unread("damaged_parts", 1),)


def test_epub__without_a_package_is_an_error() -> None:
    with pytest.raises(UnreadableFile, match="list of its chapters"):
        read("a.epub", book(**{"OPS/book.opf": "", "META-INF/container.xml": "<container/>"}))
