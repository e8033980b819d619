import pytest

from pipeline.backends.documents.ocr import PageRecogniser, judge
from pipeline.backends.documents.ocr_engine import Line
from pipeline.backends.documents.recognition import (
    NoRecogniser,
    Outcome,
    RecognisedImage,
    build_recognised_elements,
    find_unread_pages,
    format_ranges,
)
from pipeline.types import Unread


def line(text: str, score: float = 0.99, shape: float = 10, top: float = 0) -> Line:
    return Line(text, score, 0, top, 20 * shape, top + 20)


def test_text__has_the_mean_confidence_of_its_characters():
    image = judge([[line("a" * 30, 1.0), line("b" * 10, 0.8, top=30)]])
    assert image.outcome == "text"
    assert image.confidence == pytest.approx(0.95)


@pytest.mark.parametrize(
    "lines", [[], [line("", 0.0, shape=3)], [line("I", 0.9, shape=1)], [line("wow", 0.3, shape=2)]]
)
def test_picture__with_accidental_letters_has_no_text(lines: list[Line]):
    assert judge([lines]).outcome == "no_text"


@pytest.mark.parametrize(
    "lines",
    [
        [line("."), line("  125 .", top=30), line(". .", top=60)],  # Russian, read by the models
        [line("", 0.0), line("", 0.0, top=30)],  # Arabic
        [line("", 0.0, shape=4.5)],  # two words in Arabic
        [line("κπνισα απαγεεται σν αυσα", 0.83)],  # Greek
    ],
)
def test_text_in_an_unknown_script__is_reported(lines: list[Line]):
    assert judge([lines]).outcome == "unknown_script"


@pytest.mark.parametrize(
    "text",
    ["Größere Übermäßig", "élève où ça naïve", "źródło światła łódź", "租金为每月欧元须预付金额", "ボートハウスの賃料"],
)
def test_text_in_a_known_script__is_kept(text: str):
    assert judge([[line(text, shape=8), line(text, shape=8, top=30)]]).outcome == "text"


def test_text_that_is_mostly_guessed__is_not_kept():
    assert judge([[line("Th  s  s d oos", 0.64, shape=8)]]).outcome == "unknown_script"


def render_nothing() -> None:
    raise AssertionError("the image is not rendered again")


def damaged() -> None:
    raise OSError("truncated")


def recogniser(messages: list[dict[str, object]], results: dict[int, RecognisedImage], max_images: int = 10):
    return PageRecogniser(results, [2], max_images, messages.append)


def test_images_of_an_earlier_attempt__are_not_recognised_again():
    messages: list[dict[str, object]] = []
    first = RecognisedImage("text", ("One.",), 0.9)
    found = recogniser(messages, {1: first}).recognise([render_nothing, render_nothing])
    assert found == [first, RecognisedImage("failed")]
    assert messages == []


def test_damaged_image__is_reported_as_failed():
    messages: list[dict[str, object]] = []
    assert PageRecogniser({}, [], 10, messages.append).recognise([damaged])[0].outcome == "failed"  # type: ignore[list-item]
    assert [message["event"] for message in messages] == ["started", "recognised"]
    assert messages[0] == {"event": "started", "number": 1, "done": 0, "total": 1}


def test_images_over_the_limit__are_reported():
    found = recogniser([], {1: RecognisedImage("no_text")}, max_images=2).recognise([render_nothing] * 4)
    assert [image.outcome for image in found] == ["no_text", "failed", "over_limit", "over_limit"]


def test_unread_pages__are_reported_by_reason():
    outcomes: list[Outcome] = ["text", "failed", "failed", "unknown_script", "no_text", "over_limit"]
    images = {number: RecognisedImage(outcome) for number, outcome in enumerate(outcomes, 2)}
    assert find_unread_pages(images, 9) == [
        Unread("pages_without_text", 2, 9, "3-4"),
        Unread("unknown_script", 1, 9, "5"),
        Unread("pages_over_limit", 1, 9, "7"),
    ]


def test_ranges__are_joined():
    assert format_ranges([7, 2, 3, 4, 9, 10]) == "2-4, 7, 9-10"


def test_elements__carry_the_confidence():
    elements = build_recognised_elements(RecognisedImage("text", ("One.", "Two."), 0.71), 3)
    assert [(element.text, element.page, element.confidence) for element in elements] == [
        ("One.", 3, 0.71),
        ("Two.", 3, 0.71),
    ]


def test_without_the_extra__the_problem_names_the_fix():
    assert "scripts/install ocr" in NoRecogniser().problem


def test_text_in_two_scripts__keeps_the_lines_that_can_be_read_and_is_reported():
    image = judge([[line("The deposit is 3,750 euros."), line("1250", shape=9, top=60)]])
    assert image.outcome == "unknown_script"
    assert image.paragraphs == ("The deposit is 3,750 euros.",)


def test_few_lines__without_enough_characters_are_kept_with_the_rest():
    image = judge([[line("Total of all amounts: 12", shape=12, top=30 * n) for n in range(8)] + [line("..7", top=240)]])
    assert image.outcome == "text"
    assert "..7" in image.paragraphs[-1]
