"""A worker announces itself in whatever order its database, its models and its predecessors come and go."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import up
from db import workers
from db.engine import Database
from db.sweep import expire_leases, sweep
from tasks.worker_heartbeat import WorkerHeartbeat

STATUS = workers.WorkerStatus("host:query:1:1", "query", ("query",), "host", 1, "m")


@pytest.fixture
def moved_socket(database_url: str, tmp_path: Path) -> tuple[str, Path, Path]:
    """Return a database URL with a socket folder that does not exist yet, that folder, and the real one."""
    real = parse_qs(urlsplit(database_url).query)["host"][0]
    later = tmp_path / "socket"
    return database_url.replace(real, str(later)), later, Path(real)


def test_heartbeat__database_away_at_the_start(library, moved_socket):
    url, later, real = moved_socket
    database = Database(url)
    heartbeat = WorkerHeartbeat(database, STATUS)
    heartbeat.start()
    time.sleep(0.2)
    assert library.count("workers") == 0
    later.symlink_to(real)
    deadline = time.monotonic() + 10
    while library.count("workers") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    heartbeat.stop()
    database.close()
    assert library.count("workers") == 0


def test_full_disk_of_the_database__ends_neither_a_worker_that_stops_nor_refdesk_up(library):
    status = replace(STATUS, host=socket.gethostname())
    with library.database.system() as session:
        workers.record_heartbeat(session, status, took_task=False)
    library.run(
        "CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER full_disk BEFORE UPDATE OR DELETE ON workers EXECUTE FUNCTION reject()"
    )
    WorkerHeartbeat(library.database, status).stop()
    up._expire_leases(library.database, status.pid)
    assert library.count("workers") == 1


def test_worker_that_died__its_jobs_are_queued_by_the_next_sweep(library):
    job = library.submit()
    assert library.claim(job, lease_s=3600) is not None
    other = library.submit()
    library.run(
        "UPDATE jobs SET state = 'running', lease_owner = 'v', lease_token = gen_random_uuid(),"
        f" lease_expires = now() + '1 h' WHERE id = {other}"
    )
    with library.database.system() as session:
        assert expire_leases(session, "w") == [job]
    with library.database.system() as session:
        swept = sweep(session, patience_s=60, embed_attempts=3)
    assert swept is not None
    assert swept.expired == (job,)
    assert (library.job(job).state, library.job(other).state) == ("queued", "running")


def test_worker_that_died__its_chunks_can_be_claimed_at_once(library):
    lease = library.claim(library.submit_bytes("note.txt", b"One note."))
    assert lease is not None
    library.store(lease, ["One note."])
    library.run(
        "UPDATE embedding_queue SET claim_owner = 'w', claim_token = gen_random_uuid(), attempts = 1,"
        " claim_expires = now() + '1 h'"
    )
    assert library.embed(attempts=1) == []
    with library.database.system() as session:
        expire_leases(session, "w")
    assert len(library.embed(attempts=1)) == 1


def test_free_connections__count_those_of_other_logins(library):
    with library.database.owner() as owner, library.database.system() as session:
        assert workers.count_free_connections(session) == workers.count_free_connections(owner)
