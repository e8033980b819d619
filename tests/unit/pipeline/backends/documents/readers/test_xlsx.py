"""Excel workbooks: what the sheet shows is what is stored."""

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from openpyxl.styles import Font
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from pipeline.backends.documents.extraction import extract
from pipeline.backends.documents.readers.xlsx import read_xlsx
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.sniffing import XLSX
from pipeline.backends.documents.verification import SECOND_READINGS, find_missing_texts
from pipeline.types import Source

PRICES = [["Dish", "Price"], ["Falafel", 7], ["Soup", 4]]


def workbook(*rows: Any, change: Callable[[Worksheet], object] = lambda sheet: None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Menu"
    for row in rows:
        sheet.append(row)
    change(sheet)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def edited(content: bytes, part: str, pattern: str, replacement: str) -> bytes:
    """Replace XML that the library cannot write."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            if name == part:
                text, count = re.subn(pattern.encode(), replacement.encode(), text)
                assert count
            new.writestr(name, text)
    return buffer.getvalue()


def read(content: bytes) -> Reading:
    file = File("a.xlsx", content, XLSX)
    reading = read_xlsx(file, lambda source, depth: Reading([]))
    assert find_missing_texts(SECOND_READINGS[XLSX](file), reading.elements) == []
    return reading


def texts_of(content: bytes) -> list[str]:
    return [element.text for element in read(content).elements]


def table(*rows: str) -> str:
    columns = rows[0].count("|") - 1
    return "\n".join([rows[0], "|" + " --- |" * columns, *rows[1:]])


def test_cells__are_stored_as_the_sheet_shows_them():
    def style(sheet: Worksheet) -> None:
        formats = ["hh:mm", "[h]:mm", "0.0%", '0.00 "EUR"', "yyyy-mm-dd", "#,##0", '"Room "0', "General", "General"]
        for column, code in enumerate(formats, 1):
            sheet.cell(2, column).number_format = code

    values = [
        dt.time(7, 30), dt.timedelta(hours=31, minutes=15), 0.125, 145.5, dt.date(2019, 3, 14),
        1234567, 7, 0.1 + 0.2, True,
    ]  # fmt: skip
    assert texts_of(workbook(list("abcdefghi"), values, change=style))[1].endswith(
        "| 07:30 | 31:15 | 12.5% | 145.50 EUR | 2019-03-14 | 1,234,567 | Room 7 | 0.3 | TRUE |"
    )


def test_dates__count_from_1904_where_the_workbook_says_so():
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    assert book.active is not None
    book.active.append(["Day", "Event"])
    book.active.append([dt.date(2019, 3, 14), "Concert"])
    buffer = io.BytesIO()
    book.save(buffer)
    assert "| 2019-03-14 | Concert |" in texts_of(buffer.getvalue())[1]


def test_merged_cells__are_repeated_and_header_rows_joined():
    rows = [
        ["Ticket prices"], [], ["Block", "Weekday", None, "Weekend"], [None, "Adult", "Child", "Adult", "Child"],
        ["Gallery", 22, 12, 27, 14], ["Stalls", 31, 17, 39, 21],
    ]  # fmt: skip

    def merge(sheet: Worksheet) -> None:
        for merged in ("A1:E1", "A3:A4", "B3:C3", "D3:E3"):
            sheet.merge_cells(merged)

    assert texts_of(workbook(*rows, change=merge)) == [
        "Menu",
        "Ticket prices",
        table(
            "| Block | Weekday Adult | Weekday Child | Weekend Adult | Weekend Child |",
            "| Gallery | 22 | 12 | 27 | 14 |",
            "| Stalls | 31 | 17 | 39 | 21 |",
        ),
    ]


def test_merged_cells__in_the_body_are_repeated_in_each_row():
    rows = [["Day", "Course"], ["Monday", "Yoga"], [None, "Judo"], ["Friday", "Chess"]]
    content = workbook(*rows, change=lambda sheet: sheet.merge_cells("A2:A3"))
    assert texts_of(content)[1] == table(
        "| Day | Course |", "| Monday | Yoga |", "| Monday | Judo |", "| Friday | Chess |"
    )


def test_merged_cells__over_columns_in_each_row_are_no_header():
    rows = [["Name", "Phone", None], ["Ann", "221", None], ["Bo", "222", None]]

    def merge(sheet: Worksheet) -> None:
        for row in (1, 2, 3):
            sheet.merge_cells(start_row=row, end_row=row, start_column=2, end_column=3)

    assert texts_of(workbook(*rows, change=merge))[1] == table("| Name | Phone |", "| Ann | 221 |", "| Bo | 222 |")


@pytest.mark.parametrize("reference", ["A1:XFD1048576", "A1:A1048576", "A1:XFD1"])
def test_merged_cells__over_the_whole_sheet_stay_small(reference):
    content = edited(
        workbook(*PRICES), "xl/worksheets/sheet1.xml", "</sheetData>",
        f'</sheetData><mergeCells count="1"><mergeCell ref="{reference}"/></mergeCells>',
    )  # fmt: skip
    assert "Falafel" in texts_of(content)[-1]


def test_tables__are_separated_by_blank_rows_and_columns():
    rows = [
        ["Dish", "Price", None, "Day", "Open"], ["Soup", 4, None, "Monday", "9-12"],
        ["Rice", 5, None, "Friday", "9-15"], ["Fish", 8], [], ["Prices include tax."], ["Drink", "Size"], ["Tea", "L"],
    ]  # fmt: skip
    assert texts_of(workbook(*rows))[1:] == [
        table("| Dish | Price |", "| Soup | 4 |", "| Rice | 5 |", "| Fish | 8 |"),
        table("| Day | Open |", "| Monday | 9-12 |", "| Friday | 9-15 |"),
        "Prices include tax.",
        table("| Drink | Size |", "| Tea | L |"),
    ]


def test_table__with_a_blank_row_keeps_its_header():
    rows = [["Dish", "Price"], ["Soup", 4], [], ["Fish", 8], [], ["Total", 12]]
    assert texts_of(workbook(*rows))[1:] == [
        table("| Dish | Price |", "| Soup | 4 |", "| Fish | 8 |", "| Total | 12 |")
    ]


def test_table__with_a_blank_column_stays_one_table():
    rows = [["Name", "Age", None, "Phone", "City"], ["Ann", 30, None, "221", "Rome"], ["Bo", 31, None, "222", "Oslo"]]
    assert texts_of(workbook(*rows))[1].startswith("| Name | Age | Phone | City |")


def test_text__struck_out_is_marked_in_cells_and_runs():
    rich = CellRichText("Entry ", TextBlock(InlineFont(strike=True), "6 euros"), " 8 euros")

    def strike(sheet: Worksheet) -> None:
        sheet["A2"].font = Font(strike=True)

    found = texts_of(workbook(["Offer", "Note"], ["Monday lunch", "-"], ["Evening", rich], change=strike))[1]
    assert "| ~~Monday lunch~~ | - |" in found
    assert "| Evening | Entry ~~6 euros~~ 8 euros |" in found


def test_links__keep_their_target_comments_follow_their_table():
    def add(sheet: Worksheet) -> None:
        sheet["A2"].hyperlink = "https://example.org/falafel?a=1&b=2"
        sheet["B3"].hyperlink = "#Menu!A1"
        sheet["A3"].comment = Comment("Ann:\nVegan on request.", "Ann")

    assert texts_of(workbook(*PRICES, change=add))[1:] == [
        table("| Dish | Price |", "| [Falafel](https://example.org/falafel?a=1&b=2) | 7 |", "| Soup | 4 |"),
        "Comment by Ann: Vegan on request. (cell A3: Soup)",
    ]


def test_formula__shows_its_stored_result_or_itself():
    content = workbook(["a", "b"], [1, "=A2*2"], [2, '=HYPERLINK("https://example.org/x","Map")'])
    stored = edited(
        content, "xl/worksheets/sheet1.xml", r'<c r="B3"><f>(.*?)</f><v ?(?:/>|></v>)</c>',
        r'<c r="B3" t="str"><f>\1</f><v>Map</v></c>',
    )  # fmt: skip
    reading = read(stored)
    assert reading.elements[1].text == table("| a | b |", "| 1 | =A2*2 |", "| 2 | [Map](https://example.org/x) |")
    assert reading.warnings[0].startswith("1 formula has no stored result")


def test_hidden__sheets_rows_and_columns_are_left_out_and_reported():
    def hide(sheet: Worksheet) -> None:
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["C"].hidden = True
        sheet["A3"].comment = Comment("secret", "Ann")
        assert sheet.parent is not None
        for name, state in (("Codes", "hidden"), ("More", "veryHidden")):
            other = sheet.parent.create_sheet(name)
            other["A1"] = "alarm code 4471"
            other.sheet_state = state

    reading = read(workbook(["Dish", "Price", "Cost"], ["Soup", "4", 1], ["Test", 0, 0], ["Fish", "8", 3], change=hide))
    assert [element.text for element in reading.elements][1:] == [
        table("| Dish | Price |", "| Soup | 4 |", "| Fish | 8 |")
    ]
    assert [(part.kind, part.count, part.total, part.where) for part in reading.unread] == [
        ("hidden_sheets", 2, 3, "Codes, More"),
        ("other", 1, None, "1 hidden row and 1 hidden column of the sheet Menu were left out."),
    ]


def test_filtered__rows_and_folded_groups_are_read():
    def hide(sheet: Worksheet) -> None:
        sheet.auto_filter.ref = "A1:B3"
        sheet.auto_filter.add_filter_column(0, ["Soup"])
        sheet.row_dimensions[2].hidden = True
        sheet.row_dimensions.group(4, 4, hidden=True)

    reading = read(workbook(*PRICES, ["Cake", 3], change=hide))
    assert reading.elements[1].text == table("| Dish | Price |", "| Falafel | 7 |", "| Soup | 4 |", "| Cake | 3 |")
    assert reading.unread == []


def chart_of(title: str) -> Callable[[Worksheet], object]:
    def add(sheet: Worksheet) -> None:
        chart = BarChart()
        chart.title = title
        chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        chart.set_categories(Reference(sheet, min_col=1, min_row=2, max_row=3))
        sheet.add_chart(chart, "D2")

    return add


def test_chart__of_cells_that_are_read_adds_its_title_only():
    assert texts_of(workbook(*PRICES, change=chart_of("Prices of 2026")))[2:] == ["Prices of 2026"]


def test_chart__of_other_cells_is_a_table():
    content = edited(
        workbook(*PRICES, change=chart_of("Visitors")), "xl/charts/chart1.xml", "<numRef>.*?</numRef>",
        "<numRef><f>Hidden!B2:B3</f><numCache><formatCode>0%</formatCode>"
        '<pt idx="0"><v>0.5</v></pt><pt idx="1"><v>0.5</v></pt></numCache></numRef>',
    )  # fmt: skip
    assert any("| 50% | 50% |\n| 50% | 50% |" in text for text in texts_of(content))


SHAPE = """<xdr:wsDr xmlns:xdr="urn:xdr" xmlns:a="urn:a"><xdr:twoCellAnchor><xdr:sp><xdr:txBody><a:p><a:r>
<a:t>Kitchen closes at nine</a:t></a:r></a:p></xdr:txBody></xdr:sp></xdr:twoCellAnchor></xdr:wsDr>"""


def test_text_box__is_read():
    content = edited(workbook(*PRICES, change=chart_of("x")), "xl/drawings/drawing1.xml", r"(?s)^.*$", SHAPE)
    assert texts_of(content)[2:] == ["Kitchen closes at nine"]


def sheet_part(rows: str, more: Mapping[str, str] | None = None) -> bytes:
    content = edited(workbook(*PRICES), "xl/worksheets/sheet1.xml", r"(?s)<sheetData>.*</sheetData>", rows)
    for part, text in (more or {}).items():
        content = edited(content, part, r"(?s)^.*$", text)
    return content


def test_cell__in_the_last_corner_of_the_sheet_stays_small():
    row = '<row r="{0}"><c r="{1}{0}"><v>{2}</v></c></row>'
    content = sheet_part(f"<sheetData>{row.format(1, 'A', 1)}{row.format(1048576, 'XFD', 2)}</sheetData>")
    assert texts_of(content) == ["Menu", "1", "2"]


def test_cells__scattered_over_the_sheet_stay_small():
    def scatter(sheet: Worksheet) -> None:
        for number in range(1, 3000):
            sheet.cell(number, number, f"n{number}")

    assert sum(map(len, texts_of(workbook(change=scatter)))) < 100_000


def test_rows__without_numbers_and_inline_strings_with_prefix_are_read():
    rows = (
        "<sheetData><row><c t='inlineStr'><is><t>Soup_x0041_</t></is></c><c t='e'><v>#DIV/0!</v></c></row>"
        "<row><c t='inlineStr'><is><r><t>R</t></r><r><t>ice</t></r><rPh><t>x</t></rPh></is></c>"
        "<c t='d'><v>2026-11-28T00:00:00</v></c></row></sheetData>"
    )
    assert texts_of(sheet_part(rows))[1] == table("| SoupA | #DIV/0! |", "| Rice | 2026-11-28 |")


def test_sheet__that_is_damaged_keeps_its_first_rows():
    reading = read(sheet_part('<sheetData><row r="1"><c r="A1"><v>41</v></c></row><row r="2"><c r="A2"><v>'))
    assert [element.text for element in reading.elements] == ["Menu", "41"]
    assert [part.kind for part in reading.unread] == ["damaged_parts"]


def test_entities__are_not_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "spam"><!ENTITY b "&a;&a;">]>'
    content = edited(workbook(*PRICES), "xl/worksheets/sheet1.xml", "^<worksheet", f"{bomb}<worksheet")
    assert "Falafel" in texts_of(content)[1]


def test_rows__beyond_the_limit_are_reported(monkeypatch):
    monkeypatch.setattr("pipeline.backends.documents.readers.xlsx.MAX_CELLS", 3)
    file = File("a.xlsx", workbook(*PRICES), XLSX)
    reading = read_xlsx(file, lambda source, depth: Reading([]))
    assert [(part.kind, part.where) for part in reading.unread] == [("rows_over_limit", "Menu")]
    assert "Falafel" in reading.elements[1].text


def test_long_table__continues_with_its_header(monkeypatch):
    monkeypatch.setattr("pipeline.backends.documents.readers.sheets.grid.MAX_TABLE_ROWS", 1)
    assert texts_of(workbook(*PRICES))[1:] == [
        table("| Dish | Price |", "| Falafel | 7 |"),
        table("| Dish | Price |", "| Soup | 4 |"),
    ]


def test_workbook__title_and_sheets():
    document = extract(Source("prices.xlsx", workbook(*PRICES)), max_unpacked_mb=10)
    assert (document.title, document.blocks[0].headings) == ("prices", ("Menu",))
