"""Quantization: the texts that it is calibrated with, and a missing library."""

from __future__ import annotations

import sys

import pytest

from pipeline.backends.models.quantization import CALIBRATION_TEXTS, list_calibration_texts, quantize_graph
from pipeline.errors import MissingExtra


def test_calibration_texts__are_always_the_same_and_differ_in_length():
    texts = list_calibration_texts()
    assert texts == list_calibration_texts()
    assert len(set(texts)) == CALIBRATION_TEXTS
    assert sorted({len(text.split()) for text in texts}) == [5, 10, 20, 40, 80, 120]


def test_quantize__missing_library_names_the_command(monkeypatch, tmp_path):
    pytest.importorskip("openvino", reason="needs the worker extra")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(
        MissingExtra, match=r"libraries of int8 quantization are not installed\. Run `scripts/install int8`"
    ):
        quantize_graph(tmp_path)
