"""Plain text: questions stay with their answers, drawn tables become tables, prose stays as it is."""

import pytest

from pipeline.backends.documents.readers.plain import read_plain_text
from tests.reading import read, text_of

FEES = "| Boat | Fee |\n| --- | --- |\n| B01 | 27 EUR |\n| B02 | 34 EUR |"


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Q: Dogs?\nA: Welcome.\n\nQ: Parking?\nA: No.", "Q: Dogs?\nA: Welcome."),
        ("Q: Dogs?\n\nA: Welcome.\n\nQ: Parking?\n\nA: No.", "Q: Dogs?\nA: Welcome."),
        ("Q: Dogs?\nA: Welcome.\n\nOn a lead.\n\nQ: Parking?\nA: No.", "Q: Dogs?\nA: Welcome.\nOn a lead."),
        ("Q1. Dogs?\nA1. Welcome.\nQ2. Parking?\nA2. No.", "Q1. Dogs?\nA1. Welcome."),
        ("Frage: Hunde?\n\nAntwort: Gern.\n\nFrage: Parken?\n\nAntwort: Nein.", "Frage: Hunde?\nAntwort: Gern."),
        ("问：可以带狗吗？\n\n答：可以。\n\n问：可以停车吗？\n\n答：不可以。", "问：可以带狗吗？\n答：可以。"),
        ("1. Dogs?\n\nWelcome.\n\n2. Parking?\n\nNo.", "1. Dogs?\nWelcome."),
    ],
)
def test_faq__question_and_answer_are_one_paragraph(text, pair):
    assert pair in [element.text for element in read_plain_text(text)]


TABLES = {
    "aligned": "Boat      Fee\nB01       27 EUR\nB02       34 EUR",
    "ruled": "Boat      Fee\n----------------\nB01       27 EUR\nB02       34 EUR",
    "rst simple": "=====  ======\nBoat   Fee\n=====  ======\nB01    27 EUR\nB02    34 EUR\n=====  ======",
    "rst grid": ("+----+------+\n|Boat|Fee   |\n+====+======+\n|B01 |27 EUR|\n+----+------+\n"
        "|B02 |34    |\n|    |EUR   |\n+----+------+"),
    "mysql": "+----+------+\n|Boat|Fee   |\n+----+------+\n|B01 |27 EUR|\n|B02 |34 EUR|\n+----+------+",
    "psql": " Boat |  Fee\n------+--------\n B01  | 27 EUR\n B02  | 34 EUR",
    "boxes": ("┌──────┬────────┐\n│ Boat │ Fee    │\n├──────┼────────┤\n│ B01  │ 27 EUR │\n"
        "│ B02  │ 34 EUR │\n└──────┴────────┘"),
    "bars": "Boat | Fee\nB01 | 27 EUR\nB02 | 34 EUR",
    "tabs": "Boat\tFee\nB01\t27 EUR\nB02\t34 EUR",
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_table__that_is_drawn_becomes_a_table_with_its_header(kind):
    assert text_of("a.txt", f"Fees of the harbour\n\n{TABLES[kind]}\n\nPay in advance.") == (
        f"Fees of the harbour\n\n{FEES}\n\nPay in advance."
    )


def test_table__with_wide_characters():
    text = "港口      高潮      低潮\n上海      04:12     10:30\n宁波      05:37     11:45\n"
    assert text_of("a.txt", text).startswith("| 港口 | 高潮 | 低潮 |\n| --- | --- | --- |\n| 上海 | 04:12 | 10:30 |")


def test_table__of_values_only_has_an_empty_header():
    assert text_of("a.txt", "Coffee     2.50\nTea        1.90\nCake       3.20").startswith(
        "|  |  |\n| --- | --- |\n| Coff"
    )


@pytest.mark.parametrize(
    "text",
    [
        "One sentence.  Another one.  They differ.\nA second line.  It goes on.  And on.\nThe third one.  Here.  End.",
        "Name:     Anna\nPhone:    0170 1234\nTown:     Bonn",
        "a = 1       # first\nbcd = 2     # second\ne = a       # third",
        "int a;      // first\nint bcd;    // second\nint e;      // third",
        "Home | About\nText without bars",
        "| Boat | Fee |\n| --- | --- |\n| B01 | 27 |",
    ],
)
def test_table__prose_fields_and_code_stay_as_they_are(text):
    assert text_of("a.txt", text) == text


def test_heading__underlined():
    document = read("a.rst", "Tide table\n==========\n\nNorderby is high.\n\nNotes\n-----\n\n.. note:: Winter times.\n")
    assert document.title == "Tide table"
    assert [(block.headings, block.text) for block in document.blocks] == [
        (("Tide table",), "Norderby is high."), (("Tide table", "Notes"), "Note: Winter times."),
    ]  # fmt: skip


def test_plain__numbered_clauses_keep_their_numbers():
    text = "1. Pay the fee.\n1.1 In advance.\n\n§ 3 Dogs are welcome."
    assert text_of("a.txt", text) == text


def test_plain__long_lines_take_linear_time():
    for line in (
        "| " * 100_000,
        "a  " * 100_000,
        "+-" * 100_000,
        "[" * 200_000,
        "12:30 " * 50_000,
        "=" * 200_000 + "x",
        "Q" + " " * 200_000 + "x",
    ):
        assert read_plain_text(f"{line}\n{line}\n{line}")
