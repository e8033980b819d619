"""OpenDocument spreadsheets: the text that the sheet shows."""

import io
import zipfile

import pytest

from pipeline.backends.documents.readers.ods import read_ods
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.sniffing import ODS
from pipeline.backends.documents.verification import SECOND_READINGS, find_missing_texts
from pipeline.errors import UnreadableFile

NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"'
    for name, full in (("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"),
                       ("draw", "drawing"))
) + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip
STYLES = (
    '<style:style style:name="off" style:family="table"><style:table-properties table:display="false"/></style:style>'
    '<style:style style:name="struck" style:family="table-cell">'
    '<style:text-properties style:text-line-through-style="solid"/></style:style>'
)


def sheet(*rows: str, name: str = "Menu", style: str = "", columns: str = "") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{columns}{"".join(rows)}</table:table>'


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def cell(text: str = "", attributes: str = "", more: str = "") -> str:
    lines = "".join(f"<text:p>{line}</text:p>" for line in text.split("\n") if line)
    return f"<table:table-cell {attributes}>{more}{lines}</table:table-cell>"


def read(*sheets: str) -> Reading:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "content.xml",
            f"<office:document-content {NAMESPACES}><office:automatic-styles>{STYLES}</office:automatic-styles>"
            f"<office:body><office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    file = File("a.ods", buffer.getvalue(), ODS)
    reading = read_ods(file, lambda source, depth: Reading([]))
    assert find_missing_texts(SECOND_READINGS[ODS](file), reading.elements) == []
    return reading


def texts_of(*rows: str) -> list[str]:
    return [element.text for element in read(sheet(*rows)).elements]


HEADER = row(cell("Dish"), cell("Price"))


def test_cells__are_stored_as_shown():
    number = 'office:value-type="float" office:value="0.125"'
    assert texts_of(HEADER, row(cell("Soup &amp; bread"), cell("12,5 %", number)), row(cell("a\nb"), cell("31:15")))[
        1
    ] == ("| Dish | Price |\n| --- | --- |\n| Soup & bread | 12,5 % |\n| a b | 31:15 |")


def test_merged_cells__are_repeated_and_header_rows_joined():
    covered = "<table:covered-table-cell/>"
    rows = [
        row(cell("Room", 'table:number-rows-spanned="2"'), cell("Season", 'table:number-columns-spanned="2"'), covered),
        row(covered, cell("Low"), cell("High")),
        row(cell("Attic"), cell("60"), cell("75")),
    ]
    assert texts_of(*rows)[1] == "| Room | Season Low | Season High |\n| --- | --- | --- |\n| Attic | 60 | 75 |"


def test_hidden__sheets_rows_and_columns_are_left_out_and_reported():
    columns = '<table:table-column/><table:table-column/><table:table-column table:visibility="collapse"/>'
    rows = [
        row(cell("Dish"), cell("Price"), cell("Cost")),
        row(cell("Soup"), cell("4"), cell("1")),
        row(cell("Secret"), attributes='table:visibility="collapse"'),
        row(cell("Fish"), cell("8"), cell("3"), attributes='table:visibility="filter"'),
    ]
    reading = read(sheet(*rows, columns=columns), sheet(row(cell("alarm code 4471")), name="Codes", style="off"))
    assert reading.elements[1].text == "| Dish | Price |\n| --- | --- |\n| Soup | 4 |\n| Fish | 8 |"
    assert [(part.kind, part.where) for part in reading.unread] == [
        ("hidden_sheets", "Codes"),
        ("other", "1 hidden row and 1 hidden column of the sheet Menu were left out."),
    ]


def test_comments_links_and_struck_cells__keep_their_meaning():
    note = "<office:annotation><dc:creator>Ann</dc:creator><text:p>Vegan &amp; fresh</text:p></office:annotation>"
    link = '<text:a xlink:href="https://example.org/soup">Soup</text:a>'
    texts = texts_of(HEADER, row(cell(link, more=note), cell("4 euros", 'table:style-name="struck"')))
    assert texts[1].endswith("| [Soup](https://example.org/soup) | ~~4 euros~~ |")
    assert texts[2].startswith("Comment by Ann: Vegan & fresh (cell A2: ")


def test_repeated__rows_and_cells_stay_small():
    filler = row(
        '<table:table-cell table:number-columns-repeated="16384"/>', attributes='table:number-rows-repeated="1048000"'
    )
    wide = row(cell("x", 'table:number-columns-repeated="16384"'), attributes='table:number-rows-repeated="1048576"')
    assert texts_of(HEADER, row(cell("Soup"), cell("4")), filler, row(cell("End")))[-1] == "End"
    assert len("".join(texts_of(wide))) < 10_000_000


def test_damaged_file__is_an_error():
    with pytest.raises(UnreadableFile, match="its sheets cannot be read"):
        read_ods(File("a.ods", b"PK\x03\x04", ODS), lambda source, depth: Reading([]))
