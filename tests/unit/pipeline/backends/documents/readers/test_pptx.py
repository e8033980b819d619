"""Presentations: slides in order with their notes, charts, tables and comments."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from PIL import Image
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from pipeline.backends.documents.extraction import extract
from pipeline.backends.documents.readers.pptx import read_pptx
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.recognition import NoRecogniser, RecognisedImage
from pipeline.backends.documents.sniffing import PPTX
from pipeline.backends.documents.verification import SECOND_READINGS, find_missing_texts
from pipeline.errors import EmptyDocument
from pipeline.parse import Element
from pipeline.types import Source, Unread

BULLETS, TITLE_ONLY, BLANK = 1, 5, 6
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def deck(*build: Callable[[Any], object]) -> bytes:
    """Build a presentation; each function adds a slide."""
    presentation = Presentation()
    for function in build:
        function(presentation)
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def slide(presentation: Any, layout: int, *texts: str) -> Any:
    added = presentation.slides.add_slide(presentation.slide_layouts[layout])
    for placeholder, text in zip(added.placeholders, texts, strict=False):
        placeholder.text_frame.text = text
    return added


def box(added: Any, text: str, left: float, top: float) -> Any:
    shape = added.shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(0.8))
    shape.text_frame.text = text
    return shape


def edited(content: bytes, changes: Mapping[str, tuple[str, str]]) -> bytes:
    """Replace or add XML that the library cannot write; a pattern of an empty text adds a part."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            pattern, replacement = changes.get(name, ("(?!)", ""))
            new.writestr(name, re.sub(pattern.encode(), replacement.encode(), old.read(name)))
        for name, (pattern, text) in changes.items():
            if not pattern:
                new.writestr(name, text)
    return buffer.getvalue()


def read(content: bytes, recogniser: Any = None) -> Reading:
    file = File("a.pptx", content, PPTX, recogniser=recogniser or NoRecogniser())
    reading = read_pptx(file, lambda source, depth: Reading([]))
    assert find_missing_texts(SECOND_READINGS[PPTX](file), reading.elements) == []
    return reading


def shown(elements: Sequence[Element]) -> list[tuple[str, str, int | None]]:
    return [(element.kind, element.text, element.page) for element in elements]


def test_slide__has_title_bullets_with_levels_and_notes():
    def build(presentation: Any) -> None:
        added = slide(presentation, BULLETS, "Orchard", "Prune in February")
        second = added.placeholders[1].text_frame.add_paragraph()
        second.text, second.level = "With the long ladder", 1
        added.notes_slide.notes_text_frame.text = "The ladder is at Mrs Quast's & family."

    reading = read(deck(build))
    assert shown(reading.elements) == [
        ("heading", "Orchard", 1),
        ("item", "Prune in February", 1),
        ("item", "With the long ladder", 1),
        ("paragraph", "Speaker notes: The ladder is at Mrs Quast's & family.", 1),
    ]
    assert [element.level for element in reading.elements[1:3]] == [0, 1]
    assert reading.pages == 1


def test_chart__is_a_table_on_its_slide_with_equal_values():
    def build(presentation: Any) -> None:
        added = slide(presentation, TITLE_ONLY, "Yield")
        data = CategoryChartData()
        data.categories = ["2023", "2024", "2025"]
        data.add_series("Apples", (4, 4, 5))
        data.add_series("Pears", (4, None, 0.5))
        added.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(3), Inches(3), data)

    assert shown(read(deck(build)).elements)[1:] == [
        (
            "table",
            "|  | Apples | Pears |\n| --- | --- | --- |\n| 2023 | 4 | 4 |\n| 2024 | 4 |  |\n| 2025 | 5 | 0.5 |",
            1,
        )
    ]


def test_table__first_row_of_texts_below_a_merged_header_is_data():
    def build(presentation: Any) -> None:
        table = slide(presentation, BLANK).shapes.add_table(3, 3, 0, 0, Inches(6), Inches(2)).table
        rows = (("Fruit", "", "Where"), ("Apple", "Sweet", "Cellar"), ("Pear", "Soft", "Kitchen"))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                table.cell(row, column).text = text
        table.cell(0, 0).merge(table.cell(0, 1))

    document = extract(Source("a.pptx", deck(build), ""), max_unpacked_mb=50)
    assert "| Fruit | Fruit | Where |\n| --- | --- | --- |\n| Apple | Sweet | Cellar |" in document.blocks[0].text


