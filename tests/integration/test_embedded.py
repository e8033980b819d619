"""The embedded servers: start, share, stop, and recover after kills."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from kombu.connection import Connection
from pydantic import SecretStr

from config.redis_urls import to_client_url
from config.setting_groups import ServerSettings
from config.settings import Settings
from embedded.process import find_servers
from embedded.programs import REDIS_PROGRAMS, find_redis
from embedded.servers import EmbeddedServers, open_servers
from tests.integration.server_user import ServerUser, is_running, kill_processes, read_of_running

StartUser = Callable[..., ServerUser]


@pytest.fixture(scope="module")
def used_once(fast_disk: Path) -> Iterator[Path]:
    """A home whose servers ran once, because creating the data folder takes most of the first start."""
    path = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir=fast_disk))
    with EmbeddedServers(path):
        pass
    yield path
    shutil.rmtree(path)


@pytest.fixture
def desk(home: Path, used_once: Path) -> Path:
    """A copy of `used_once` for one test."""
    subprocess.run(["cp", "-a", f"{used_once}/.", str(home)], check=True)
    return home


def find_running(home: Path) -> list[psutil.Process]:
    return find_servers(home / "postgres", "postgres") + find_servers(home / "redis", REDIS_PROGRAMS)


def find_postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))


def store_answer(database_url: str, redis_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE memory AS SELECT 42 AS answer")
    with redis.Redis.from_url(to_client_url(redis_url)) as client:
        client.set("answer", 42)


def read_answer(database_url: str, redis_url: str) -> tuple[int, bytes | None]:
    with psycopg.connect(database_url) as connection, redis.Redis.from_url(to_client_url(redis_url)) as client:
        row = connection.execute("SELECT answer FROM memory").fetchone()
        assert row
        answer = client.get("answer")
        assert answer is None or isinstance(answer, bytes)
        return row[0], answer


def test_start__database_and_broker_have_the_documented_configuration(home: Path) -> None:
    with EmbeddedServers(home) as urls:
        with psycopg.connect(urls.database_url) as connection:
            row = connection.execute(
                "SELECT current_database(), rolsuper, current_setting('server_version_num')::int / 10000, "
                "current_setting('fsync'), current_setting('data_checksums') FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            assert row == ("refdesk", True, 18, "on", "on")
            connection.execute("CREATE EXTENSION vector")
            words = connection.execute("SELECT to_tsvector('simple', '“Café” 東京。')::text").fetchone()
            assert words == ("'café':1 '東京':2",)
        with Connection(f"{urls.redis_url}?virtual_host=3") as broker:
            queue = broker.SimpleQueue("probe")
            queue.put({"id": 1})
            message = queue.get(timeout=5)
            assert message.payload == {"id": 1}
            message.ack()
            queue.close()
        with redis.Redis.from_url(to_client_url(urls.redis_url)) as client:
            settings = client.config_get("*")
            assert isinstance(settings, dict)
            assert settings["maxmemory-policy"] == "noeviction"
            assert settings["appendonly"] == "yes"


def test_start__other_users_cannot_reach_the_servers(desk: Path) -> None:
    with EmbeddedServers(desk):
        servers = find_running(desk)
        sockets = [socket for found in read_of_running(servers, "net_connections", "inet") for socket in found]
        assert sockets == []
        users = {uids.real for uids in read_of_running(servers, "uids")}
        assert users
        assert 0 not in users
        for name in ("postgres", "redis", "run", "log"):
            assert (desk / name).stat().st_mode & 0o777 == 0o700


def test_stop__data_survives_and_nothing_runs_on(desk: Path) -> None:
    with EmbeddedServers(desk) as urls:
        store_answer(urls.database_url, urls.redis_url)
    assert find_running(desk) == []
    with EmbeddedServers(desk) as urls:
        assert read_answer(urls.database_url, urls.redis_url) == (42, b"42")
    log = (desk / "log" / "postgres.log").read_text(encoding="utf-8")
    assert "not properly shut down" not in log


def test_stop__open_session_does_not_delay_it(desk: Path) -> None:
    with EmbeddedServers(desk) as urls:
        session = psycopg.connect(urls.database_url)
        session.execute("SELECT 1")
    assert find_running(desk) == []
    session.close()


def test_share__last_user_stops_the_servers(desk: Path, start_user: StartUser) -> None:
    other = start_user(desk)
    urls = other.wait_ready()
    first = find_postmaster(desk)
    with EmbeddedServers(desk) as mine:
        assert [mine.database_url, mine.redis_url] == urls
        with EmbeddedServers(desk):
            pass
        store_answer(*urls)
    assert find_postmaster(desk) == first
    assert read_answer(*urls) == (42, b"42")
    assert other.stop() == 0
    assert find_running(desk) == []


def test_share__several_first_starts_at_once(home: Path, start_user: StartUser) -> None:
    users = [start_user(home) for _ in range(3)]
    addresses = [user.wait_ready() for user in users]
    assert addresses[0] == addresses[1] == addresses[2]
    store_answer(*addresses[0])
    assert [user.stop() for user in users] == [0, 0, 0]
    assert find_running(home) == []


def test_share__server_wanted_later_is_added(home: Path) -> None:
    with EmbeddedServers(home, with_postgres=False) as broker:
        assert broker.database_url == ""
        assert not (home / "postgres").exists()
        with EmbeddedServers(home) as both:
            store_answer(both.database_url, broker.redis_url)
    assert find_running(home) == []


def test_interrupt__servers_run_until_the_command_ends(desk: Path, start_user: StartUser) -> None:
    user = start_user(desk)
    urls = user.wait_ready()
    user.interrupt()
    assert user.read_line() == "interrupted\n"
    store_answer(*urls)
    assert read_answer(*urls) == (42, b"42")
    assert user.stop() == 0
    assert find_running(desk) == []


def test_kill__servers_of_a_killed_command_are_adopted_and_stopped(desk: Path, start_user: StartUser) -> None:
    user = start_user(desk)
    store_answer(*user.wait_ready())
    user.kill()
    orphan = find_postmaster(desk)
    with EmbeddedServers(desk) as urls:
        assert find_postmaster(desk) == orphan
        assert read_answer(urls.database_url, urls.redis_url) == (42, b"42")
    assert find_running(desk) == []


@pytest.mark.parametrize("everything", [False, True], ids=["first process", "all processes"])
def test_kill__killed_servers_start_again(desk: Path, start_user: StartUser, *, everything: bool) -> None:
    user = start_user(desk)
    urls = user.wait_ready()
    store_answer(*urls)
    victims = (
        find_running(desk) if everything else [find_postmaster(desk), *find_servers(desk / "redis", REDIS_PROGRAMS)]
    )
    kill_processes(victims)
    # The process that still runs sees its servers again at the same URLs.
    with EmbeddedServers(desk) as again:
        assert [again.database_url, again.redis_url] == urls
        assert read_answer(*urls) == (42, b"42")
    assert read_answer(*urls) == (42, b"42")
    assert user.stop() == 0
    assert find_running(desk) == []


def test_kill__during_the_first_start_leaves_nothing_in_the_way(home: Path, start_user: StartUser) -> None:
    user = start_user(home)
    deadline = time.monotonic() + 60
    while not (home / "postgres.new" / "PG_VERSION").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    user.kill()
    with EmbeddedServers(home) as urls:
        store_answer(urls.database_url, urls.redis_url)
    assert not (home / "postgres.new").exists()
    assert find_running(home) == []


def test_kill__pid_file_of_another_program_is_ignored(desk: Path) -> None:
    with EmbeddedServers(desk) as urls:
        store_answer(urls.database_url, urls.redis_url)
        victims = find_running(desk)
        pid_file = (desk / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        lock_file = desk / "postgres" / ".s.PGSQL.5432.lock"
        kill_processes(victims)
        owner = (desk / "postgres").stat()
        stranger = psutil.Popen(["sleep", "600"], user=owner.st_uid if os.geteuid() == 0 else None)
        try:
            lines = "\n".join([str(stranger.pid), *pid_file[1:]]) + "\n"
            (desk / "postgres" / "postmaster.pid").write_text(lines, encoding="utf-8")
            lock_file.write_text(lines, encoding="utf-8")
            with EmbeddedServers(desk) as again:
                assert read_answer(again.database_url, again.redis_url) == (42, b"42")
            assert stranger.is_running()
        finally:
            stranger.kill()
            stranger.wait()


def test_home__recreated_while_old_servers_run(desk: Path, start_user: StartUser) -> None:
    user = start_user(desk)
    store_answer(*user.wait_ready())
    user.kill()
    old = find_postmaster(desk)
    shutil.rmtree(desk)
    desk.mkdir()
    with EmbeddedServers(desk) as urls, psycopg.connect(urls.database_url) as connection:
        assert connection.execute("SELECT to_regclass('memory')").fetchone() == (None,)
        assert not is_running(old)
    assert find_running(desk) == []


def test_home__deleted_while_in_use_stops_its_servers(desk: Path) -> None:
    with EmbeddedServers(desk) as urls:
        store_answer(urls.database_url, urls.redis_url)
        servers = find_running(desk)
        shutil.rmtree(desk)
    assert servers
    assert [server for server in servers if is_running(server)] == []
    desk.mkdir()


def test_open_servers__configured_servers_leave_the_home_unused(home: Path) -> None:
    servers = ServerSettings(
        home=home / "unused",
        database_url=SecretStr("postgresql://desk@db.example/desk"),
        redis_url=SecretStr("redis://queue.example/1"),
    )
    with open_servers(Settings(servers=servers)) as urls:
        assert urls.database_url == "postgresql://desk@db.example/desk"
        assert urls.redis_url == "redis://queue.example/1"
    assert not (home / "unused").exists()


def test_open_servers__one_configured_server_replaces_one_embedded(home: Path) -> None:
    servers = ServerSettings(home=home, database_url=SecretStr("postgresql://desk@db.example/desk"))
    with open_servers(Settings(servers=servers)) as urls:
        assert urls.database_url == "postgresql://desk@db.example/desk"
        with redis.Redis.from_url(to_client_url(urls.redis_url)) as client:
            assert client.ping()
    assert not (home / "postgres").exists()


def test_valkey_on_the_path__is_used_adopted_and_stopped(
    home: Path, fast_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = fast_disk / f"{home.name}-bin"  # the account of root's servers cannot enter the home
    programs.mkdir()
    shutil.copy2(find_redis().bin() / "redis-server", programs / "valkey-server")
    programs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    try:
        for _ in range(2):
            with (
                EmbeddedServers(home, with_postgres=False) as urls,
                EmbeddedServers(home, with_postgres=False) as adopted,
            ):
                assert urls == adopted
                [process] = find_servers(home / "redis", REDIS_PROGRAMS)
                assert process.name() == "valkey-server"
            assert find_servers(home / "redis", REDIS_PROGRAMS) == []
        assert (home / "redis" / "valkey-server-6.aof").exists()
    finally:
        shutil.rmtree(programs)
