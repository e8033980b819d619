"""The units of a passage, with the context that they belong to."""

from __future__ import annotations

import pytest

from pipeline.text.units import is_question, read_units


def quotable(text: str, *headings: str) -> list[tuple[str, str]]:
    """Return the text and the context of each unit that can be quoted."""
    return [(unit.text, unit.context) for unit in read_units(text, headings) if unit.is_quotable]


@pytest.mark.parametrize(
    "text",
    [
        "Q: Can I bring my dog?\nA: Dogs are welcome. They cost 3 euros.",
        "Q1. Can I bring my dog?\nA1. Dogs are welcome. They cost 3 euros.",
        "**Can I bring my dog?**\nDogs are welcome. They cost 3 euros.",
        "**Can I bring my dog?**\n\nDogs are welcome. They cost 3 euros.",
        "### Can I bring my dog?\n\nDogs are welcome. They cost 3 euros.",
        "1. Can I bring my dog?\n   Dogs are welcome. They cost 3 euros.",
        "- **Can I bring my dog?** Dogs are welcome. They cost 3 euros.",
        "Can I bring my dog? Dogs are welcome. They cost 3 euros.",
        "Frage: Can I bring my dog?\nAntwort: Dogs are welcome. They cost 3 euros.",
    ],
)
def test_read_units__an_answer_belongs_to_its_question(text: str) -> None:
    ((answer, question),) = quotable(text)
    assert answer == "Dogs are welcome. They cost 3 euros."
    assert "Can I bring my dog?" in question


def test_read_units__chinese_questions() -> None:
    text = "问：几点锁门？\n答：十一点半锁门。\n\n2、怎么付费？\n用校园卡。"
    assert quotable(text) == [("十一点半锁门。", "问：几点锁门？"), ("用校园卡。", "2、怎么付费？")]


def test_read_units__the_question_in_the_heading() -> None:
    assert quotable("Twelve books.", "Help", "How many books?") == [("Twelve books.", "How many books?")]


def test_read_units__a_question_in_prose_is_answered_by_the_next_sentence() -> None:
    text = "Our bees live on the roof. How much honey do they make? About 25 kg in a good summer. Year nine sells it."
    assert quotable(text) == [
        ("Our bees live on the roof.", ""),
        ("About 25 kg in a good summer.", "How much honey do they make?"),
        ("Year nine sells it.", ""),
    ]


def test_read_units__chat_messages() -> None:
    text = "[12.03.26, 18:04] Ole: Where do we meet?\n[12.03.26, 18:05] Nadia: At the north pier\n"
    assert quotable(text) == [
        ("[12.03.26, 18:05] Nadia: At the north pier", "[12.03.26, 18:04] Ole: Where do we meet?")
    ]
    text = "[05-Feb-26 09:14 PM] kim\nWhich one?\n\n[05-Feb-26 09:16 PM] dob\nthe 6 mm on steady nights"
    assert quotable(text) == [("the 6 mm on steady nights", "Which one?")]


def test_read_units__labels_are_context() -> None:
    assert quotable("[web]\nport = 8443\nworkers = 12") == [("port = 8443", "[web]"), ("workers = 12", "[web]")]
    assert quotable("§ 3 Lateness\nWho is late loses the game.") == [("Who is late loses the game.", "§ 3 Lateness")]
    assert quotable("Opening hours:\nDaily from nine to five") == [("Daily from nine to five", "Opening hours:")]


def test_read_units__struck_text_is_left_out() -> None:
    text = (
        "An evening costs ~~18 euros~~ 24 euros. ~~Children come free.~~ Glaze is included.\n\n- ~~Mondays~~\n- Fridays"
    )
    assert [text for text, _ in quotable(text)] == ["An evening costs 24 euros.", "Glaze is included.", "Fridays"]


def test_read_units__rows_have_their_headers() -> None:
    markdown = "| Seat | Price |\n| --- | --- |\n| Lawn | 6 |"
    grid = "+------+-------+\n| Seat | Price |\n+======+=======+\n| Lawn | 6     |\n+------+-------+"
    aligned = "Seat      Price\n---------------\nLawn      6\nStalls    9"
    for table in (markdown, grid, aligned):
        row = next(unit for unit in read_units(table) if "Lawn" in unit.text)
        assert row.cells == (("Seat", "Lawn"), ("Price", "6"))
        assert row.text.startswith(table.splitlines()["+" in table])
        assert "Stalls" not in row.text


def test_read_units__key_value_lines_are_records() -> None:
    units = read_units("Device: Printer LP-3000\nToner: TN-2420\nPlace: Copy room, second floor")
    assert [unit.cells for unit in units] == [
        (("Device", "Printer LP-3000"),),
        (("Toner", "TN-2420"),),
        (("Place", "Copy room, second floor"),),
    ]
    assert units[1].context == "Device: Printer LP-3000"


@pytest.mark.parametrize(
    "text",
    ["? " * 20_000, "a: " * 20_000, "[" * 100_000, "~~" * 50_000, "  x" * 30_000, "Q: " * 30_000, "1:00 " * 20_000],
)
def test_read_units__long_lines_take_linear_time(text: str) -> None:
    read_units(text)


def test_is_question() -> None:
    assert is_question("Who?")
    assert is_question("**谁？**")
    assert is_question("Q: tell me")
    assert not is_question("Who? Me.")


def test_read_units__a_short_sentence_stays_alone_a_fragment_does_not() -> None:
    text = "It has four towers. It is thirty metres high. Apache-2.0. Maintained by Oda Brekke."
    assert quotable(text) == [
        ("It has four towers.", ""),
        ("It is thirty metres high.", ""),
        ("Apache-2.0. Maintained by Oda Brekke.", ""),
    ]


def test_read_units__a_heading_with_a_number_belongs_to_its_units() -> None:
    assert [unit.heading for unit in read_units("- Added: dark theme", ("Changelog", "2.4.0 - 2026-02-18"))] == [
        "2.4.0 - 2026-02-18"
    ]
    assert [unit.heading for unit in read_units("Two goats.", ("The keeper",))] == [""]
