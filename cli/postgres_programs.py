"""PostgreSQL's client programs: the ones of the embedded server, or installed ones of the server's version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.errors import MissingExtra

_FOLDERS = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")
"""Where packages install the programs of a major version."""


def find_client_program(name: str, major: int) -> Path:
    """Return the path of a program of a major version; raise `MissingExtra` if there is none.

    Other versions are not used: an older pg_dump rejects the server, and the script of a newer one may contain settings
    that the server does not know.
    """
    for program in _list_candidates(name, major):
        if _read_major(program) == major:
            return program
    raise MissingExtra(
        f"{name} of PostgreSQL {major} is not installed. Install the package postgresql-client-{major}, or run this"
        " command where it is installed."
    )


def split_password(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without its password, and the environment that passes it: every user can read arguments."""
    parts = urlsplit(url)
    if not parts.password:
        return url, dict(os.environ)
    plain = parts._replace(netloc=f"{parts.username or ''}@{parts.netloc.rpartition('@')[2]}")
    return plain.geturl(), os.environ | {"PGPASSWORD": unquote(parts.password)}


def _list_candidates(name: str, major: int) -> Iterator[Path]:
    from embedded.programs import find_postgres

    with suppress(MissingExtra):
        yield find_postgres().bin() / name
    for folder in _FOLDERS:
        yield Path(folder.format(major)) / name
    if found := shutil.which(name):
        yield Path(found)


def _read_major(program: Path) -> int | None:
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", shown)
    return int(match[1]) if match else None
