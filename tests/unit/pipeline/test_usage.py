"""Meters of the usage of embedding endpoints."""

from __future__ import annotations

import threading
from contextlib import suppress

from pipeline.types import Usage
from pipeline.usage import measure_usage, record_usage


def test_measure_usage__sums_what_is_recorded_in_its_block() -> None:
    record_usage(Usage(1, 7))
    with measure_usage() as meter:
        record_usage(Usage(1, 10, cost_usd=0.5))
        record_usage(Usage(2, 5, cost_usd=0.25))
    record_usage(Usage(1, 7))
    assert meter.usage == Usage(3, 15, 0, 0.75)


def test_measure_usage__keeps_what_was_recorded_before_an_error() -> None:
    with suppress(RuntimeError), measure_usage() as meter:
        record_usage(Usage(1, 10))
        raise RuntimeError("connection lost")
    assert meter.usage == Usage(1, 10)


def test_measure_usage__does_not_count_other_threads() -> None:
    with measure_usage() as meter:
        other = threading.Thread(target=record_usage, args=(Usage(1, 10),))
        other.start()
        other.join()
    assert meter.usage == Usage()
