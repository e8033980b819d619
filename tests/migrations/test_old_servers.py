"""Servers that are too old, cannot be reached, or are behind a pooler that keeps no sessions."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

import pytest

from db.schema import _require_session, _require_versions, inspect_schema
from pipeline.errors import DatabaseTooOld, DatabaseUnavailable, SetupError


class OldServer:
    """A connection that returns the versions of an old server."""

    def __init__(self, number, installed, offered):
        self._number, self._installed, self._offered = number, installed, offered

    def scalar(self, statement):
        if "server_version_num" in str(statement):
            return self._number
        if "server_version" in str(statement):
            return str(int(self._number) // 10000)
        return self._installed if "pg_extension" in str(statement) else self._offered


@pytest.mark.parametrize(
    ("number", "installed", "offered", "sentence"),
    [
        ("140011", "0.8.5", "0.8.5", "PostgreSQL 14 is too old"),
        ("180004", "0.8.3", "0.8.3", "pgvector 0.8.3 is too old.* Install 0.8.4 .* then run `ALTER EXTENSION"),
        ("180004", "0.8.3", "0.8.6", "pgvector 0.8.3 is too old.* Run `ALTER EXTENSION vector UPDATE`"),
        ("180004", None, "0.7.4", r"pgvector 0.7.4 is too old.* Install 0.8.4 or newer on the server\.$"),
        ("180004", None, None, "has no pgvector"),
    ],
)
def test_old_servers__are_rejected(number, installed, offered, sentence):
    with pytest.raises(DatabaseTooOld, match=sentence):
        _require_versions(cast("Any", OldServer(number, installed, offered)))


class PooledConnection:
    """A connection through a pooler that returns these sessions of the server, one per transaction."""

    def __init__(self, sessions):
        self._sessions = list(sessions)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def scalar(self, _):
        return self._sessions.pop(0)

    def rollback(self):
        pass


@pytest.mark.parametrize(
    ("first", "second", "is_accepted"), [((1, 1), 2, True), ((1, 2), 1, False), ((1, 3), 2, False), ((1, 1), 1, False)]
)
def test_pooler__that_keeps_no_sessions_is_rejected(first, second, is_accepted, monkeypatch):
    monkeypatch.setattr("db.schema._connect", lambda _: PooledConnection([second]))
    expected = nullcontext() if is_accepted else pytest.raises(SetupError, match="pool_mode = session")
    with expected:
        _require_session(cast("Any", PooledConnection(first)), "")


def test_unreachable_database__raises_database_unavailable(tmp_path):
    with pytest.raises(DatabaseUnavailable, match="is unreachable"):
        inspect_schema(f"postgresql://nobody@/none?host={tmp_path}")
