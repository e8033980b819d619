"""The logins of the application: what each may do, how they are created, and what happens where they cannot be."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from db import logins
from db.engine import Database
from db.inspection import list_inspections, read_inspection, run_inspection
from db.logins import LOGIN_NAMES, LoginName, describe_login
from db.schema import migrate, reset_logins
from db.sql import named
from pipeline.errors import DatabaseUnavailable, InvalidInput, SetupError

FIRST = "first"
SECRET = "the treasurer keeps the key under the mat"
ESCAPES = [
    *(f"SET {kind} refdesk" for kind in ("ROLE", "LOCAL ROLE", "SESSION AUTHORIZATION")),
    "SELECT set_config('role', 'refdesk', false)",
    "SELECT set_config('session_authorization', 'refdesk', false)",
    "GRANT refdesk TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/out'",
    "CREATE TEMP TABLE t AS SELECT FROM pg_read_file('PG_VERSION')",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/out')",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION file_fdw",
    "CREATE TABLE public.t (i int)",
    "CREATE TABLE inspect.t (i int)",
    "CREATE SCHEMA s",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_reload_conf()",
    "SELECT rolpassword FROM pg_authid",
    "ALTER TABLE public.jobs DISABLE ROW LEVEL SECURITY",
    "DROP POLICY one_workspace ON public.blobs",
    "SET row_security = off; SELECT count(*) FROM public.jobs",
]
OTHER_ROLES = {
    "app": ("refdesk_worker", "refdesk_read", "refdesk_worker_login", "refdesk_read_login"),
    "worker": ("refdesk_app", "refdesk_read", "refdesk_app_login", "refdesk_read_login"),
    "read": ("refdesk_app", "refdesk_worker", "refdesk_app_login", "refdesk_worker_login"),
}
BLOBS = "select content::text from public.blobs"
READS = [
    "SELECT content FROM public.blobs",
    "SELECT count(*) FROM public.blobs",
    "SELECT text FROM public.chunks",
    "SELECT headings FROM public.chunks",
    "SELECT * FROM public.chunks",
    "SELECT terms FROM public.chunk_terms",
    "SELECT * FROM inspect.postings",
    "SELECT postings FROM public.keyword_blocks",
    "SELECT terms FROM public.keyword_changes",
    "SELECT vector FROM public.embeddings",
    "SELECT vector FROM public.queries",
    "SELECT answer FROM public.queries",
    "SELECT quote FROM public.query_candidates",
    "SELECT reason FROM public.query_candidates",
    "SELECT payload FROM public.jobs",
    "SELECT result FROM public.jobs",
    "SELECT progress_text FROM public.jobs",
    "SELECT token FROM public.deliveries",
    f"SELECT ts_stat('{BLOBS}')",
    f"SELECT query_to_xml('{BLOBS}', true, true, '')",
    "SELECT table_to_xml('public.blobs', true, true, '')",
    "SELECT stavalues1 FROM pg_statistic",
    "DO $$ DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT content FROM public.blobs'; END $$",
    f"DO $$ BEGIN SET ROLE refdesk; PERFORM ts_stat('{BLOBS}'); END $$",
    "DO $$ BEGIN SET ROLE refdesk; COPY (SELECT 1) TO PROGRAM 'true'; END $$",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TEMP TABLE t (i int)",
]


@pytest.fixture
def ready(database_url: str) -> str:
    """Return the URL of a database whose rights are as after `refdesk migrate`; a clone does not inherit them."""
    migrate(database_url)
    return database_url


@pytest.fixture
def filled(library: Any, ready: str) -> Any:
    library.add("secret.md", [SECRET])
    return library


def connect(url: str, login: LoginName) -> psycopg.Connection:
    return psycopg.connect(make_conninfo(url, **describe_login(url, login).parameters), autocommit=True)


def run(url: str, login: LoginName, statement: str) -> list[Any]:
    """Run a statement outside of Refdesk, in a session without its limits."""
    with connect(url, login) as connection:
        connection.execute("SET default_transaction_read_only = off")
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("login", LOGIN_NAMES)
def test_login__is_neither_privileged_nor_owner_of_anything(ready, login):
    name = describe_login(ready, login).name
    (row,) = run(
        ready,
        login,
        "SELECT current_user::text, session_user::text,"
        " rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication,"
        " (SELECT count(*) FROM pg_class WHERE relowner = r.oid),"
        " (SELECT count(*) FROM pg_proc WHERE proowner = r.oid),"
        " (SELECT array_agg(DISTINCT roleid::regrole::text) FROM pg_auth_members WHERE member = r.oid)"
        " FROM pg_roles r WHERE rolname = current_user",
    )
    assert row == (name, name, False, 0, 0, [f"refdesk_{login}"])


@pytest.mark.parametrize("login", LOGIN_NAMES)
def test_login__reaches_no_other_role_and_nothing_outside_its_rights(ready, login):
    become = [f"SET ROLE {role}" for role in OTHER_ROLES[login]]
    for statement in [*ESCAPES, *become, *(f"DO $$ BEGIN {line}; END $$" for line in become)]:
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
            run(ready, login, statement)
    with connect(ready, login) as connection:
        connection.execute("RESET ROLE")
        connection.execute("RESET SESSION AUTHORIZATION")
        assert connection.info.user == connection.execute("SELECT current_user::text").fetchone()[0]  # type: ignore[index]


@pytest.mark.parametrize("statement", READS)
def test_read__sees_no_contents(filled, ready, statement):
    # The embedded PostgreSQL is built without XML. Others omit the tables that the login may not read as a whole.
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)):
        run(ready, "read", statement)
    with pytest.raises(InvalidInput, match=r"permission denied|read-only|XML"):
        run_inspection(filled.database, statement)


def test_read__schema_as_xml_has_no_contents(filled, ready):
    with suppress(psycopg.errors.FeatureNotSupported):
        assert SECRET not in str(run(ready, "read", "SELECT schema_to_xml('public', true, true, '')"))


def test_read__sees_all_views_and_no_word_of_a_document_in_them(filled, ready):
    with connect(ready, "read") as connection:
        views = [
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'inspect'::regnamespace AND relkind = 'v'"
            )
        ]
        assert len(views) > 12
        for view in set(views) - {"postings"}:
            assert SECRET not in str(connection.execute(f"SELECT * FROM inspect.{view}").fetchall())
    for name in list_inspections():
        assert SECRET not in str(run_inspection(filled.database, read_inspection(name)))


def test_read__sees_rows_of_all_workspaces_without_texts(filled):
    filled.add("other.md", ["another text"], workspace=filled.other)
    table = run_inspection(filled.database, "SELECT workspace, title, chunks FROM inspect.documents ORDER BY 1")
    assert [row[0] for row in table.rows] == ["guild:1", "local"]
    (job, *_) = run_inspection(filled.database, "SELECT about, state, why FROM inspect.jobs ORDER BY id").rows
    assert job[:2] == ("secret.md", "succeeded")


def test_read__does_not_see_statements_of_other_logins(filled, ready):
    with connect(ready, "app") as other, connect(ready, "read") as reader:
        other.execute(f"SELECT '{SECRET}'")
        pid = other.info.backend_pid
        (row,) = reader.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall()
        assert SECRET not in row[0]


def test_read__has_limits_of_time_and_connections(library, ready, monkeypatch):
    limits = dict(run(ready, "read", "SELECT name, setting FROM pg_settings WHERE name LIKE '%timeout'"))
    assert limits["statement_timeout"] == limits["idle_in_transaction_session_timeout"] == "60000"
    assert limits["idle_session_timeout"] == str(3600 * 1000)
    ((limit,),) = run(ready, "read", "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user")
    assert limit == logins.READ_CONNECTIONS
    monkeypatch.setattr("db.engine.READ_SETTINGS", logins.READ_SETTINGS | {"statement_timeout": "100ms"})
    for statement in (
        "SELECT pg_sleep(5)",
        "DO $$ BEGIN PERFORM set_config('statement_timeout', '0', false), pg_sleep(5); END $$",
    ):
        with pytest.raises(InvalidInput, match="The query was stopped"):
            run_inspection(library.database, statement)


def test_read__cannot_stop_the_sweeper_for_longer_than_its_statement(library):
    run_inspection(library.database, "SELECT pg_advisory_lock(72450002)")
    end = time.monotonic() + 10  # the server notices the end of a connection a moment later
    with library.database.system() as session:
        while not session.scalar(text("SELECT pg_try_advisory_xact_lock(72450002)")):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_notification_of_another_login__does_not_end_the_listeners(library, ready):
    from db.notify import watch_deliveries, watch_jobs

    for watch, channel in ((watch_deliveries, "refdesk_deliveries"), (watch_jobs, "refdesk_jobs")):
        changes = watch(library.database, idle_s=5)
        assert next(changes) is None
        for payload in ("", "x", "{}", "[1]", "null", '"7"', '{"id": "x"}'):
            run(ready, "read", f"SELECT pg_notify('{channel}', '{payload}')")
            assert next(changes) is None
        changes.close()


def test_transactions__use_the_logins(database, ready):
    with database.tenant(1) as session:
        assert session.scalar(text("SELECT session_user")) == "refdesk_app_login"
    with database.system() as session:
        assert session.scalar(text("SELECT session_user")) == "refdesk_worker_login"
    with database.inspect() as session:
        assert session.scalar(text("SELECT session_user")) == "refdesk_read_login"
    with pytest.raises(ProgrammingError, match="permission denied"), database.tenant(1) as session:
        session.execute(text("SET ROLE refdesk"))


@pytest.fixture
def own_server(servers: Any) -> Iterator[OwnServer]:
    """A database whose owner has a password and is no superuser, on a server that checks passwords."""
    name = f"alice_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(servers.database_url, autocommit=True) as admin:
        shown = "SELECT split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('hba_file')"
        folder, rules = map(Path, admin.execute(shown).fetchone() or ())
        if hosts := parse_qs(urlsplit(servers.database_url).query).get("host"):
            folder, rules = Path(hosts[0]), Path(hosts[0], "pg_hba.conf")  # it shows its working directory instead
        before = rules.read_text(encoding="utf-8")
        admin.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'first'")
        for group in logins.GROUPS.values():
            admin.execute(f"GRANT {group} TO {name} WITH ADMIN OPTION")
        admin.execute(f"CREATE DATABASE {name} OWNER {name}")
        with psycopg.connect(make_conninfo(servers.database_url, dbname=name)) as connection:
            connection.execute("CREATE EXTENSION vector")
        server = OwnServer(name, str(folder), admin, rules, before)
        server.allow("all")
        yield server
        rules.write_text(before, encoding="utf-8")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        for (role,) in admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", [f"{name}%"]).fetchall():
            admin.execute(f'DROP OWNED BY "{role}" CASCADE')
        for (role,) in admin.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE %s ORDER BY length(rolname) DESC", [f"{name}%"]
        ).fetchall():
            admin.execute(f'DROP ROLE "{role}"')


@dataclass
class OwnServer:
    name: str
    folder: str
    admin: psycopg.Connection
    rules: Path
    before: str

    def url(self, password: str = FIRST) -> str:
        return f"postgresql://{self.name}:{password}@/{self.name}?host={self.folder}&port={self.admin.info.port}"

    def allow(self, users: str) -> None:
        """Let these users log in with a password, and nobody else."""
        lines = f"local {self.name} {users} scram-sha-256\nlocal {self.name} all reject\n"
        self.rules.write_text(lines + self.before, encoding="utf-8")
        self.admin.execute("SELECT pg_reload_conf()")


def who(url: str) -> tuple[str, str]:
    """Return the role that logged in and the role of a transaction in a workspace."""
    with closing(Database(url)) as database, database.tenant(1) as session:
        row = session.execute(text("SELECT session_user, current_user")).one()
        return row[0], row[1]


def test_own_server__logins_have_passwords_derived_from_the_owner(template_database, own_server):
    migrate(own_server.url())
    login = f"{own_server.name}_app_login"
    assert who(own_server.url()) == (login, login)
    assert logins.find_problem(own_server.url()) == ""
    for password in ("first", "", "other"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(make_conninfo(own_server.url(), user=login, password=password))
    (secret,) = own_server.admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [login]).fetchone()
    assert secret.startswith("SCRAM-SHA-256$")


def test_own_server__password_in_the_environment(template_database, own_server, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "first")
    url = (
        f"postgresql://{own_server.name}@/{own_server.name}?host={own_server.folder}&port={own_server.admin.info.port}"
    )
    migrate(url)
    assert who(url)[0] == who(own_server.url())[0] == f"{own_server.name}_app_login"


def test_own_server__without_the_extension_names_the_statements_of_a_superuser(own_server):
    name = own_server.name
    own_server.admin.execute(f"CREATE DATABASE {name}_bare OWNER {name}")
    with pytest.raises(SetupError, match=f"CREATE EXTENSION IF NOT EXISTS vector; ALTER ROLE {name} CREATEROLE"):
        migrate(own_server.url().replace(f"/{name}?", f"/{name}_bare?"))
    own_server.admin.execute(f"DROP DATABASE {name}_bare WITH (FORCE)")


def test_own_server__login_of_one_owner_cannot_connect_to_the_database_of_another(ready, own_server):
    migrate(own_server.url())
    assert who(own_server.url())[0] == f"{own_server.name}_app_login"
    database = urlsplit(ready).path.removeprefix("/")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(make_conninfo(ready, **describe_login(own_server.url(), "app").parameters))
    other = Database(own_server.url())
    with closing(other), other.owner() as session:
        assert session.scalar(text("SELECT has_database_privilege(:name, 'CONNECT')"), {"name": database}) is False


def test_own_server__changed_password_of_the_owner(template_database, own_server):
    migrate(own_server.url())
    own_server.admin.execute(f"ALTER ROLE {own_server.name} PASSWORD 'second'")
    with pytest.raises(DatabaseUnavailable, match=f"{own_server.name}_app_login.*run `refdesk migrate`"):
        who(own_server.url("second"))
    assert reset_logins(own_server.url("second")) == ""
    assert who(own_server.url("second"))[0] == f"{own_server.name}_app_login"
    with pytest.raises(DatabaseUnavailable):
        who(own_server.url("first"))


def test_own_server__settings_that_a_login_gave_itself_are_reset_by_refdesk_migrate(template_database, own_server):
    migrate(own_server.url())
    run(own_server.url(), "app", f"ALTER ROLE CURRENT_USER IN DATABASE {own_server.name} SET search_path = 'x'")
    assert reset_logins(own_server.url()) == ""
    assert run(own_server.url(), "app", "SHOW search_path") == [('"$user", public',)]


def test_own_server__without_the_right_to_create_roles(template_database, own_server):
    own_server.admin.execute(f"ALTER ROLE {own_server.name} NOCREATEROLE")
    migrate(own_server.url())
    assert who(own_server.url()) == (own_server.name, "refdesk_app")
    assert "may not create or change logins: permission denied" in reset_logins(own_server.url())
    with closing(Database(own_server.url())) as database:
        reader = database.describe_reader()
        assert (reader.settings["role"], reader.password) == ("refdesk_read", "first")
        assert run_inspection(database, "SELECT current_user").rows == [("refdesk_read",)]


def test_own_server__that_rejects_the_logins(template_database, own_server):
    migrate(own_server.url())
    own_server.allow(own_server.name)
    with pytest.raises(DatabaseUnavailable, match=f"{own_server.name}_app_login.*run `refdesk migrate`"):
        who(own_server.url())
    assert "rejects the login" in reset_logins(own_server.url())
    migrate(own_server.url())
    assert who(own_server.url()) == (own_server.name, "refdesk_app")
    assert "rejects the login" in logins.find_problem(own_server.url())
    own_server.allow("all")
    migrate(own_server.url())
    assert who(own_server.url())[0] == f"{own_server.name}_app_login"


def test_own_server__with_connections_of_both_kinds(template_database, own_server):
    migrate(own_server.url())
    with closing(Database(own_server.url())) as database, database.tenant(1) as first:
        own_server.allow(own_server.name)
        reset_logins(own_server.url())
        with database.tenant(1) as second:
            names = [session.scalar(text("SELECT current_user")) for session in (first, second)]
    assert names == [f"{own_server.name}_app_login", "refdesk_app"]


def test_own_server__without_free_connections(template_database, own_server, monkeypatch):
    migrate(own_server.url())
    own_server.allow(own_server.name)
    monkeypatch.setattr("db.logins.named", lambda name: text("SELECT true") if name == "is_full" else named(name))
    with pytest.raises(DatabaseUnavailable, match="too many connections"):
        reset_logins(own_server.url())
    monkeypatch.undo()
    own_server.allow("all")
    assert who(own_server.url())[0] == f"{own_server.name}_app_login"


def test_role_with_the_name_of_a_login_and_more_rights(template_database, own_server):
    own_server.admin.execute(f"CREATE ROLE {own_server.name}_worker_login CREATEDB")
    with pytest.raises(SetupError, match=f"The role {own_server.name}_worker_login exists and has more rights"):
        migrate(own_server.url())
