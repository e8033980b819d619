"""`refdesk backup` and `refdesk restore`: the whole store in one file, made while Refdesk runs.

A backup is a zip file of `refdesk.json`, which names the versions, and `database.dump`, an archive of pg_dump. Redis is
not part of it, because it only contains job IDs that the sweeper publishes again.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import IO, Annotated, Any, cast

import typer
from pydantic import BaseModel

from cli import context as cli_context
from cli.console import json_on_error, print_json, print_line, print_note
from cli.postgres_programs import find_client_program, split_password
from db import restore as stored
from db.schema import inspect_schema, list_revisions, migrate
from pipeline.errors import InvalidInput, SetupError

HEADER, DUMP = "refdesk.json", "database.dump"
FORMAT = 1
MAX_HEADER_BYTES = 100_000
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError, RuntimeError)
"""Errors of the module zipfile for damaged files; RuntimeError: an encrypted one."""
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


class Header(BaseModel):
    """What a backup is: versions, time and size."""

    format: int
    refdesk: str
    revision: str
    postgres: str
    created_at: str
    documents: int
    jobs: int


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


@json_on_error()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; must not exist.")], as_json: AsJson = False
) -> int:
    """Back up the whole store into one file: documents with their originals, vectors, jobs, answers and settings.

    Refdesk can keep running. The file contains everything that members have added and asked; keep it private.
    """
    settings = cli_context.start_command()
    if file.exists():
        raise InvalidInput(f"{file} exists. Choose another name, or delete the file.")
    with cli_context.open_context(settings) as context:
        state = inspect_schema(context.urls.database_url)
        with context.database.system() as session:
            rows = stored.count_rows(session)
        header = Header(
            format=FORMAT,
            refdesk=version("refdesk"),
            revision=state.current or "",
            postgres=state.postgres,
            created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            documents=rows.documents,
            jobs=rows.jobs,
        )
        unfinished = file.with_name(file.name + ".part")
        handle = _create_private(unfinished)
        try:
            _write(handle, header, context.urls.database_url, _major(state.postgres))
            unfinished.rename(file)
        finally:
            unfinished.unlink(missing_ok=True)
    size_mb = file.stat().st_size / 1e6
    if as_json:
        print_json({"file": str(file), "bytes": file.stat().st_size} | header.model_dump())
    else:
        print_line(f"{file}: {rows.documents} documents and {rows.jobs} jobs, {size_mb:,.1f} MB.")
    return 0


@json_on_error()
def restore(
    file: Annotated[Path, typer.Argument(help="Backup to restore.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace a store that is not empty.")] = False,
    as_json: AsJson = False,
) -> int:
    """Replace the store by a backup. Stop all workers and the bot before.

    Jobs that were waiting or running when the backup was made continue when a worker starts.
    """
    settings = cli_context.start_command()
    with _open_backup(file) as archive:
        header = _read_header(archive, file)
        with cli_context.open_context(settings) as context:
            with context.database.system() as session:
                rows, running = stored.count_rows(session), stored.count_running_workers(session)
            if running:
                raise SetupError(f"{running} workers use this store. Stop them, wait 30 seconds and try again.")
            if (rows.documents or rows.jobs) and not yes:
                raise InvalidInput(
                    f"The store contains {rows.documents} documents and {rows.jobs} jobs. To replace them by"
                    f" {header.documents} documents and {header.jobs} jobs of {header.created_at}, add --yes."
                )
            url = context.urls.database_url
            context.database.close()
            _replace(archive, url, _major(inspect_schema(url).postgres))
            migrate(url)
            with context.database.system() as session:
                stored.release_restored(session)
    if as_json:
        print_json({"restored": str(file)} | header.model_dump())
    else:
        print_line(f"Restored {header.documents} documents and {header.jobs} jobs of {header.created_at}.")
        print_note("Check them with `refdesk verify --full`.")
    return 0


def _create_private(path: Path) -> int:
    """Create a file that only this user can read, and return its descriptor."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise InvalidInput(
            f"{path} exists: another backup to this file is running, or one was interrupted. If none is running, delete"
            " it and try again."
        ) from None


