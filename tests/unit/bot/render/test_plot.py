"""The picture of ranks: lines, size and missing glyphs."""

from __future__ import annotations

import io
import itertools
import warnings

import pytest
from PIL import Image

from bot.locales.texts import texts_for
from bot.render import fonts, plot
from tests.bot_factories import candidate, trace
from tests.message_checks import HOSTILE

EN, ZH = texts_for("en-US"), texts_for("zh-CN")


def _reversed(count: int, **values):
    return trace(*(candidate(n, count + 1 - n, **values) for n in range(1, count + 1)))


def _picture(told, t=EN) -> Image.Image:
    # A missing glyph causes a warning, and warnings are errors in tests.
    return Image.open(io.BytesIO(plot.draw_rank_plot(told, t)))


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 50, 200])
def test_plot__of_any_number_of_passages(count):
    picture = _picture(_reversed(count))
    assert picture.width == 1000
    assert 150 < picture.height < 1600


def test_plot__without_candidates():
    assert plot.draw_rank_plot(trace(), EN) == b""


def test_plot__cited_passages_have_their_colours():
    told = trace(
        candidate(1, 2, citation=1), candidate(2, 30, citation=2), *(candidate(n, n + 1) for n in range(3, 20))
    )
    picture = _picture(told).convert("RGB")
    colours = set(zip(*[iter(picture.tobytes())] * 3, strict=True))
    for wanted in plot.CITED_COLOURS[:2]:
        assert tuple(bytes.fromhex(wanted[1:])) in colours
    assert tuple(bytes.fromhex(plot.CITED_COLOURS[2][1:])) not in colours


def test_plot__has_an_opaque_background():
    # The background is opaque, so the theme does not matter.
    picture = _picture(_reversed(20))
    corner = picture.convert("RGBA").getpixel((2, 2))
    assert corner == (*bytes.fromhex(plot.BACKGROUND[1:]), 255)


@pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
@pytest.mark.parametrize(
    "title",
    [
        "激光切割机手册",
        "レーザー加工機",
        "레이저 커터",
        "دليل القاطع",
        "מדריך",
        "कटर",
        "$x_1$ and \\frac",
        "😀😀😀",
        "",
        HOSTILE,
        "W" * 99,
    ],
)
def test_plot__any_title(title, t):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = _reversed(12, title=title, source="", reason=HOSTILE)
        assert _picture(told, t).width == 1000


def test_plot__without_a_font_for_the_language_uses_english(monkeypatch):
    monkeypatch.setattr(fonts, "CHINESE_FAMILY_PREFIXES", ())
    _forget()
    try:
        assert fonts.remove_undrawable("激光") == ""
        assert plot.draw_rank_plot(_reversed(3, title="激光切割机手册"), ZH) == plot.draw_rank_plot(
            _reversed(3, title="激光"), EN
        )
    finally:
        _forget()


def _forget() -> None:
    fonts._load_faces.cache_clear()
    fonts._glyph_advance.cache_clear()


def test_rows__first_ranks_of_either_side():
    told = trace(*(candidate(n, n + 5 if n <= 45 else n - 45) for n in range(1, 51)))
    lines = plot._select_rows(told.candidates)
    shown = {(line.candidate.recall_rank, line.candidate.rank if line.after is not None else None) for line in lines}
    assert shown == {(n + 5, n) for n in range(1, 11)} | {(n, None) for n in range(1, 6)}
    places = sorted(line.before for line in lines)
    assert all(later - earlier >= 0.7 for earlier, later in itertools.pairwise(places))
    assert places[-1] <= plot.MAX_ROWS, "neither side is longer than the other"


def test_rows__twenty_on_the_left_stay_readable():
    told = trace(*(candidate(n, n + 20 if n <= 30 else n - 30) for n in range(1, 51)))
    places = sorted(line.before for line in plot._select_rows(told.candidates))
    assert len(places) == 20
    assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(places))


def _labels(told) -> list[str]:
    return [line.label for line in plot._add_labels(plot._select_rows(told.candidates), EN) if line.after is not None]


def test_labels__passages_of_one_document_have_headings_and_pages():
    of_one = [
        candidate(1, 2, document_id=7, headings=("Safety", "Plastics"), page=14, citation=1),
        candidate(2, 1, document_id=7, headings=("Cooling",), page=None),
        candidate(3, 3, document_id=7, page=31),
    ]
    assert _labels(trace(*of_one)) == ["[1] Plastics  p. 14", "Cooling", "p. 31"]
    other = candidate(4, 4, "Rules", document_id=8, headings=("Opening hours",), page=None)
    labels = _labels(trace(*of_one, other))
    assert labels[3] == "Rules"
    assert labels[0].startswith("[1] Laser")
    assert labels[0].endswith(" › Plastics  p. 14")
    assert labels[2] == "Laser cutter manual  p. 31"


@pytest.mark.parametrize("title", ["A", "A very long title of a document " * 4])
def test_plot__lines_take_the_room_that_labels_leave(title):
    picture = _picture(trace(*(candidate(n, n, title, document_id=n, page=None) for n in range(1, 6)))).convert("L")
    box = picture.point(lambda value: 255 if value > 60 else 0).getbbox()
    assert box is not None
    assert picture.width - box[2] < picture.width / 8, "no empty area on the right"


def test_fonts__measure_and_shorten():
    assert fonts.remove_undrawable("Laser كتاب cutter manual") == "Laser cutter manual"
    assert fonts.remove_undrawable("كتاب") == ""
    wide, narrow = fonts.measure_width("WWWW", 9, bold=False), fonts.measure_width("iiii", 9, bold=False)
    assert wide > 2 * narrow > 0
    assert fonts.measure_width("Word", 9, bold=True) > fonts.measure_width("Word", 9, bold=False)
    short = fonts.truncate_to_width("A title that is much too long for its row", 9, 60, bold=False)
    assert short.endswith("…")
    assert fonts.measure_width(short, 9, bold=False) <= 60
    assert fonts.truncate_to_width("Short", 9, 60, bold=False) == "Short"
