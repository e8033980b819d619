"""Columns, rows and tables of PDF pages."""

from __future__ import annotations

import pytest
from fpdf import FPDF

from tests.pdf_files import new_pdf, text_of

WEST = (
    "The western dyke was raised in the spring of 1962 after the storm flood. Clay was brought by barge from the "
    "inland pits, and women of the village laid the sods by hand. The crown stands at seven metres and forty above "
    "the mean level. Every autumn the dyke reeve inspects it on foot and writes a report to the league of Oakham."
)
EAST = (
    "The eastern dyke is younger. It was built in 1978 with a core of sand and a skin of asphalt. Sheep keep the "
    "grass short; dogs must be on a leash. The pumping station at its foot moves twelve cubic metres a second. Its "
    "keeper lives in the brick house behind the sluice, next to the old ferry landing of the northern bank."
)
SOUTH = (
    "The southern dyke is a summer dyke. It holds back the floods of June but not the storms of winter, and the "
    "meadows behind it are under water from November on. Geese rest there in great numbers. Nobody may walk on it "
    "before the end of March, and the gate at the mill is locked with a chain that the miller keeps at home."
)


def wrap(text: str, chars: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > chars:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def draw_columns(pdf: FPDF, columns: list[list[str]], left: float, step: float, top: float, *, by_row: bool) -> None:
    cells = [
        (left + step * column, top + 13 * row, line)
        for column, lines in enumerate(columns)
        for row, line in enumerate(lines)
    ]
    for x, y, line in sorted(cells, key=lambda cell: cell[1]) if by_row else cells:
        pdf.text(x, y, line)


def squeeze(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("by_row", [True, False])
def test_columns__two_are_read_one_after_the_other(by_row):
    pdf = new_pdf(9)
    pdf.set_font("Helvetica", size=16)
    pdf.text(60, 60, "Journal of Dyke Research, yearbook of the league of marshes, volume 12")
    pdf.set_font("Helvetica", size=9)
    draw_columns(pdf, [wrap(WEST, 44), wrap(EAST, 44)], 60, 250, 100, by_row=by_row)
    pdf.text(
        60,
        300,
        "Footnote: all heights refer to the gauge of Norderby, which was moved in 1950 by eleven metres.",
    )
    text = squeeze(text_of(pdf))
    assert WEST in text
    assert EAST in text
    assert text.index(WEST) < text.index(EAST) < text.index("Footnote")


def test_columns__three_are_read_one_after_the_other():
    pdf = new_pdf(8)
    draw_columns(pdf, [wrap(text, 34) for text in (WEST, EAST, SOUTH)], 50, 170, 100, by_row=True)
    text = squeeze(text_of(pdf))
    assert text.index(WEST) < text.index(EAST) < text.index(SOUTH)


def test_rows__of_a_form_with_two_columns_stay_rows():
    pdf = new_pdf()
    left = [
        "Name: Torben Friis from Norderby",
        "Street: Mill Lane 14 behind the church",
        "Boat: Anna, oak, nine metres",
    ]
    right = ["Berth: Q7 at the northern jetty", "Fee: 230 EUR for the season", "Paid: yes, on 3 March in cash"]
    draw_columns(pdf, [left, right], 60, 250, 100, by_row=False)
    assert text_of(pdf).splitlines() == [f"{one}\t{other}" for one, other in zip(left, right, strict=True)]


def test_rows__of_a_table_without_lines_become_a_table():
    pdf = new_pdf()
    rows = [("Berth", "Boat", "Fee"), ("B01", "Anna", "27 EUR"), ("B02", "Berta", ""), ("B03", "Clara", "41 EUR")]
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell:
                pdf.text(60 + 100 * column, 100 + 16 * number, cell)
    assert text_of(pdf).splitlines() == [
        "| Berth | Boat | Fee |",
        "| --- | --- | --- |",
        "| B01 | Anna | 27 EUR |",
        "| B02 | Berta |  |",
        "| B03 | Clara | 41 EUR |",
    ]


def test_table__with_lines_keeps_wrapped_cells_and_spreads_merged_ones():
    pdf = new_pdf()
    with pdf.table(col_widths=(100, 100, 100), width=300, line_height=14, align="LEFT", num_heading_rows=2) as table:
        head = table.row()
        head.cell("Harbour", rowspan=2)
        head.cell("Depth", colspan=2)
        second = table.row()
        second.cell("Low tide")
        second.cell("High tide")
        for cells in (("Norderby", "1.2 m", "3.9 m"), ("Oakham, beyond the second sluice", "0.4 m", "2.8 m")):
            table.row(cells)
    pdf.text(60, 400, "Depths are measured in March.")
    assert text_of(pdf).splitlines()[:5] == [
        "| Harbour | Depth | Depth |",
        "| --- | --- | --- |",
        "| Harbour | Low tide | High tide |",
        "| Norderby | 1.2 m | 3.9 m |",
        "| Oakham, beyond the second sluice | 0.4 m | 2.8 m |",
    ]


def test_table__with_rules_between_its_rows_keeps_wrapped_cells():
    pdf = new_pdf()
    for y, cells in ((100, ("Option", "Meaning")), (116, ("harbour", "The harbour whose tide")),
                     (128, ("", "is shown first")), (144, ("refresh", "Seconds, at least 90"))):  # fmt: skip
        pdf.text(60, y, cells[0])
        pdf.text(160, y, cells[1])
    for y in (88, 104, 132, 148):
        pdf.line(58, y, 300, y)
    assert text_of(pdf).splitlines() == [
        "| Option | Meaning |",
        "| --- | --- |",
        "| harbour | The harbour whose tide is shown first |",
        "| refresh | Seconds, at least 90 |",
    ]


def test_table__without_lines_joins_rows_that_stand_close():
    pdf = new_pdf()
    cells = {100: ("Option", "Meaning", "Default"), 120: ("harbour", "The harbour whose tide", "Norderby"),
             131: ("", "is shown first", ""), 151: ("refresh", "Seconds", "90")}  # fmt: skip
    for y, row in cells.items():
        for x, cell in zip((60, 160, 320), row, strict=True):
            pdf.text(x, y, cell)
    assert "| harbour | The harbour whose tide is shown first | Norderby |" in text_of(pdf)


def test_table__boxes_around_text_are_none():
    pdf = new_pdf()
    pdf.rect(50, 80, 400, 100)
    pdf.text(60, 100, "Name")
    pdf.text(200, 100, "Torben Friis")
    pdf.text(60, 120, "Boat")
    pdf.text(200, 120, "Anna")
    for x, y, width in ((55, 106, 100), (195, 106, 100), (55, 126, 100)):
        pdf.line(x, y, x + width, y)
    assert text_of(pdf).splitlines() == ["Name\tTorben Friis", "Boat\tAnna"]


def test_table__with_a_note_beyond_its_columns_is_read():
    pdf = new_pdf()
    for number in range(4):
        for column in range(4):
            pdf.text(60 + 60 * column, 100 + 16 * number, f"{column}{number}")
    pdf.text(500, 108, "x")
    assert "| 03 | 13 | 23 | 33 |" in text_of(pdf)