def test_table__repeats_merged_cells_and_joins_its_header():
    def build(presentation: Any) -> None:
        added = slide(presentation, TITLE_ONLY, "Prices")
        table = added.shapes.add_table(3, 3, 0, 0, Inches(5), Inches(3)).table
        for row, texts in enumerate((("Room", "Season", ""), ("", "Low", "High"), ("Attic", "60", "75"))):
            for column, text in enumerate(texts):
                table.cell(row, column).text = text
        table.cell(0, 0).merge(table.cell(1, 0))
        table.cell(0, 1).merge(table.cell(0, 2))

    assert read(deck(build)).elements[1].text == (
        "| Room | Season Low | Season High |\n| --- | --- | --- |\n| Attic | 60 | 75 |"
    )


def test_boxes__are_read_column_by_column_and_a_grid_row_by_row():
    def columns(presentation: Any) -> None:
        added = slide(presentation, BLANK)
        for text, left, top in (("D", 5, 4), ("B", 1, 4), ("Title", 1, 0.3), ("C", 5, 2), ("A", 1, 2)):
            box(added, text, left, top)

    def grid(presentation: Any) -> None:
        added = slide(presentation, BLANK)
        for number in (5, 3, 1, 0, 4, 2):
            box(added, "uvwxyz"[number], 1 + 4 * (number % 2), 1 + 2 * (number // 2))

    texts = [element.text for element in read(deck(columns, grid)).elements]
    assert texts == ["Title", "A", "B", "C", "D", *"uvwxyz"]


def test_groups__are_read_as_one_shape():
    def build(presentation: Any) -> None:
        added = slide(presentation, BLANK)
        box(added, "after the group", 1, 6)
        group = added.shapes.add_group_shape()
        for text, left, top in (("second", 3, 2), ("first", 1, 1)):
            shape = group.shapes.add_textbox(Inches(left), Inches(top), Inches(1), Inches(0.5))
            shape.text_frame.text = text

    assert [element.text for element in read(deck(build)).elements] == ["first", "second", "after the group"]


def test_text__struck_raised_and_linked_keeps_its_meaning():
    def build(presentation: Any) -> None:
        paragraph = box(slide(presentation, BLANK), "", 1, 1).text_frame.paragraphs[0]
        for text, attributes in (("Fee ", {}), ("60", {"strike": "sngStrike"}), (" 75 euros, 10", {}),
                                 ("3", {"baseline": "30000"}), (" litres, ", {})):  # fmt: skip
            run = paragraph.add_run()
            run.text = text
            for name, value in attributes.items():
                run._r.get_or_add_rPr().set(name, value)
        run = paragraph.add_run()
        run.text = "book here"
        run.hyperlink.address = "https://example.org/book"

    assert read(deck(build)).elements[0].text == (
        "Fee ~~60~~ 75 euros, 10³ litres, [book here](https://example.org/book)"
    )


def test_numbered_list__keeps_its_numbers():
    def build(presentation: Any) -> None:
        frame = box(slide(presentation, BLANK), "Arrive", 1, 1).text_frame
        frame.add_paragraph().text = "Sign"
        for paragraph in frame.paragraphs:
            properties = paragraph._p.get_or_add_pPr()
            bullet = properties.makeelement(properties.tag.replace("pPr", "buAutoNum"), {"type": "alphaLcParenR"})
            properties.append(bullet)

    assert [element.marker for element in read(deck(build)).elements] == ["a)", "b)"]


def test_slides__are_in_the_order_that_the_presentation_shows():
    content = deck(lambda p: slide(p, TITLE_ONLY, "One"), lambda p: slide(p, TITLE_ONLY, "Two"))
    swapped = edited(content, {"ppt/presentation.xml": (r"(<p:sldId [^>]*/>)(<p:sldId [^>]*/>)", r"\2\1")})
    assert [element.text for element in read(swapped).elements] == ["Two", "One"]


def test_hidden_slide__is_not_read_but_reported():
    def build(presentation: Any) -> None:
        slide(presentation, BULLETS, "Pressing days", "Juice is pressed on Fridays.")
        slide(presentation, BULLETS, "Draft", "The press costs 900 euros.")._element.set("show", "0")

    document = extract(Source("a.pptx", deck(build)), max_unpacked_mb=20)
    assert [block.text for block in document.blocks] == ["- Juice is pressed on Fridays."]
    assert document.unread == (Unread("hidden_slides", 1, 2, "2"),)


def test_slide__without_a_title_does_not_join_the_one_before():
    def build(presentation: Any) -> None:
        slide(presentation, TITLE_ONLY, "Welcome")
        box(slide(presentation, BLANK), "The gate opens at seven in the morning, on Sundays at nine.", 1, 1)

    document = extract(Source("a.pptx", deck(build)), max_unpacked_mb=20)
    assert document.title == "Welcome"
    assert (document.blocks[-1].headings, document.blocks[-1].page) == (("Slide 2",), 2)


def test_comments__of_both_kinds_are_read_with_their_author():
    links = (
        f'<Relationship Id="rId91" Type="{RELATIONSHIPS}/comments" Target="../comments/comment1.xml"/></Relationships>'
    )
    people = (
        f'<Relationship Id="rId92" Type="{RELATIONSHIPS}/commentAuthors" Target="commentAuthors.xml"/></Relationships>'
    )
    changes = {
        "ppt/slides/_rels/slide1.xml.rels": ("</Relationships>", links),
        "ppt/_rels/presentation.xml.rels": ("</Relationships>", people),
        "ppt/commentAuthors.xml": (
            "",
            '<p:cmAuthorLst xmlns:p="urn:p"><p:cmAuthor id="0" name="Vera"/></p:cmAuthorLst>',
        ),
        "ppt/comments/comment1.xml": (
            "",
            '<p:cmLst xmlns:p="urn:p"><p:cm authorId="0"><p:text>Ask Petersen &amp; son</p:text></p:cm></p:cmLst>',
        ),
    }
    content = edited(deck(lambda p: slide(p, TITLE_ONLY, "Bus")), changes)
    assert shown(read(content).elements)[1:] == [("paragraph", "Comment by Vera: Ask Petersen & son", 1)]


def test_footers__are_read_once_and_page_numbers_never():
    footer = (
        '<p:sp><p:nvSpPr><p:cNvPr id="{0}" name="x"/><p:cNvSpPr/><p:nvPr><p:ph type="{1}" idx="{0}"/></p:nvPr>'
        "</p:nvSpPr>"
        "<p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{2}</a:t></a:r></a:p></p:txBody></p:sp>"
    )
    more = footer.format(90, "ftr", "Choir of Linden") + footer.format(91, "sldNum", "17") + "</p:spTree>"
    content = deck(lambda p: slide(p, TITLE_ONLY, "One"), lambda p: slide(p, TITLE_ONLY, "Two"))
    content = edited(content, {f"ppt/slides/slide{number}.xml": ("</p:spTree>", more) for number in (1, 2)})
    assert [element.text for element in read(content).elements] == ["One", "Two", "Choir of Linden"]


class FakeRecogniser:
    problem = ""

    def recognise(self, images: Sequence[Callable[[], Any]]) -> list[RecognisedImage]:
        return [RecognisedImage("text", (f"{image().width} pixels",), 0.8) for image in images]


def picture_deck() -> bytes:
    def picture(presentation: Any) -> None:
        added = slide(presentation, BLANK)
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30)).save(buffer, "PNG")
        added.shapes.add_picture(buffer, 0, 0)

    return deck(lambda p: slide(p, TITLE_ONLY, "Scans"), picture, picture)


