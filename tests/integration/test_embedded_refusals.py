"""Errors of embedded servers that cannot start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.home import prepare_home
from embedded.process import find_servers
from embedded.servers import EmbeddedServers
from pipeline.errors import DiskFull, MissingExtra, SetupError


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "tmpfs", str(home)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root outside a closed container")
    yield home
    subprocess.run(["umount", str(home)], check=True)


def test_home__that_is_a_file(home: Path) -> None:
    (home / "desk").write_text("a file", encoding="utf-8")
    with pytest.raises(SetupError, match=r"desk: .*REFDESK_HOME"), EmbeddedServers(home / "desk"):
        pass


def test_home__that_cannot_be_written() -> None:
    with pytest.raises(SetupError, match=r"/proc/.*REFDESK_HOME"), EmbeddedServers(Path("/proc/desk")):
        pass


def test_postgres__folder_of_another_major_version(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("16\n", encoding="ascii")
    with (
        pytest.raises(SetupError, match="created by PostgreSQL 16, but this Refdesk version contains PostgreSQL 18"),
        EmbeddedServers(home),
    ):
        pass


def test_postgres__folder_with_other_files_is_left_alone(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "letter.txt").write_text("keep me", encoding="utf-8")
    with pytest.raises(SetupError, match="contains files but no database"), EmbeddedServers(home):
        pass
    assert (home / "postgres" / "letter.txt").read_text(encoding="utf-8") == "keep me"


def test_redis__damaged_file_is_named_and_postgres_stops_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedded.programs.REDIS_PROGRAMS", ())  # the server of the wheel, whatever is installed
    with EmbeddedServers(home):
        pass
    (home / "redis" / "appendonly.aof").write_text("not an append-only file", encoding="ascii")
    with pytest.raises(SetupError, match=r"Redis in .* did not start: .*redis\.log"), EmbeddedServers(home):
        pass
    assert find_servers(home / "postgres", "postgres") == []


@pytest.mark.parametrize(
    ("package", "variable"), [("POSTGRES_PACKAGE", "DATABASE_URL"), ("REDIS_PACKAGE", "REDIS_URL")]
)
def test_wheel__missing(home: Path, monkeypatch: pytest.MonkeyPatch, package: str, variable: str) -> None:
    monkeypatch.setattr(f"embedded.programs.{package}", "absent_package")
    monkeypatch.setattr("embedded.programs.REDIS_PROGRAMS", ())
    with pytest.raises(MissingExtra, match=rf"scripts/install embedded.*{variable}"), EmbeddedServers(home):
        pass
    assert find_servers(home / "postgres", "postgres") == []


def test_disk__full_at_the_first_start_leaves_nothing_half_done(small_disk: Path) -> None:
    with pytest.raises(DiskFull, match=str(small_disk)), EmbeddedServers(small_disk):
        pass
    assert not (small_disk / "postgres").exists()
    assert not (small_disk / "postgres.new").exists()


def test_alias__with_open_permissions_is_rejected(home: Path) -> None:
    desk = prepare_home(home / "a desk")
    desk.make_folder("postgres")
    alias = desk.make_short_path("postgres").parent
    try:
        alias.chmod(0o777)
        with pytest.raises(SetupError, match=f"{alias}.*must be a private folder"):
            desk.make_short_path("postgres")
    finally:
        desk.remove_alias()
