"""The command `refdesk sql`."""

from __future__ import annotations

import pytest

from cli.sql import _show
from db.inspection import ResultTable


@pytest.mark.parametrize(("is_named", "shown"), [(True, False), (False, True)])
def test_table__only_named_queries_leave_out_the_column_of_empty_reasons(
    capsys: pytest.CaptureFixture[str], is_named: bool, shown: bool
) -> None:
    _show(ResultTable(("id", "reason"), [(1, ""), (2, None)]), is_named=is_named)
    assert ("reason" in capsys.readouterr().out) is shown


@pytest.mark.parametrize("is_named", [True, False])
def test_table__a_column_with_one_reason_is_shown(capsys: pytest.CaptureFixture[str], is_named: bool) -> None:
    _show(ResultTable(("id", "reason"), [(1, ""), (2, "It names the gate.")]), is_named=is_named)
    assert "It names the gate." in capsys.readouterr().out
