"""The connection pool replaces connections that the server has closed, without a statement per transaction."""

from __future__ import annotations

from sqlalchemy import text

from db import engine
from db.notify import watch_jobs

OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :pid"


def _backend(database) -> int:
    with database.system() as session:
        return int(session.scalar(text("SELECT pg_backend_pid()")))


def test_a_connection_that_the_server_closed_is_replaced(database, database_url):
    first = _backend(database)
    assert _backend(database) == first
    other = engine.Database(database_url)
    with other.owner() as session:
        session.execute(text(OTHERS), {"pid": session.scalar(text("SELECT pg_backend_pid()"))})
    other.close()
    assert _backend(database) != first


def test_a_connection_that_was_idle_for_long_is_tested(database, monkeypatch):
    first = _backend(database)
    monkeypatch.setattr(engine, "TEST_AFTER_IDLE_S", 0.0)
    assert _backend(database) == first


def test_listening_returns_its_connection_to_the_pool(database):
    first = _backend(database)
    for _ in range(3):
        changes = watch_jobs(database, idle_s=0.01)
        assert next(changes) is None
        changes.close()
    assert _backend(database) == first
    with database.system() as session:
        assert session.scalar(text("SELECT count(*) FROM pg_listening_channels()")) == 0
        assert session.scalar(text("SELECT current_user")) == "refdesk_worker_login"