def test_picture_slides__are_reported_without_text_recognition():
    assert read(picture_deck()).unread == [Unread("pages_without_text", 2, 3, "2-3")]


def test_picture_slides__behind_a_hidden_one_keep_their_numbers():
    presentation = Presentation(io.BytesIO(picture_deck()))
    presentation.slides[0]._element.set("show", "0")
    slide(presentation, TITLE_ONLY, "Scans")
    buffer = io.BytesIO()
    presentation.save(buffer)
    assert read(buffer.getvalue()).unread == [
        Unread("pages_without_text", 2, 4, "2-3"),
        Unread("hidden_slides", 1, 4, "1"),
    ]


def test_picture_slides__are_recognised():
    reading = read(picture_deck(), FakeRecogniser())
    assert [(e.text, e.page, e.confidence) for e in reading.elements if e.confidence] == [
        ("40 pixels", 2, 0.8),
        ("40 pixels", 3, 0.8),
    ]
    assert reading.unread == []


def test_slides__without_any_text_are_an_empty_document():
    with pytest.raises(EmptyDocument, match=r"a\.pptx has 1 slide without text\."):
        read(deck(lambda p: slide(p, BLANK)))


def test_slide__that_is_damaged_is_reported():
    content = deck(lambda p: slide(p, TITLE_ONLY, "One"), lambda p: slide(p, TITLE_ONLY, "Two"))
    reading = read(edited(content, {"ppt/slides/slide2.xml": (r"(?s)</p:txBody>.*", "")}))
    assert [part.kind for part in reading.unread] == ["damaged_parts"]
    assert "One" in [element.text for element in reading.elements]
