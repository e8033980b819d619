"""The files that contributors meet first: hooks, workflow, templates and the check of commit messages."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.script_loader import load_script

ROOT = Path(__file__).parent.parent.parent
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"
BODY = "\n\nThe old plan read every row: 120 ms instead of 9 ms.\n"


@pytest.fixture(scope="module")
def check() -> Any:
    return load_script("check-commit-message")


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [WORKFLOW]),
        ("vendor.github-issue-forms", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml"))),
        ("vendor.github-issue-config", [ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"]),
    ],
)
def test_github__files_fit_their_schema(schema, files):
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workflow__tests_from_the_oldest_supported_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    job = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == ">=3.11"
    assert {"run": ".ci/run"} in job["steps"]


def test_hooks__run_programs_that_exist():
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for repository in HOOKS["repos"]:
        assert repository["repo"] == "local", "hooks run the programs of .venv, so that versions agree with CI"
        for hook in repository["hooks"]:
            program = Path(hook["entry"].split()[0])
            folder = Path(sys.executable).parent if program.parts[0] == ".venv" else ROOT / program.parent
            assert (folder / program.name).exists(), hook["id"]


@pytest.mark.parametrize(
    "message",
    [
        f"recall: use the HNSW index for small Top-K{BODY}",
        f"bot, docs: say which button retries{BODY}",
        'Revert "recall: use the HNSW index"',
        "fixup! recall: use the HNSW index",
    ],
)
def test_message__in_the_form_of_contributing_passes(check, message):
    assert check.find_problems(message) == []


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        (f"Use the HNSW index{BODY}", "area"),
        (f"recall: {'x' * 70}{BODY}", "limit is 72"),
        ("recall: use the HNSW index\n", "body"),
        ("recall: use the HNSW index\nno blank line\n", "second line"),
        (f"recall: use the HNSW index\n\n{'word ' * 20}\n", "Wrap"),
    ],
)
def test_message__not_in_the_form_names_the_problem(check, message, problem):
    assert any(problem in found for found in check.find_problems(message))
