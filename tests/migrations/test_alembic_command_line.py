"""Alembic's own command line in a checkout: on DATABASE_URL, and as a script without a database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from db.schema import inspect_schema, list_revisions
from embedded.programs import find_postgres

ROOT = Path(__file__).parent.parent.parent


def alembic(*arguments: str, database_url: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if database_url is not None:
        environment["DATABASE_URL"] = database_url
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_downgrade_and_upgrade__on_the_database_of_the_environment(database_url):
    down = alembic("downgrade", "-1", database_url=database_url)
    assert down.returncode == 0, down.stderr
    assert "Running downgrade" in down.stderr
    assert inspect_schema(database_url).current == list_revisions()[-2]
    assert alembic("upgrade", "head", database_url=database_url).returncode == 0
    assert inspect_schema(database_url).up_to_date


def test_script__creates_the_same_schema_without_alembic(database_url):
    written = alembic("upgrade", "head", "--sql")
    assert written.returncode == 0, written.stderr
    assert alembic("downgrade", "base", database_url=database_url).returncode == 0
    psql = [find_postgres().bin() / "psql", database_url, "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    subprocess.run([*psql, "--command=DROP TABLE alembic_version"], check=True, capture_output=True)
    subprocess.run(psql, input=written.stdout, text=True, check=True, capture_output=True)
    assert inspect_schema(database_url).up_to_date


def test_mistakes__one_line_that_names_the_fix():
    missing = alembic("current")
    assert missing.returncode != 0
    assert "DATABASE_URL is not set." in missing.stdout + missing.stderr
    invalid = alembic("current", database_url="mysql://user:secret-word@host/name")
    assert "DATABASE_URL must be a PostgreSQL URL" in invalid.stdout + invalid.stderr
    assert "secret-word" not in invalid.stdout + invalid.stderr
