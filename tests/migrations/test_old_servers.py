"""Servers that are too old or cannot be reached."""

from __future__ import annotations

from typing import Any, cast

import pytest

from db.schema import _require_versions, inspect_schema
from pipeline.errors import DatabaseTooOld, DatabaseUnavailable


class OldServer:
    """A connection that returns the versions of an old server."""

    def __init__(self, number, pgvector):
        self._number, self._pgvector = number, pgvector

    def scalar(self, statement):
        if "server_version_num" in str(statement):
            return self._number
        if "server_version" in str(statement):
            return str(int(self._number) // 10000)
        return self._pgvector if "pg_extension" in str(statement) else None


@pytest.mark.parametrize(
    ("number", "pgvector", "sentence"),
    [
        ("140011", "0.8.5", "PostgreSQL 14 is too old"),
        ("180004", "0.8.3", "pgvector 0.8.3 is too old"),
        ("180004", "0.7.4", "pgvector 0.7.4 is too old"),
        ("180004", None, "has no pgvector"),
    ],
)
def test_old_servers__are_rejected(number, pgvector, sentence):
    with pytest.raises(DatabaseTooOld, match=sentence):
        _require_versions(cast("Any", OldServer(number, pgvector)))


def test_unreachable_database__raises_database_unavailable(tmp_path):
    with pytest.raises(DatabaseUnavailable, match="is unreachable"):
        inspect_schema(f"postgresql://nobody@/none?host={tmp_path}")
