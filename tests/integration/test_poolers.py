"""PostgreSQL behind PgBouncer, and what is reported where a pooler does not keep sessions."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import text

from db.engine import Database
from db.schema import inspect_schema, migrate
from pipeline.errors import DatabaseUnavailable, SetupError

StartPooler = Callable[[str], str]
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@pytest.fixture
def start_pooler(database_url: str, home: Path) -> Iterator[StartPooler]:
    """Start PgBouncer in a pool mode in front of the test's database; return its URL."""
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed")
    url = urlsplit(database_url)
    host = parse_qs(url.query).get("host", [url.hostname or ""])[0]
    name = url.path.removeprefix("/")
    program, running = PROGRAM, []

    def start(mode: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        logins = ("refdesk", "refdesk_app_login", "refdesk_worker_login", "refdesk_read_login")
        (home / "users.txt").write_text("".join(f'"{login}" ""\n' for login in logins))
        (home / "pgbouncer.ini").write_text(
            f"[databases]\n{name} = host={host} port={url.port or 5432}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {home}/users.txt\npool_mode = {mode}\n"
        )
        for path in (home, home / "users.txt", home / "pgbouncer.ini"):
            path.chmod(0o755)
        # PgBouncer refuses to run as root, and only the account of the embedded server can enter its folder.
        account = pwd.getpwnam("nobody").pw_uid
        if host.startswith("/"):
            account = Path(host).stat().st_uid
            Path(host).parent.chmod(0o711)
        options = {"user": account} if os.geteuid() == 0 else {}
        running.append(subprocess.Popen([program, "-q", home / "pgbouncer.ini"], **options))  # type: ignore[call-overload]
        address = f"postgresql://refdesk@127.0.0.1:{port}/{name}"
        deadline = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(address, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return address

    yield start
    for process in running:
        process.terminate()
        process.wait()


def test_session_pooler__works(start_pooler):
    url = start_pooler("session")
    migrate(url)
    assert inspect_schema(url).up_to_date
    with closing(Database(url, statement_timeout_s=0.2)) as database:
        for _ in range(8):
            with database.tenant(1) as session:
                assert session.scalar(text("SELECT session_user")) == "refdesk_app_login"
        with pytest.raises(DatabaseUnavailable, match="statement timeout"), database.system() as session:
            session.execute(text("SELECT pg_sleep(5)"))


def test_transaction_pooler__is_rejected_before_anything_is_changed(start_pooler):
    url = start_pooler("transaction")
    for use in (migrate, inspect_schema):
        with pytest.raises(SetupError, match="pool_mode = session"):
            use(url)


def test_missing_prepared_statement__names_the_pooler(database_url):
    forget = text("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    with closing(Database(database_url)) as database:
        with database.system() as session:
            for _ in range(8):  # the driver prepares a statement that is executed repeatedly
                session.scalar(text("SELECT 1"))
            session.execute(forget)
        with pytest.raises(SetupError, match="pool_mode = session"), database.system() as session:
            session.scalar(text("SELECT 1"))
