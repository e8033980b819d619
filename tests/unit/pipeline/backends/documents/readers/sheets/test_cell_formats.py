"""Numbers as a spreadsheet shows them."""

import pytest

from pipeline.backends.documents.readers.sheets.cell_formats import format_general, format_number, format_text


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (145.5, '0.00 "EUR"', "145.50 EUR"), (1234567.891, "#,##0.00", "1,234,567.89"), (0.125, "0.0%", "12.5%"),
        (2.675, "0.00", "2.68"), (-0.001, "0.00", "0.00"), (-5, "0;(0)", "(5)"), (0, '0;-0;"none"', "none"),
        (7, '"Room "0', "Room 7"), (7, '"No. "000', "No. 007"), (12, '0\\ "km"', "12 km"), (5, "0 °C", "5 °C"),
        (5551234, "000-0000", "555-1234"), (3.14159, "0.0##", "3.142"), (3, "0.##", "3"), (12345, "#,##0,", "12"),
        (1234567, '0.0,,"M"', "1.2M"), (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (45.5, "[$£-809]#,##0.00", "£45.50"),
        (-1234.5, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "(1,234.50)"),
        (0, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "-"), (12.5, '0.0 "%"', "12.5 %"),
        (2.5, "# ?/?", "2 1/2"), (0.75, "?/4", "3/4"), (0.3, "0/100", "30/100"), (2, "# ?/?", "2"),
        (198356388, "0.00E+00", "1.98E+08"), (12345, "##0.0E+0", "12.3E+3"), (99999, "0.0E+0", "1.0E+5"),
        (4500, '[>=1000]0.0,"k";0', "4.5k"), (500, '[>=1000]0.0,"k";0', "500"), (61, "[Red][>60]0;0", "61"),
        (1, '"Yes";"Yes";"No"', "Yes"), (3, 'General" km"', "3 km"),
    ],
)  # fmt: skip
def test_number__is_written_as_the_sheet_shows_it(value, code, shown):
    assert format_number(value, code) == shown


@pytest.mark.parametrize(
    ("serial", "code", "shown"),
    [
        (0.3125, "hh:mm", "07:30"), (31.25 / 24, "[h]:mm", "31:15"), (0.01, "[mm]:ss", "14:24"),
        (1.5, "[h]:mm:ss", "36:00:00"), (-0.5, "[h]:mm", "-12:00"), (0.5, "h:mm AM/PM", "12:00 PM"),
        (0.25, "上午/下午h:mm", "上午6:00"), (45.2, "mm:ss.0", "48:00.0"), (0.5, 'h" h "mm" min"', "12 h 00 min"),
        (43538, "DD.MM.YYYY", "2019-03-14"), (43538, "mm-dd-yy", "2019-03-14"), (43538, "d/m/yyyy", "2019-03-14"),
        (43538.78125, "yyyy-mm-dd hh:mm", "2019-03-14 18:45"), (43538.75, "m/d/yy h:mm", "2019-03-14 18:00"),
        (43538, "d. mmmm yyyy", "14. March 2019"), (43538, "[$-407]d. mmmm yyyy", "2019-03-14"),
        (43538, "[$-409]dddd, mmmm d, yyyy", "Thursday, March 14, 2019"), (43538, "mmm yyyy", "Mar 2019"),
        (43538, "ddd", "Thu"), (43538, "mm/yyyy", "03/2019"), (43538, 'yyyy"年"m"月"d"日"', "2019年3月14日"),
        (59, "yyyy-mm-dd", "1900-02-28"), (61, "yyyy-mm-dd", "1900-03-01"),
    ],
)  # fmt: skip
def test_date__keeps_time_and_duration_and_has_no_midnight(serial, code, shown):
    assert format_number(serial, code) == shown


def test_date__counts_from_1904_in_files_of_that_system():
    assert format_number(0, "yyyy-mm-dd", epoch_1904=True) == "1904-01-01"
    assert format_number(1462, "yyyy-mm-dd") == format_number(0, "yyyy-mm-dd", epoch_1904=True)


@pytest.mark.parametrize("code", [";;;", "yyyy", "", "@", "[[[", '"', "\\", "_", "/", "0/", "E+", "." * 10_000])
def test_number__that_a_format_does_not_fit_stays_readable(code):
    assert format_number(-1e300, code)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.1 + 0.2, "0.3"), (3.0, "3"), (1234567890123450, "1234567890123450"), (1e-07, "0.0000001"), (1e22, "1E+22"),
     (1 / 3, "0.333333333333333"), (-2.5, "-2.5")],
)  # fmt: skip
def test_number__without_a_format_has_no_binary_noise(value, shown):
    assert format_general(value) == shown


def test_text__is_inserted_into_its_literals():
    assert format_text("7a", '"Room "@') == "Room 7a"
    assert format_text("7a", "General") == format_text("7a", "@") == "7a"