def _write(handle: int, header: Header, url: str, major: int) -> None:
    plain, environment = split_password(url)
    command: list[str | Path] = [
        find_client_program("pg_dump", major),
        "--format=custom",
        "--no-owner",
        "--no-blobs",  # large objects: Refdesk has none, but every login can create some
        "--dbname",
        plain,
    ]
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(HEADER, header.model_dump_json(indent=2) + "\n")
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors) as dump,
        ):
            with archive.open(DUMP, "w", force_zip64=True) as entry:
                shutil.copyfileobj(cast("IO[bytes]", dump.stdout), entry, 1 << 20)
            if dump.wait() != 0:
                raise SetupError(f"pg_dump failed: {_first_line(errors)}")


def _open_backup(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (*_DAMAGED, OSError):  # offsets that do not exist
        raise InvalidInput(f"{file} is not a backup of Refdesk, or it is truncated.") from None


def _read_header(archive: zipfile.ZipFile, file: Path) -> Header:
    """Return the header of a complete backup that this version can restore."""
    try:
        with archive.open(HEADER) as member:
            header = Header.model_validate_json(member.read(MAX_HEADER_BYTES))
        archive.getinfo(DUMP)
    except (*_DAMAGED, OSError):
        raise InvalidInput(f"{file} is not a backup of Refdesk, or it is damaged.") from None
    if header.format != FORMAT or header.revision not in list_revisions():
        raise InvalidInput(
            f"{file} was made by Refdesk {header.refdesk} with schema {header.revision}, which is newer than this"
            " version. Update Refdesk, then restore."
        )
    try:
        damaged = archive.testzip()
    except _DAMAGED:
        damaged = DUMP
    if damaged:
        raise InvalidInput(f"{file} is damaged: the checksum of {damaged} is wrong.")
    return header


def _replace(archive: zipfile.ZipFile, url: str, major: int) -> None:
    """Replace the store in one transaction, so that a failed restore changes nothing."""
    plain, environment = split_password(url)
    pg_restore, psql = (find_client_program(name, major) for name in ("pg_restore", "psql"))
    with tempfile.TemporaryDirectory(prefix="refdesk-restore-") as folder:
        dump = Path(folder, DUMP)
        with archive.open(DUMP) as entry, dump.open("wb") as copy:
            shutil.copyfileobj(entry, copy, 1 << 20)
        contents = _run([pg_restore, "--list", dump], environment)
        chosen = Path(folder, "contents")
        # Only a superuser may create an extension, and migrations have created it already. Large objects of a backup
        # are not Refdesk's, and those that exist are not replaced.
        left_out = (" EXTENSION ", " BLOB", " LARGE OBJECT ")
        lines = [line for line in contents.splitlines() if not any(word in line for word in left_out)]
        chosen.write_text("\n".join(lines) + "\n")
        drop, script = Path(folder, "drop.sql"), Path(folder, "restore.sql")
        drop.write_text(stored.drop_script())
        _run([pg_restore, "--no-owner", "--use-list", chosen, "--file", script, dump], environment)
        command = [
            psql,
            "--no-psqlrc",
            "--quiet",
            "--single-transaction",
            "--set",
            "ON_ERROR_STOP=1",
            "--output",
            os.devnull,
        ]
        _run([*command, "--file", drop, "--file", script, "--dbname", plain], environment)


def _run(command: list[Any], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        reason = next(
            (line for line in done.stderr.splitlines() if "ERROR" in line or "error" in line), "no reason given"
        )
        raise SetupError(f"{Path(command[0]).name} failed, and the store is unchanged: {reason}")
    return done.stdout


def _first_line(errors: Any) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[0] if lines else "no reason given"


def _major(postgres: str) -> int:
    return int(postgres.split(".", 1)[0])
