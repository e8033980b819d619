from dataclasses import replace

import pytest

from benchmarks.page import Section, format_number, format_reached, format_target, render_page, write_page
from benchmarks.results import BenchmarkResult, Chart, Line, Machine, Measurement, Table

MACHINE = Machine("A CPU", 2, 24, ("avx2", "avx512_vnni"), ("Python 3.11.9", "openvino 2026.4.1"))
SECTIONS = {"ingest": Section("Ingestion", "Why."), "scale": Section("A growing store", "Because.")}
INGEST = BenchmarkResult(
    part="ingest",
    conditions="500 chunks, 2 rounds.",
    measurements=(
        Measurement("ingest, lossless", 41.2, "chunks/s", 24.0, "LangChain", 1.7167, at_least=1.7),
        Measurement("queue and ledger", 14.0, "ms", at_most=12),
        Measurement("peak memory", 512.0, "MB"),
    ),
    tables=(Table(("name", "chunks/s"), (("Refdesk", "41.2"),)),),
    notes=("The int8 profile was left out.",),
    date="2026-11-28",
    machine=MACHINE,
)
SCALE = BenchmarkResult(
    part="scale",
    conditions="",
    charts=(Chart("growth", "Recall", "chunks", "ms", (Line("hybrid", ((1e4, 4.0), (1e6, 7.5))),), log_x=True),),
    date="2026-11-29",
    machine=MACHINE,
)


def test_page__shows_targets_tables_and_notes_of_a_part():
    page = render_page([INGEST], SECTIONS)
    assert "2 cores of A CPU (avx2, avx512_vnni), 24 GB of memory" in page
    assert "| ingest, lossless | 1.72× | ≥ 1.70× | yes | LangChain |" in page
    assert "| queue and ledger | 14 ms | ≤ 12 ms | **no** | |" in page
    assert "| ingest, lossless | 41.2 chunks/s | 24 (LangChain) | 1.72 |" in page
    assert "| peak memory | 512 MB | | |" in page
    assert "| Refdesk | 41.2 |" in page
    assert "The int8 profile was left out." in page


def test_page__leaves_out_parts_that_were_not_run():
    page = render_page([INGEST], SECTIONS)
    assert "A growing store" not in page
    assert "## Targets" not in render_page([replace(INGEST, measurements=())], SECTIONS)
    assert "None" not in page
    assert "\n\n\n" not in page


def test_page__orders_parts_like_the_sections():
    page = render_page([SCALE, INGEST], SECTIONS)
    assert page.index("## Ingestion") < page.index("## A growing store")
    assert "Measured on 2026-11-28 to 2026-11-29 with" in page


def test_page__names_the_parts_of_each_machine():
    other = replace(SCALE, machine=replace(MACHINE, cpu="Another CPU"))
    page = render_page([INGEST, other], SECTIONS)
    assert "ingest: measured on 2026-11-28 with 2 cores of A CPU" in page
    assert "scale: measured on 2026-11-29 with 2 cores of Another CPU" in page


def test_write_page__draws_its_charts_and_removes_old_ones(tmp_path):
    path = tmp_path / "performance.md"
    (tmp_path / "performance").mkdir()
    (tmp_path / "performance" / "removed.svg").write_text("")
    write_page([SCALE], SECTIONS, path)
    assert "![Recall](performance/growth.svg)" in path.read_text(encoding="utf-8")
    assert [chart.name for chart in (tmp_path / "performance").iterdir()] == ["growth.svg"]
    first = (tmp_path / "performance" / "growth.svg").read_bytes()
    write_page([SCALE], SECTIONS, path)
    assert (tmp_path / "performance" / "growth.svg").read_bytes() == first


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.0123"), (4.567, "4.57"), (41.23, "41.2"), (1234.5, "1,234"), (2.0, "2"), (1_000_000, "1,000,000")],
)
def test_number__has_three_digits(value, text):
    assert format_number(value) == text


def test_target__is_formatted_as_ratio_or_value():
    ratio = Measurement("x", 4.0, "ms", 12.0, "loop", 0.3333, at_most=0.4)
    value = Measurement("x", 4.0, "MB", at_least=1, at_most=450)
    assert (format_reached(ratio), format_target(ratio)) == ("0.33×", "≤ 0.40×")
    assert (format_reached(value), format_target(value)) == ("4 MB", "≥ 1 MB and ≤ 450 MB")
