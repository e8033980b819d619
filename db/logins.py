"""The logins of the application: neither superuser nor owner of the database, each with the rights of one group role.

A login is named after the owner in DATABASE_URL, and its password is derived from the owner's, so that every host that
has DATABASE_URL can compute both, and two installations with different owners on one server have different logins.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Connection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry

from db.sql import named
from pipeline.errors import DatabaseUnavailable, SetupError

LoginName = Literal["app", "worker", "read"]
LOGIN_NAMES: tuple[LoginName, ...] = ("app", "worker", "read")
GROUPS: Mapping[LoginName, str] = {"app": "refdesk_app", "worker": "refdesk_worker", "read": "refdesk_read"}
"""The group role that has the grants and policies of each login."""
MAX_OWNER_BYTES = 45
"""Bytes of the owner's name in the name of a login; PostgreSQL cuts names after 63 bytes."""
READ_TIMEOUT_S = 60
"""Limit for one statement of the login for inspection."""
READ_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": f"{READ_TIMEOUT_S}s",
    "idle_in_transaction_session_timeout": f"{READ_TIMEOUT_S}s",
    "idle_session_timeout": "1h",
    "search_path": "inspect,public",
}
AS_OWNER = "as_owner"
READ_CONNECTIONS = 10
"""Maximum number of connections for inspection, so that they leave enough for the workers."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """A role that the application connects as, and its group role."""

    name: str
    group: str
    password: str | None = field(repr=False)
    """None if the owner has no password, as on the embedded server."""

    @property
    def parameters(self) -> dict[str, str]:
        """The connection parameters that replace those of the owner."""
        return {"user": self.name} | ({} if self.password is None else {"password": self.password})


def describe_login(url: str, login: LoginName) -> Login:
    """Return a login of the database; like libpq, read a missing user or password from PGUSER and PGPASSWORD."""
    defaults = {option.keyword.decode(): option.val for option in psycopg.pq.Conninfo.get_defaults()}
    try:
        parameters = conninfo_to_dict(_plain(url))
    except psycopg.ProgrammingError:
        parameters = {}  # creating the engine reports that the URL is invalid

    def read(keyword: str) -> str:
        return str(parameters.get(keyword) or (defaults.get(keyword) or b"").decode())

    owner, password = read("user"), read("password")
    if len(owner.encode()) > MAX_OWNER_BYTES:
        owner = hashlib.sha256(owner.encode()).hexdigest()[:32]
    name = f"{owner}_{login}_login"
    derived = hmac.new(password.encode(), f"refdesk login {name}".encode(), hashlib.sha256).hexdigest()
    return Login(name, GROUPS[login], derived if password else None)


def are_ready(connection: Connection, url: str) -> bool:
    """Return whether the logins exist and have the rights that `create_logins` grants."""
    names = [describe_login(url, login).name for login in LOGIN_NAMES]
    return bool(connection.scalar(named("are_logins_ready"), {"names": names, "groups": list(GROUPS.values())}))


def create_logins(connection: Connection, url: str) -> str:
    """Create the logins or set their passwords, as the owner, and check that the server accepts them.

    Without the right to create roles, or if the server rejects a login, for example because it authenticates the owner
    by certificate, the application keeps connecting as the owner and sets the group role in each transaction.

    Returns:
        Why the application connects as the owner, or nothing if it does not.

    Raises:
        SetupError: A role with the name of a login has rights that a login must not have.
    """
    logins = [describe_login(url, login) for login in LOGIN_NAMES]
    connection.rollback()
    try:
        with connection.begin():
            connection.execute(named("lock_logins"))
            _create(connection, logins)
    except psycopg.errors.InsufficientPrivilege as error:
        return f"The owner may not create or change logins: {_read_reason(error)}"
    reason = find_problem(url)
    if reason:
        with connection.begin():
            if connection.scalar(named("is_full")):
                raise DatabaseUnavailable("PostgreSQL has too many connections. Try again later.")
            names = [login.name for login in logins]
            _run_all(connection, list(connection.scalars(named("list_login_locks"), {"names": names})))
    return reason


def find_problem(url: str) -> str:
    """Return why the server rejects one of the logins, or nothing, by connecting with each.

    Without the one for inspection, whose number of connections is limited.
    """
    tried: tuple[LoginName, ...] = ("app", "worker")
    return next(filter(None, (_try(url, describe_login(url, login)) for login in tried)), "")


@dataclass(frozen=True, slots=True)
class ReaderSession:
    """What psql needs to connect for inspection."""

    conninfo: str
    """Connection parameters without the password."""
    password: str | None = field(repr=False)
    settings: Mapping[str, str]


class LoginConnector:
    """Opens the connections of one pool: as its login or, where logins are not set up, as the owner.

    The transactions of a connection whose `info` has AS_OWNER must set the group role.
    """

    def __init__(self, url: str, login: LoginName) -> None:
        """Bind to a login; nothing is opened yet."""
        self._url = url
        self.login = describe_login(url, login)
        self.is_owner = False
        """Whether the server has no such login, so that new connections are opened as the owner."""

    def connect(
        self, dialect: Dialect, record: ConnectionPoolEntry, arguments: list[Any], parameters: dict[str, Any]
    ) -> Any:
        """Open a connection for SQLAlchemy; None lets SQLAlchemy connect as the owner."""
        record.info[AS_OWNER] = self.is_owner
        if self.is_owner:
            return None
        try:
            return dialect.connect(*arguments, **(parameters | self.login.parameters))
        except psycopg.errors.ConnectionTimeout:
            raise
        except psycopg.OperationalError as error:
            if self._exists(dialect, arguments, parameters):
                raise DatabaseUnavailable(
                    f"PostgreSQL accepts the owner in DATABASE_URL but not the login {self.login.name}. If the owner's"
                    f" password has changed, run `refdesk migrate`. ({_read_reason(error)})"
                ) from error
        record.info[AS_OWNER] = self.is_owner = True
        log.warning("the application connects as the owner of the database; see refdesk doctor", login=self.login.name)
        return None

    def describe_session(self) -> ReaderSession:
        """Describe a session like those that `connect` opens, which must have been called before."""
        parameters: dict[str, Any] = dict(conninfo_to_dict(_plain(self._url)))
        # The login has the settings already, and PgBouncer rejects those of psql.
        settings = READ_SETTINGS | {"role": self.login.group} if self.is_owner else {}
        if not self.is_owner:
            parameters |= self.login.parameters
        password = parameters.pop("password", None)
        return ReaderSession(make_conninfo(**parameters), str(password) if password else None, settings)

    def _exists(self, dialect: Dialect, arguments: list[Any], parameters: dict[str, Any]) -> bool:
        query = str(named("has_login").compile(dialect=dialect))
        with cast("psycopg.Connection[Any]", dialect.connect(*arguments, **parameters)) as connection:
            return connection.execute(query.encode(), {"name": self.login.name}).fetchone() is not None


def _create(connection: Connection, logins: list[Login]) -> None:
    groups = {login.name: login.group for login in logins}
    for row in connection.execute(named("list_logins"), {"names": list(groups)}):
        if row.is_privileged or set(row.groups) - {groups[row.rolname]}:
            raise SetupError(
                f"The role {row.rolname} exists and has more rights than a login of Refdesk may have. Rename it, or let"
                " another role own the database."
            )
    values = {
        "names": list(groups),
        "groups": list(groups.values()),
        "secrets": [_hash_password(connection, login) for login in logins],
        "reader": logins[LOGIN_NAMES.index("read")].name,
        "settings": list(READ_SETTINGS),
        "values": list(READ_SETTINGS.values()),
        "connections": READ_CONNECTIONS,
    }
    _run_all(connection, list(connection.scalars(named("list_login_statements"), values)))


def _hash_password(connection: Connection, login: Login) -> str | None:
    """Return the verifier of the password, so that the password itself is in no statement and no log of the server."""
    if login.password is None:
        return None
    secret = _get_driver(connection).pgconn.encrypt_password(
        login.password.encode(), login.name.encode(), b"scram-sha-256"
    )
    return secret.decode()


def _run_all(connection: Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        _get_driver(connection).execute(statement.encode())


def _get_driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):  # pragma: no cover - the engine's only driver
        raise TypeError(type(driver))
    return driver


def _try(url: str, login: Login) -> str:
    """Return why the server rejects a login, or nothing."""
    try:
        with psycopg.connect(_plain(url), connect_timeout=10, **login.parameters):  # type: ignore[arg-type]
            return ""
    except psycopg.OperationalError as error:
        return f"PostgreSQL rejects the login {login.name}: {_read_reason(error)}"


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _read_reason(error: psycopg.Error) -> str:
    return error.diag.message_primary or (str(error).strip().splitlines() or ["no reason given"])[0]
