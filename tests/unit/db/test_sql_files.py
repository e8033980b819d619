"""The rules for SQL in `db`: one module per file, and the ORM or named SQL by decision 0015."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import db
from db.sql import statements

FOLDER = Path(db.__file__).parent
SQL_FILES = sorted((FOLDER / "sql").glob("*.sql"))
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")
COMPUTED = {"inspection"}
"""Modules that build the names of their statements."""


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^-- name: (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def strings_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def named_in(path: Path) -> set[str]:
    """Return the statement names that a module passes to `named` as literals."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    arguments = [call.args[0] for call in calls if call.func.id == "named"]  # type: ignore[attr-defined]
    return {str(argument.value) for argument in arguments if isinstance(argument, ast.Constant)}


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_sql_file__belongs_to_the_module_of_its_name(path: Path) -> None:
    assert (FOLDER / f"{path.stem}.py").exists()


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: path.stem)
def test_sql_file__each_statement_is_used_by_its_module(path: Path) -> None:
    if path.stem not in COMPUTED:
        assert names_in(path) - strings_in(FOLDER / f"{path.stem}.py") == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module__runs_only_the_statements_of_its_own_file(path: Path) -> None:
    own = FOLDER / "sql" / f"{path.stem}.sql"
    assert named_in(path) - (names_in(own) if own.exists() else set()) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module__updates_and_locks_rows_in_named_sql_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sqlalchemy")
        for alias in node.names
    }
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert "update" not in imported
    assert "with_for_update" not in called


def test_statements__have_a_comment() -> None:
    assert [name for name, body in statements().items() if not body.startswith("-- ")] == []
