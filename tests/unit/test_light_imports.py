"""Libraries that a process must not import, because of their time and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODEL_LIBRARIES = {"torch", "transformers", "sentence_transformers", "openvino", "tokenizers"}
EVALUATION_LIBRARIES = {"matplotlib", "pandas", "scipy", "pytrec_eval"}
HEAVY = MODEL_LIBRARIES | EVALUATION_LIBRARIES | {"discord", "kreuzberg", "openai"}


def imported(code: str) -> set[str]:
    """Run code in a new interpreter and return the top-level modules that it imported."""
    report = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_help__imports_no_heavy_library():
    run = "from typer.testing import CliRunner; from cli.main import app; CliRunner().invoke(app, ['--help'])"
    assert imported(run) & HEAVY == set()


@pytest.mark.parametrize("module", ["cli.ask", "cli.docs", "cli.ingest"])
def test_command__imports_neither_models_nor_the_parts_of_a_worker(module):
    found = imported(f"import cli.main, {module}")
    assert found & (HEAVY | {"celery", "kombu", "alembic", "httpx"}) == set()


def test_ask__imports_no_client_of_the_servers_before_it_spawns_a_worker():
    assert imported("import cli.main, cli.ask") & {"sqlalchemy", "psycopg", "redis"} == set()


def test_version__imports_no_command():
    run = "from typer.testing import CliRunner; from cli.main import app; CliRunner().invoke(app, ['--version'])"
    assert imported(run) & {"sqlalchemy", "redis", "pydantic"} == set()


@pytest.mark.parametrize("module", ["tasks.startup", "tasks.query", "tasks.ingest"])
def test_worker__imports_no_model_library_before_it_loads_a_model(module):
    assert imported(f"import {module}") & HEAVY == set()


LOAD_LOCAL_MODEL = """
from contextlib import suppress
from config.embedding import build_embedder, check_profile
from config.settings import Settings
from pipeline.errors import ModelUnavailable
from pipeline.types import EmbeddingProfile
for load in (build_embedder, check_profile):
    with suppress(ModelUnavailable):
        load(Settings(_env_file=None), EmbeddingProfile(0, "local", "/missing", 4, 8))
"""


def test_worker__imports_the_client_of_endpoints_only_for_an_endpoint():
    assert "openai" not in imported(LOAD_LOCAL_MODEL)


def test_celery_app__reads_no_settings_outside_of_celerys_command_line():
    found = imported("from tasks.app import app; app.conf.task_acks_late")
    assert found & (HEAVY | {"pydantic_settings", "sqlalchemy"}) == set()
