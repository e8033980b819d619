from pipeline.backends.documents.ocr_engine import Line
from pipeline.backends.documents.ocr_layout import build_paragraphs


def line(text: str, left: float, top: float, height: float = 20) -> Line:
    return Line(text, 0.99, left, top, left + 0.5 * height * len(text), top + height)


def lines(texts: list[str], left: float, top: float = 100, pitch: float = 30) -> list[Line]:
    return [line(text, left, top + pitch * number) for number, text in enumerate(texts)]


LEFT = ["The lease of the boathouse begins", "on the first of April and it ends", "on the last of March five years on"]
RIGHT = [
    "Keys are returned to the office by",
    "noon on the last day of the lease,",
    "and the deposit is then paid back.",
]


def test_columns__are_read_one_after_the_other():
    # Rows of a scan alternate between the columns, and the two columns are not exactly level.
    mixed = [found for pair in zip(lines(LEFT, 50), lines(RIGHT, 600, 107), strict=True) for found in pair]
    assert build_paragraphs(mixed) == ["\n".join(LEFT), "\n".join(RIGHT)]


def test_columns__heading_across_is_read_before_and_text_across_after_them():
    heading, note = line("THE LEASE OF THE BOATHOUSE AND WHAT IT SAYS ABOUT KEYS", 200, 40), lines(["x" * 110], 50, 300)
    found = build_paragraphs([*note, *lines(RIGHT, 600), *lines(LEFT, 50), heading])
    assert found == [heading.text, "\n".join(LEFT), "\n".join(RIGHT), "x" * 110]


def test_three_columns__are_read_from_left_to_right():
    third = [
        "Boats longer than nine metres need",
        "the consent of the harbour master,",
        "which the office asks for in time.",
    ]
    found = build_paragraphs([*lines(third, 1200), *lines(LEFT, 50), *lines(RIGHT, 600)])
    assert found == ["\n".join(LEFT), "\n".join(RIGHT), "\n".join(third)]


def test_table__is_read_row_by_row_with_separated_cells():
    rows = [("Item", "Price"), ("Oars", "12"), ("Rope", "7"), ("Mast", "230")]
    cells = [
        line(text, 50 + 400 * column, 100 + 30 * row)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    ]
    assert build_paragraphs(cells) == ["Item | Price\nOars | 12\nRope | 7\nMast | 230"]


def test_parts_of_a_line__are_joined_from_left_to_right():
    assert build_paragraphs([line("of the boathouse", 175, 102), line("The lease", 80, 100)]) == [
        "The lease of the boathouse"
    ]


def test_paragraphs__end_at_a_gap_and_where_the_size_changes():
    title = line("Lease", 50, 100, height=50)
    assert build_paragraphs([title, *lines(["First."], 50, 160), *lines(["Second."], 50, 230)]) == [
        "Lease",
        "First.",
        "Second.",
    ]


def test_hyphen_at_the_end_of_a_line__joins_the_word():
    texts = [
        "Boote über neun Meter Länge dürfen nur mit Zustim-",
        "mung des Hafenmeisters festmachen, der Gäste-Steg nicht.",
    ]
    assert "mit Zustimmung des Hafenmeisters" in build_paragraphs(lines(texts, 50))[0]


def test_chinese__number_at_the_end_of_a_line_stays_whole():
    texts = ["船屋租约自本年四月一日起对双方生效并且至202", "6年三月三十一日止，租金须在每月第三个工作日之前预付"]
    assert "202" + "6年" in build_paragraphs(lines(texts, 50))[0]


def test_no_lines__give_no_paragraphs():
    assert build_paragraphs([]) == []
