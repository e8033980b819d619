from __future__ import annotations

import contextlib

import pytest

from pipeline.backends.documents.readers.xls import read_xls
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.sniffing import XLS, XLSB
from pipeline.errors import EncryptedFile, UnreadableFile
from pipeline.types import Source
from tests.old_workbooks import HIDDEN, VERY_HIDDEN, Sheet, write_xls, write_xlsb

PRICES = [["Seat", "Price"], ["Stalls", 34.5], ["Gallery", 22]]
CODES = [["Door", "Code"], ["Cellar", 4471], ["Attic", 5532]]


def _read_nothing(source: Source, depth: int) -> Reading:
    raise AssertionError(f"{source.name} at depth {depth}")


def read(content: bytes, media_type: str = XLS) -> Reading:
    return read_xls(File("book", content, media_type), _read_nothing)


def texts_of(content: bytes, media_type: str = XLS) -> list[str]:
    return [element.text for element in read(content, media_type).elements]


def unread_of(content: bytes, media_type: str = XLS) -> list[tuple[str, int, int | None, str]]:
    return [(part.kind, part.count, part.total, part.where) for part in read(content, media_type).unread]


@pytest.mark.parametrize(("write", "media_type"), [(write_xls, XLS), (write_xlsb, XLSB)])
def test_sheets__are_tables_under_their_names(write, media_type):
    content = write(Sheet("Prices", PRICES), Sheet("Doors", CODES))
    assert texts_of(content, media_type) == [
        "Prices",
        "| Seat | Price |\n| --- | --- |\n| Stalls | 34.5 |\n| Gallery | 22 |",
        "Doors",
        "| Door | Code |\n| --- | --- |\n| Cellar | 4471 |\n| Attic | 5532 |",
    ]
    assert unread_of(content, media_type) == []


@pytest.mark.parametrize(("write", "media_type"), [(write_xls, XLS), (write_xlsb, XLSB)])
def test_hidden_sheets__are_reported_and_not_read(write, media_type):
    content = write(Sheet("Codes", CODES, HIDDEN), Sheet("Prices", PRICES), Sheet("More", CODES, VERY_HIDDEN))
    text = "\n".join(texts_of(content, media_type))
    assert "Stalls" in text
    assert "4471" not in text
    assert unread_of(content, media_type) == [("hidden_sheets", 2, 3, "Codes, More")]


def test_values__are_written_without_noise_and_as_iso_dates():
    values = [
        0.1 + 0.2, 1e-7, True, (43538.0, "dd.mm.yyyy"), (43538.3125, "dd.mm.yy hh:mm"), (0.3125, "hh:mm"),
        (31.25 / 24, "[h]:mm"), (0.75 + 5 / 86400, "hh:mm:ss"), 1e15,
    ]  # fmt: skip
    assert texts_of(write_xls(Sheet("Values", [list("abcdefghi"), values])))[1].endswith(
        "| 0.3 | 0.0000001 | TRUE | 2019-03-14 | 2019-03-14 07:30 | 07:30 | 31:15 | 18:00:05 | 1000000000000000 |"
    )


def test_merged_cells__are_repeated():
    rows = [["Block", "Weekday", ""], ["", "Adult", "Child"], ["Gallery", 22, 12]]
    content = write_xls(Sheet("Prices", rows, merges=[(3, 4, 0, 0), (3, 3, 1, 2)], top=3))
    assert (
        texts_of(content)[1] == "| Block | Weekday Adult | Weekday Child |\n| --- | --- | --- |\n| Gallery | 22 | 12 |"
    )


def test_hidden_rows_and_columns__are_reported_and_not_read():
    rows = [["Name", "Fee", "Note"], ["Vera", 12, "owes"], ["Secret Member", 0, "x"], ["Udo", 14, "paid"]]
    sheet = Sheet("Members", rows, rows_options={7: 0x20, 9: 0x20}, columns_options={2: 1, 9: 1}, top=5)
    content = write_xls(sheet)
    assert texts_of(content)[1] == "| Name | Fee |\n| --- | --- |\n| Vera | 12 |\n| Udo | 14 |"
    assert unread_of(content) == [
        ("other", 1, None, "1 hidden row and 1 hidden column of the sheet Members were left out.")
    ]


def test_folded_groups_and_filtered_rows__are_read():
    folded = Sheet("A", PRICES, rows_options={1: 0x21}, columns_options={1: 0x101})
    filtered = Sheet("B", PRICES, rows_options={1: 0x20}, filtered=True)
    content = write_xls(folded, filtered)
    assert [text for text in texts_of(content) if "| Stalls | 34.5 |" in text] != []
    assert unread_of(content) == []


def test_encrypted_workbook__is_rejected():
    with pytest.raises(EncryptedFile):
        read(write_xls(Sheet("Prices", PRICES), encrypted=True))


@pytest.mark.parametrize("media_type", [XLS, XLSB])
def test_damaged_workbook__is_rejected(media_type):
    with pytest.raises(UnreadableFile, match="book is damaged"):
        read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), media_type)


@pytest.mark.parametrize("length", range(0, 5000, 613))
def test_truncated_workbook__is_read_or_rejected(length):
    content = write_xls(Sheet("Prices", PRICES))[: 512 + length]
    with contextlib.suppress(UnreadableFile):
        read(content)
