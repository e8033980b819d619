from dataclasses import replace

import pytest

from benchmarks.results import (
    BenchmarkResult,
    Chart,
    Line,
    Machine,
    Measurement,
    Options,
    Table,
    load_result,
    save_result,
)

RESULT = BenchmarkResult(
    part="ingest",
    conditions="500 chunks, 2 rounds.",
    measurements=(Measurement("recall", 4.5, "ms", 12.0, "torch", 0.375, at_most=0.4),),
    tables=(Table(("name", "chunks/s"), (("Refdesk", "41.2"),)),),
    charts=(Chart("growth", "Growth", "chunks", "ms", (Line("hybrid", ((1000.0, 4.0), (10000.0, 4.5))),), log_x=True),),
    notes=("The int8 profile was left out.",),
)


def test_compare__takes_the_ratio_inside_each_round():
    # The second round ran on a machine that was twice as slow: the ratio of the medians would be 0.5, not 1.0.
    measured = Measurement.compare("x", "s", [1.0, 4.0, 4.0], [2.0, 4.0, 4.0], against="plain loop")
    assert measured.ratio == pytest.approx(1.0)
    assert (measured.value, measured.baseline, measured.baseline_name) == (4.0, 4.0, "plain loop")


def test_compare__rejects_rounds_without_a_baseline():
    with pytest.raises(ValueError, match="shorter"):
        Measurement.compare("x", "s", [1.0, 2.0], [1.0], against="plain loop")


@pytest.mark.parametrize(
    ("measurement", "met"),
    [
        (Measurement("x", 40.0, "chunks/s", 20.0, "loop", 2.0, at_least=1.7), True),
        (Measurement("x", 40.0, "chunks/s", 20.0, "loop", 2.0, at_least=2.3), False),
        (Measurement("x", 4.0, "ms", 12.0, "loop", 0.33, at_most=0.4), True),
        (Measurement("x", 12.0, "ms", at_most=12), True),
        (Measurement("x", 12.1, "ms", at_most=12), False),
    ],
)
def test_target__applies_to_the_ratio_or_else_to_the_value(measurement, met):
    assert measurement.has_target
    assert measurement.is_met is met


def test_result__is_the_same_after_storing_it(tmp_path):
    stamped = RESULT.stamp(12.34)
    assert stamped.seconds == 12.3
    assert stamped.machine == Machine.describe()
    assert load_result(save_result(stamped, tmp_path / "new")) == stamped
    assert load_result(save_result(RESULT, tmp_path)) == RESULT


def test_result__is_stored_with_five_digits(tmp_path):
    path = save_result(replace(RESULT, measurements=(Measurement("x", 1 / 3),)), tmp_path)
    assert load_result(path).measurements[0].value == 0.33333


def test_options__prefer_what_was_requested():
    assert Options().pick_chunks(1500, 40) == 1500
    assert Options(quick=True).pick_chunks(1500, 40) == 40
    assert Options(quick=True, chunks=200).pick_chunks(1500, 40) == 200
    assert (Options().pick_rounds(2), Options(quick=True).pick_rounds(2), Options(rounds=3).pick_rounds(2)) == (2, 1, 3)
