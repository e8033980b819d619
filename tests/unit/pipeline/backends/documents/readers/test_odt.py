"""What a word processor shows of an OpenDocument text is what is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import pytest
from PIL import Image

from pipeline.backends.documents.extraction import extract
from pipeline.backends.documents.recognition import RecognisedImage, Render
from pipeline.errors import UnreadableFile
from pipeline.types import ParsedDocument, Source, Unread

NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in {
        "office": "office", "style": "style", "text": "text", "table": "table", "draw": "drawing", "form": "form",
        "svg": "svg-compatible",
    }.items()
) + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip


def text_style(name: str, properties: str = "", parent: str = "") -> str:
    inner = f"<style:text-properties {properties}/>" if properties else ""
    attributes = f'style:name="{name}" style:parent-style-name="{parent}" style:family="text"'
    return f"<style:style {attributes}>{inner}</style:style>"


STYLES = (
    text_style("Gone", 'style:text-line-through-style="solid"')
    + text_style("T1", parent="Gone")
    + text_style("Up", 'style:text-position="super 58%"')
    + text_style("Secret", 'text:display="none"')
    + '<text:list-style style:name="L1">'
    '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="1" text:display-levels="2"/>'
    '<text:list-level-style-number text:level="3" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>'
    "</text:list-style>"
    '<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1"/></text:list-style>'
)
NOTE = (
    "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>In cash.</text:p></text:note-body>"
    "</text:note>"
)
COMMENT = "<office:annotation><dc:creator>Vera</dc:creator><text:p>At 6:45</text:p></office:annotation>"
RUBY = "<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とう</text:ruby-text></text:ruby>"


def build_odt(body: str, styles: str = "", meta: str = "") -> bytes:
    automatic = f"<office:automatic-styles>{STYLES}</office:automatic-styles>"
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f"<office:document-content {NAMESPACES}>{automatic}<office:body><office:text>{body}"
        "</office:text></office:body></office:document-content>",
        "styles.xml": f"<office:document-styles {NAMESPACES}>{styles}</office:document-styles>",
        "meta.xml": f"<office:document-meta {NAMESPACES}>{meta}</office:document-meta>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read(body: str, *args: str) -> ParsedDocument:
    return extract(Source("rules.odt", build_odt(body, *args)), max_unpacked_mb=50)


def text_of(body: str, *args: str) -> str:
    return "\n\n".join(block.text for block in read(body, *args).blocks)


def items(*contents: str) -> str:
    filled = (each if each.startswith("<") else f"<text:p>{each}</text:p>" for each in contents)
    return "".join(f"<text:list-item>{each}</text:list-item>" for each in filled)


def listed(items: str, attributes: str = "") -> str:
    return f"<text:list {attributes}>{items}</text:list>"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("costs 7 if &gt; 3 &amp; &lt; 10", "costs 7 if > 3 & < 10"),
        ("Rye<text:tab/>4.20<text:line-break/>Soup<text:s text:c='2'/>3", "Rye\t4.20\nSoup  3"),
        ("10<text:span text:style-name='Up'>3</text:span> m", "10³ m"),
        ("Open <text:span text:style-name='T1'>on Mondays</text:span>.", "Open ~~on Mondays~~."),
        ('book <text:a xlink:href="https://example.org/x">here</text:a>', "book [here](https://example.org/x)"),
        (RUBY, "東京(とう)"),
        (f"Pay 20{NOTE} now", "Pay 20 ¹ now\n\nNote 1: In cash."),
        (f"Bus{COMMENT} leaves", "Bus leaves\n\nComment by Vera: At 6:45"),
        ("<draw:frame><draw:text-box><text:p>Gate 7</text:p></draw:text-box></draw:frame>", "Gate 7"),
        ("<draw:frame><draw:image xlink:href='a.png'/><svg:desc>A red gate</svg:desc></draw:frame>", "A red gate"),
    ],
)
def test_text__is_what_is_shown(content, expected):
    assert text_of(f"<text:p>{content}</text:p>") == expected


def test_lists__are_numbered_as_shown_and_continued():
    deep = listed(items("d", "e"))
    inner = listed(items("b", f"<text:p>c</text:p>{deep}"))
    body = listed(items(f"<text:p>a</text:p>{inner}", "f"), 'text:style-name="L1"') + "<text:p>between</text:p>"
    body += listed(items("g"), 'text:style-name="L1" text:continue-numbering="true"')
    body += listed(items("h"), 'text:style-name="L1"') + listed(items("i"), 'text:style-name="L2"')
    assert text_of(body) == (
        "1. a\n  1.1 b\n  1.2 c\n    (a) d\n    (b) e\n2. f\n\nbetween\n\n3. g\n1. h\n- i"
    )  # fmt: skip


def test_headings__are_numbered_by_the_outline():
    outline = '<text:outline-style><text:outline-level-style text:level="1" style:num-format="1" style:num-suffix="."/>'
    outline += '<text:outline-level-style text:level="2" style:num-format=""/></text:outline-style>'
    body = "".join(
        f'<text:h text:outline-level="{level}">{text}</text:h><text:p>x</text:p>'
        for level, text in ((1, "Scope"), (2, "Who"), (1, "Fees"))
    )
    document = read(body, outline, "<dc:title>Club rules</dc:title>")
    assert [block.headings for block in document.blocks] == [("1. Scope",), ("1. Scope", "Who"), ("2. Fees",)]
    assert document.title == "Club rules"


def test_table__spreads_merged_cells_and_joins_header_rows():
    def cell(text: str, attributes: str = "") -> str:
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    covered = "<table:covered-table-cell/>"
    rows = [
        cell("Pitch", 'table:number-rows-spanned="2"') + cell("Season", 'table:number-columns-spanned="2"') + covered,
        covered + cell("Low") + cell("High"),
        cell("Wood") + cell("9", 'table:number-columns-repeated="2"'),
    ]
    rows = [f"<table:table-row>{row}</table:table-row>" for row in rows]
    headers = f"<table:table-header-rows>{rows[0]}{rows[1]}</table:table-header-rows>"
    assert text_of(f"<table:table>{headers}{rows[2]}</table:table>") == (
        "| Pitch | Season Low | Season High |\n| --- | --- | --- |\n| Wood | 9 | 9 |"
    )


def test_headers_and_footers__once_each_without_page_numbers():
    margins = "<style:header><text:p>From 1 May</text:p></style:header><style:footer><text:p>Page <text:page-number>1"
    margins += "</text:page-number></text:p><text:p>Call 7788</text:p></style:footer>"
    styles = f"<office:master-styles><style:master-page>{margins}</style:master-page></office:master-styles>"
    assert text_of("<text:p>Be kind.</text:p>", styles) == "From 1 May\n\nBe kind.\n\nCall 7788"


def test_tracked_changes__deletions_are_struck():
    changes = (
        '<text:tracked-changes><text:changed-region text:id="d"><text:deletion><text:p>60</text:p></text:deletion>'
        '</text:changed-region><text:changed-region text:id="i"><text:insertion/></text:changed-region>'
        "</text:tracked-changes>"
    )
    change = '<text:change text:change-id="d"/><text:change-start text:change-id="i"/>75'
    change += '<text:change-end text:change-id="i"/>'
    assert text_of(f"{changes}<text:p>holds {change} guests</text:p>") == "holds ~~60~~ 75 guests"


def test_hidden_text__is_left_out_and_reported():
    document = read("<text:p>Shown <text:span text:style-name='Secret'>secret</text:span></text:p>")
    assert [block.text for block in document.blocks] == ["Shown"]
    assert document.unread == (Unread("other", 1, where="Hidden text in 1 paragraph was left out."),)


def test_form_fields__with_their_values():
    controls = '<form:text form:name="Guest" form:current-value="Bo"/>'
    controls += '<form:checkbox form:label="Vegan" form:current-state="checked"/>'
    assert text_of(f"<office:forms><form:form>{controls}</form:form></office:forms>") == "Guest: Bo\n\nVegan: yes"


class FakeRecogniser:
    problem = ""

    def recognise(self, images: Sequence[Render]) -> list[RecognisedImage]:
        return [RecognisedImage("text", (f"{image().width} pixels",), 0.8) for image in images]


def test_picture__that_fills_a_page_is_recognised():
    frame = '<draw:frame svg:width="16cm" svg:height="20cm"><draw:image xlink:href="Pictures/a.png"/></draw:frame>'
    buffer = io.BytesIO(build_odt(f"<text:p>Plan:</text:p><text:p>{frame}</text:p>"))
    with zipfile.ZipFile(buffer, "a") as archive, archive.open("Pictures/a.png", "w") as picture:
        Image.new("RGB", (40, 30)).save(picture, "PNG")
    document = extract(Source("rules.odt", buffer.getvalue()), max_unpacked_mb=50, recogniser=FakeRecogniser())
    assert [block.text for block in document.blocks] == ["Plan:", "40 pixels"]
    assert document.unread == ()


def test_damage__is_an_error_or_reported():
    with pytest.raises(UnreadableFile, match=r"rules\.odt is damaged.*save it again"):
        extract(Source("rules.odt", build_odt("").replace(b"office:text>", b"office:xext>")), max_unpacked_mb=50)
    document = read("<text:p>Be kind.</text:p>", "<broken")
    assert document.unread == (Unread("damaged_parts", 1, where="styles.xml"),)


@pytest.mark.parametrize(
    "tags", [("text:span",), ("text:list", "text:list-item"), ("table:table", "table:table-row", "table:table-cell")]
)
def test_nesting__of_any_depth_is_read_without_a_crash(tags):
    opened = "".join(f"<{tag}>" for tag in tags) * 400
    closed = "".join(f"</{tag}>" for tag in reversed(tags)) * 400
    assert "Before" in text_of(f"<text:p>Before</text:p>{opened}<text:p>Deep</text:p>{closed}")
