"""What Word shows is what is read: text, marks, numbers, links, notes, margins, tables, drawings."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from pipeline.backends.documents.extraction import extract
from pipeline.errors import EmptyDocument, UnreadableFile
from pipeline.types import ParsedDocument, Source, Unread
from tests.word_files import HEADING_1, NAMESPACES, build_docx, cell, level, lists, numbered, paragraph, part, row, run

STRIKE = "<w:strike/>"
LINK = '<Relationship Id="web" Type="x/hyperlink" Target="https://example.org/a b" TargetMode="External"/>'
TEXT_BOX = (
    "<w:r><mc:AlternateContent><mc:Choice><w:drawing><wp:inline><wps:txbx><w:txbxContent><w:p><w:r><w:t>Gate 7</w:t>"
    "</w:r></w:p></w:txbxContent></wps:txbx></wp:inline></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>"
    "<w:txbxContent><w:p><w:r><w:t>Gate 7</w:t></w:r></w:p></w:txbxContent></v:textbox></w:pict></mc:Fallback>"
    "</mc:AlternateContent></w:r>"
)


def read(body: str, *args, **kwargs) -> ParsedDocument:
    return extract(Source("rules.docx", build_docx(body, *args, **kwargs)), max_unpacked_mb=50)


def text_of(body: str, *args, **kwargs) -> str:
    return "\n\n".join(block.text for block in read(body, *args, **kwargs).blocks)


def field(instruction: str, result: str, data: str = "") -> str:
    return (
        f'<w:r><w:fldChar w:fldCharType="begin">{data}</w:fldChar></w:r><w:r><w:instrText>{instruction}</w:instrText>'
        f'</w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>{run(result)}'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("costs 7 if quantity &gt; 3 &amp; &lt; 10", "costs 7 if quantity > 3 & < 10"),
        (run("Rye") + "<w:r><w:tab/><w:t>4.20</w:t></w:r>", "Rye\t4.20"),
        ("<w:r><w:t>Part</w:t><w:noBreakHyphen/><w:t>time</w:t></w:r>", "Part-time"),
        ("<w:r><w:t>hy</w:t><w:softHyphen/><w:t>phen</w:t></w:r>", "hyphen"),
        ("<w:r><w:t>one</w:t><w:br/><w:t>two</w:t></w:r>", "one\ntwo"),
        (run("10") + run("3", '<w:vertAlign w:val="superscript"/>') + run(" m"), "10³ m"),
        (run("H") + run("2", '<w:vertAlign w:val="subscript"/>') + run("O"), "H₂O"),
        (run("2") + run("x+1", '<w:vertAlign w:val="superscript"/>'), "2^(x+1)"),
        ('<w:r><w:t>done </w:t><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>', "done ✓"),
        (run("\uf061 = 3", '<w:rFonts w:ascii="Symbol"/>'), "α = 3"),
        ("<w:smartTag><w:customXml>" + run("kept") + "</w:customXml></w:smartTag>", "kept"),
        ("<w:sdt><w:sdtContent>" + run("chosen") + "</w:sdtContent></w:sdt>", "chosen"),
        (
            f"<w:r><w:ruby><w:rt>{run('とうきょう')}</w:rt><w:rubyBase>{run('東京')}</w:rubyBase></w:ruby></w:r>",
            "東京(とうきょう)",
        ),
        (TEXT_BOX, "Gate 7"),
    ],
)
def test_text__is_what_word_shows(content, expected):
    assert text_of(paragraph(content)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (run("Open ") + run("on Mondays", STRIKE) + run("."), "Open ~~on Mondays~~."),
        (run("was 30", "<w:dstrike/>"), "~~was 30~~"),
        (run("not", '<w:strike w:val="0"/>'), "not"),
        (run("old ", STRIKE) + run("words ", STRIKE) + run("new"), "~~old words~~ new"),
        (run("60", STRIKE) + run("75 guests"), "~~60~~ 75 guests"),
        (
            run("holds ") + "<w:del><w:r><w:delText>60</w:delText></w:r></w:del><w:ins>" + run("75") + "</w:ins>",
            "holds ~~60~~ 75",
        ),
        ("<w:ins>" + run("75") + "</w:ins><w:del><w:r><w:delText>sixty</w:delText></w:r></w:del>", "75 ~~sixty~~"),
        (run("colo") + "<w:del><w:r><w:delText>u</w:delText></w:r></w:del>" + run("r red"), "~~colour~~ color red"),
        (
            "<w:moveFrom>"
            + run("moved")
            + "</w:moveFrom>"
            + run("stays ")
            + "<w:moveTo>"
            + run("moved")
            + "</w:moveTo>",
            "stays moved",
        ),
        (run("by style", '<w:rStyle w:val="gone"/>'), "~~by style~~"),
    ],
)
def test_struck_text__is_marked(content, expected):
    gone = '<w:style w:type="character" w:styleId="parent"><w:name w:val="p"/><w:rPr><w:strike/></w:rPr></w:style>'
    gone += '<w:style w:type="character" w:styleId="gone"><w:name w:val="g"/><w:basedOn w:val="parent"/></w:style>'
    assert text_of(paragraph(content), {"styles.xml": part("w:styles", gone)}) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f'<w:hyperlink r:id="web">{run("here")}</w:hyperlink>', "[here](https://example.org/a%20b)"),
        (field('HYPERLINK "https://example.org/x" \\l "top"', "here"), "[here](https://example.org/x#top)"),
        (
            f"<w:fldSimple w:instr='HYPERLINK mailto:t@example.org'>{run('Tove')}</w:fldSimple>",
            "[Tove](mailto:t@example.org)",
        ),
        (field('HYPERLINK \\l "chapter"', "chapter"), "chapter"),
        (field('HYPERLINK "javascript:x()"', "words"), "words"),
        (field('HYPERLINK "https://example.org/"', "example.org"), "example.org"),
        (field("REF _Ref1 \\h", "Table 2"), "Table 2"),
        (field("FORMCHECKBOX", "", "<w:ffData><w:checkBox><w:default w:val='1'/></w:checkBox></w:ffData>"), "[yes]"),
        (
            field("FORMDROPDOWN", "", "<w:ffData><w:ddList><w:result w:val='1'/><w:listEntry w:val='red'/>"
                  "<w:listEntry w:val='blue'/></w:ddList></w:ffData>"),
            "blue",
        ),
        (
            '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="0"/></w14:checkbox></w:sdtPr><w:sdtContent>'
            + run("☐") + "</w:sdtContent></w:sdt>" + run(" vegan"),
            "[no] vegan",
        ),
    ],
)  # fmt: skip
def test_fields__links_and_form_fields(content, expected):
    assert text_of(paragraph(content), links=LINK) == expected


def test_numbers__levels_formats_and_restarts():
    numbering = lists(
        level(0, "%1."), level(1, "%1.%2"), level(2, "(%3)", "lowerLetter"), level(3, "§ %4", "upperRoman")
    )
    body = numbered("a") + numbered("b", level=1) + numbered("c", level=2) + numbered("d", level=2)
    body += (
        numbered("e", level=1)
        + numbered("f", level=2)
        + numbered("g", level=3)
        + numbered("h")
        + numbered("i", level=1)
    )
    assert text_of(body, {"numbering.xml": numbering}) == (
        "1. a\n  1.1 b\n    (a) c\n    (b) d\n  1.2 e\n    (a) f\n      § I g\n2. h\n  2.1 i"
    )


def test_numbers__start_overrides_bullets_and_shared_definitions():
    nums = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="0"/>{override}</w:num>'
        for number, override in {
            1: "", 2: "", 3: '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>',
        }.items()
    )  # fmt: skip
    numbering = lists(level(0, "%1)", more=""), level(1, "•", "bullet"), nums=nums)
    body = (
        numbered("a") + numbered("b", 2) + numbered("c", 3) + numbered("d", 3, 1) + numbered("e", 3) + numbered("f", 0)
    )
    assert text_of(body, {"numbering.xml": numbering}) == "1) a\n2) b\n7) c\n  - d\n8) e\n\nf"


def test_numbers__linked_with_heading_styles():
    style = (
        '<w:style w:type="paragraph" w:styleId="H{0}"><w:name w:val="heading {0}"/><w:pPr><w:numPr>'
        '<w:ilvl w:val="{1}"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    linked = [
        level(index, text, more=f'<w:pStyle w:val="H{index + 1}"/>') for index, text in enumerate(("%1", "%1.%2"))
    ]
    body = "".join(
        paragraph(text, f'<w:pStyle w:val="{name}"/>') if name else paragraph(text)
        for text, name in [("Scope", "H1"), ("Who", "H2"), ("All.", ""), ("What", "H2"), ("Everything.", "")]
    )
    document = read(
        body, {"styles.xml": part("w:styles", style.format(1, 0) + style.format(2, 1)), "numbering.xml": lists(*linked)}
    )
    assert [block.headings for block in document.blocks] == [("1 Scope", "1.1 Who"), ("1 Scope", "1.2 What")]


def test_headings__by_built_in_name_outline_level_and_title():
    styles = part("w:styles", HEADING_1 + '<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>')
    body = paragraph("Boat rules", '<w:pStyle w:val="T"/>') + paragraph("Use", '<w:pStyle w:val="berschrift1"/>')
    body += paragraph("Gently.") + paragraph("Care", '<w:outlineLvl w:val="1"/>') + paragraph("Daily.")
    document = read(body, {"styles.xml": styles})
    assert document.title == "Boat rules"
    assert [block.headings for block in document.blocks] == [(), ("Use",), ("Use", "Care")]


def test_title__from_the_core_properties():
    core = part("x", "<dc:title>Harbour rules</dc:title>")
    assert read(paragraph("Moor."), {"/docProps/core.xml": core}).title == "Harbour rules"


def test_notes_and_comments__follow_their_paragraph_once():
    body = paragraph(
        run("Pay 20") + '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:commentReference w:id="0"/></w:r>'
    )
    body += paragraph(run("End") + '<w:r><w:endnoteReference w:id="2"/></w:r>')
    separator = '<w:{0} w:type="separator" w:id="-1"><w:p><w:r><w:separator/></w:r></w:p></w:{0}>'
    note = '<w:{0} w:id="2"><w:p><w:r><w:footnoteRef/><w:t xml:space="preserve"> {1}</w:t></w:r></w:p></w:{0}>'
    parts = {
        f"{kind}s.xml": part(f"w:{kind}s", separator.format(kind) + note.format(kind, text))
        for kind, text in (("footnote", "In cash."), ("endnote", "Of May."))
    }
    comment = f'<w:comment w:id="0" w:author="Vera">{paragraph("Ask Bo.")}</w:comment>'
    assert text_of(body, parts | {"comments.xml": part("w:comments", comment)}) == (
        "Pay 20 ¹\n\nNote 1: In cash.\n\nComment by Vera: Ask Bo.\n\nEnd ⁱ\n\nNote i: Of May."
    )


def test_headers_and_footers__once_each_without_page_numbers():
    section = "".join(
        f'<w:sectPr><w:headerReference w:type="{kind}" r:id="header{number}"/>'
        '<w:footerReference r:id="footer1"/></w:sectPr>'
        for kind, number in (("default", 1), ("first", 2), ("even", 3))
    )
    page = run("Page ") + field("PAGE", "1") + run(" of ") + field("NUMPAGES", "9")
    parts = {
        "header1.xml": part("w:hdr", paragraph("In force from 1 May")),
        "header2.xml": part("w:hdr", paragraph("First page")),
        "header3.xml": part("w:hdr", paragraph("In force from 1 May")),
        "footer1.xml": part("w:ftr", paragraph(run("Call 0551 7788") + "<w:r><w:tab/></w:r>" + page)),
    }
    assert (
        text_of(paragraph("Be kind.") + section, parts)
        == "In force from 1 May\n\nFirst page\n\nBe kind.\n\nCall 0551 7788"
    )


def test_table__spreads_merged_cells_and_joins_header_rows():
    down, more = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    table = row(cell("Pitch", down), cell("Season", '<w:gridSpan w:val="2"/>'))
    table += (
        row(cell("", more), "Low", "High") + row(cell("Wood", down), "9 &lt; 10", "13") + row(cell("", more), "8", "12")
    )
    assert text_of(f"<w:tbl>{table}</w:tbl>") == (
        "| Pitch | Season Low | Season High |\n| --- | --- | --- |\n| Wood | 9 < 10 | 13 |\n| Wood | 8 | 12 |"
    )


def test_table__caption_controls_nesting_and_lists():
    nested = f"<w:tbl>{row('Mon', '9')}{row('Tue', '10')}</w:tbl><w:p/>"
    table = row(cell("Hours", '<w:gridSpan w:val="2"/>')) + row("Desk", "Times")
    table += f"<w:sdt><w:sdtContent>{row('North', f'<w:tc>{nested}</w:tc>')}</w:sdtContent></w:sdt>"
    table += row("South", f"<w:tc>{numbered('ring')}{numbered('wait')}</w:tc>")
    assert text_of(f"<w:tbl>{table}</w:tbl>", {"numbering.xml": lists(level(0, "%1."))}) == (
        "Hours\n\n| Desk | Times |\n| --- | --- |\n| North | Mon, 9; Tue, 10 |\n| South | 1. ring 2. wait |"
    )


def test_table__of_one_cell_is_layout():
    table = f"<w:tbl>{row('<w:tc>' + paragraph('Rules') + numbered('Knock') + '</w:tc>')}</w:tbl>"
    assert text_of(table, {"numbering.xml": lists(level(0, "%1."))}) == "Rules\n\n1. Knock"


def test_equation__is_readable():
    fraction = "<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>"
    power = "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    root = f"<m:rad><m:e>{power}</m:e></m:rad>"
    assert text_of(paragraph(f"<m:oMath>{fraction}<m:r><m:t>=</m:t></m:r>{root}</m:oMath>")) == "(a+b)/2=√(x²)"


def test_chart_and_diagram__are_read_in_place():
    points = "<c:pt idx='{0}'><c:v>{1}</c:v></c:pt>"
    cache = "".join(
        f"<c:{name}>{''.join(points.format(*each) for each in enumerate(values))}</c:{name}>"
        for name, values in (("tx", ["Apples"]), ("cat", ["2024", "2025"]), ("val", ["4", "6.5"]))
    )
    title = "<c:title><a:p><a:r><a:t>Yield &amp; year</a:t></a:r></a:p></c:title>"
    parts = {
        "charts/chart1.xml": part("c:chartSpace", f"{title}<c:ser>{cache}</c:ser>"),
        "diagrams/data1.xml": part("dgm:dataModel", "<dgm:t><a:p><a:r><a:t>Plant</a:t></a:r></a:p></dgm:t>"),
    }
    drawings = (
        '<w:r><w:drawing><c:chart r:id="chart1"/></w:drawing><w:drawing><dgm:relIds r:dm="data1"/></w:drawing></w:r>'
    )
    assert text_of(paragraph(drawings) + paragraph("After."), parts) == (
        "Yield & year\n\n|  | Apples |\n| --- | --- |\n| 2024 | 4 |\n| 2025 | 6.5 |\n\nPlant\n\nAfter."
    )


def test_embedded_page__is_read_in_place():
    parts = {"afChunk.html": "<html><body><p>Ring twice &amp; wait.</p></body></html>"}
    assert text_of('<w:altChunk r:id="afChunk"/>' + paragraph("After."), parts) == "Ring twice & wait.\n\nAfter."


def test_picture__alternative_text_is_read_file_names_are_not():
    drawing = '<w:r><w:drawing><wp:inline><wp:docPr id="1" name="Picture 1" descr="{}"/></wp:inline></w:drawing></w:r>'
    assert text_of(paragraph(drawing.format("A red gate")) + paragraph(drawing.format("C:\\a.png"))) == "A red gate"


def test_picture__that_fills_a_page_is_reported_and_a_small_one_is_not():
    drawing = '<wp:inline><wp:extent cx="{0}" cy="{0}"/><a:blip r:embed="image"/></wp:inline>'
    drawing = f"<w:r><w:drawing>{drawing}</w:drawing></w:r>"
    picture = {"image.emf": b"\x01\x00\x00\x00" + bytes(range(256))}
    large = read(paragraph("Plan:") + paragraph(drawing.format(6_000_000)), picture)
    assert large.unread == (Unread("images", 1, 1, "image.emf"),)
    assert read(paragraph("Plan:") + paragraph(drawing.format(900_000)), picture).unread == ()
    with pytest.raises(EmptyDocument, match="contains only pictures"):
        read(paragraph(drawing.format(900_000)), picture)


def test_attachment__that_cannot_be_read_is_reported():
    body = paragraph("Plan:" + '<w:r><w:object><o:OLEObject ProgID="Package" r:id="oleObject1"/></w:object></w:r>')
    document = read(body.replace("Plan:", run("Plan:")), {"embeddings/oleObject1.bin": bytes(range(256))})
    assert document.unread == (Unread("attachments", 1, where="oleObject1.bin"),)


def test_attachment__of_a_readable_kind_is_read():
    inner = build_docx(paragraph("Inside."))
    body = paragraph('<w:r><w:object><o:OLEObject ProgID="Word.Document.12" r:id="doc1"/></w:object></w:r>')
    assert text_of(paragraph("Outside.") + body, {"embeddings/doc1.docx": inner}) == "Outside.\n\nInside."


def test_hidden_text__is_left_out_and_reported():
    document = read(paragraph(run("Shown") + run(" secret", "<w:vanish/>")))
    assert [block.text for block in document.blocks] == ["Shown"]
    assert document.unread == (Unread("other", 1, where="Hidden text in 1 paragraph was left out."),)


def test_strict_variant__is_read():
    body = paragraph(run("Open ") + run("on Mondays", STRIKE))
    strict = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    main = f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>".replace(
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main", strict
    )
    assert text_of("", {"/word/document.xml": main}) == "Open ~~on Mondays~~"


def test_damaged_part__is_reported_and_the_rest_is_read():
    document = read(paragraph("Be kind."), {"numbering.xml": "<broken", "styles.xml": part("w:styles", HEADING_1)})
    assert [block.text for block in document.blocks] == ["Be kind."]
    assert document.unread == (Unread("damaged_parts", 1, where="word/numbering.xml"),)


def test_damaged_part__whose_checksum_is_wrong():
    content = build_docx(paragraph("Be kind."), {"styles.xml": part("w:styles", HEADING_1)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        checksum = struct.pack("<I", archive.getinfo("word/styles.xml").CRC)
    damaged = content.replace(checksum, b"\x00\x00\x00\x01")
    document = extract(Source("rules.docx", damaged), max_unpacked_mb=50)
    assert document.unread == (Unread("damaged_parts", 1, where="word/styles.xml"),)


def test_damaged_main_part__is_read_up_to_the_damage():
    content = f"<w:document {NAMESPACES}><w:body>{paragraph('Be kind.')}<w:p><w:r><w:t>Do not"
    document = read("", {"/word/document.xml": content})
    assert [block.text for block in document.blocks] == ["Be kind.\n\nDo not"]
    assert [unread.kind for unread in document.unread] == ["damaged_parts"]


def test_main_part__missing_is_an_error_with_the_fix():
    with pytest.raises(UnreadableFile, match=r"rules\.docx is damaged.*save it again"):
        read("", {"/word/document.xml": "no xml"})


def test_entities__are_not_expanded():
    bomb = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
    content = f"{bomb}<w:document {NAMESPACES}><w:body>{paragraph('Kind &a; &x;')}</w:body></w:document>"
    assert "root:" not in text_of("", {"/word/document.xml": content})


@pytest.mark.parametrize("tags", [("w:ins",), ("w:tbl", "w:tr", "w:tc"), ("w:sdt", "w:sdtContent"), ("m:oMath",)])
def test_nesting__of_any_depth_is_read_without_a_crash(tags):
    opened = "".join(f"<{tag}>" for tag in tags) * 400
    closed = "".join(f"</{tag}>" for tag in reversed(tags)) * 400
    assert "Before" in text_of(paragraph("Before") + opened + paragraph("Deep") + closed)


def test_encoding__that_is_unknown_does_not_stop_reading():
    content = f'<?xml version="1.0" encoding="UTW-8"?><w:document {NAMESPACES}><w:body>{paragraph("Be kind.")}</w:body>'
    assert "Be kind." in text_of("", {"/word/document.xml": f"{content}</w:document>"})


def test_fields__that_never_end_take_linear_time():
    begin = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>'
    assert text_of(paragraph(begin * 1_000 + run("x") * 1_000)) == "x" * 1_000
