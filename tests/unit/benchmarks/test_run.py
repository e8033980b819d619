import importlib

import pytest

from benchmarks.parts import PARTS
from benchmarks.run import parse_arguments


def test_arguments__select_all_short_parts_by_default():
    assert parse_arguments([]).parts == [name for name, part in PARTS.items() if not part.is_long]


def test_arguments__reject_an_unknown_part(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["--only", "ingest,weather"])
    assert "unknown part" in capsys.readouterr().err


@pytest.mark.parametrize("name", PARTS)
def test_part__has_the_function_that_measures_it(name):
    assert callable(importlib.import_module(PARTS[name].module).run_benchmark)
