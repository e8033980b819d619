"""Project rules that no linter checks. A remark made twice in reviews becomes a test here."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config.settings import Setting, iter_settings

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = tuple(sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))
MODULES = tuple(sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")))
TESTS = tuple(sorted((ROOT / "tests").rglob("*.py")))
SCRIPTS = (
    *sorted((ROOT / "benchmarks").glob("*.py")),
    *(ROOT / "scripts" / name for name in ("audit", "install", "lock")),
)
TEXTS = (ROOT / "README.md", ROOT / ".env.example", *sorted((ROOT / "docs").rglob("*.md")))

EXAMPLE = ROOT / ".env.example"

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
SQL_ELSEWHERE = {
    "embedded/postgres.py",  # creates the database before a server runs
}
VAGUE_NAMES = {"utils", "util", "helpers", "common", "manager", "service", "base", "misc"}
SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|ROLE|VIEW|SCHEMA|EXTENSION|DATABASE)\s)",
    re.IGNORECASE | re.DOTALL,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def test_packages__each_is_named_in_the_contracts_and_in_the_wheel():
    tool = PROJECT["tool"]
    assert sorted(tool["importlinter"]["root_packages"]) == list(PACKAGES)
    assert sorted(pattern.rstrip("*") for pattern in tool["setuptools"]["packages"]["find"]["include"]) == list(
        PACKAGES
    )
    assert set(PACKAGES) <= set(tool["mypy"]["files"])


def test_packages__every_folder_of_code_is_one():
    folders = {path.parent for path in MODULES}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_module__is_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_function__is_short_enough_to_read(path):
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_names__say_what_is_inside():
    assert [name_of(path) for path in MODULES if VAGUE_NAMES & set(path.stem.split("_"))] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_sql__is_written_in_db_only(path):
    found = [f"line {node.lineno}" for node in strings(parse(path)) if SQL.match(str(node.value))]
    assert found == [] or name_of(path).startswith(("db/", "migrations/")) or name_of(path) in SQL_ELSEWHERE


def test_sql__is_recognised():
    for text in ("SELECT a FROM t", "with x as (", "insert into t values", "UPDATE jobs SET a = 1", "DROP TABLE t"):
        assert SQL.match(text), text
    for text in ("Update available", "delete a document", "with care", "Create a virtual environment"):
        assert not SQL.match(text), text


def test_dependencies__every_import_is_declared():
    declared = {
        canonicalize_name(Requirement(line).name)
        for lines in (PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values())
        for line in lines
    }
    # An environment may lack the packages of the extras `benchmarks` and `int8`.
    owners = {"fpdf": ["fpdf2"], "nncf": ["nncf"], **packages_distributions()}
    undeclared = {
        f"{name} in {name_of(path)}"
        for path in (*MODULES, *TESTS, *SCRIPTS)
        for name in imported(parse(path))
        if name not in {*PACKAGES, "benchmarks", "tests"}
        and not declared & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert undeclared == set()


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize("setting", list(iter_settings()), ids=lambda setting: setting.variable)
def test_setting__is_described_and_in_the_example_with_its_default(setting: Setting):
    description = setting.field.description
    assert description
    default = setting.field.default
    plain = isinstance(default, str | bool | int | float)
    shown = (
        str(default).lower() if isinstance(default, bool) else f"{default:g}" if isinstance(default, float) else default
    )
    line = f"#{setting.variable}={shown if plain else ''}"
    found = f"# {description}\n{line}\n" in EXAMPLE.read_text(encoding="utf-8")
    assert found, f"add these two lines to .env.example:\n# {description}\n{line}"


def test_example__has_every_setting_once_and_in_order():
    lines = EXAMPLE.read_text(encoding="utf-8").partition("# ---- Docker Compose")[0].splitlines()
    variables = [line[1:].partition("=")[0] for line in lines if re.match(r"#[A-Z_]+=", line)]
    expected = [setting.variable for setting in iter_settings()]
    assert variables == expected, ".env.example must have the settings in the order of config/setting_groups.py"


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_text__names_only_settings_that_exist(path):
    known = {setting.variable for setting in iter_settings()}
    known |= {f"{setting.variable}_FILE" for setting in iter_settings() if setting.is_secret}
    named = set(
        re.findall(
            r"\b(?:REFDESK_[A-Z_]+[A-Z]|DATABASE_URL\w*|REDIS_URL\w*|DISCORD_TOKEN\w*)\b",
            path.read_text(encoding="utf-8"),
        )
    )
    assert named - known - {"REFDESK_SHARED"} == set()


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_text__names_only_commands_that_exist(path):
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) - targets == set()
    assert {words for words in re.findall(r"`refdesk ([a-z]+(?: [a-z]+)?)", text) if not command_exists(words)} == set()


@cache
def command_line() -> dict[str, Any]:
    import typer.main

    from cli.main import app

    return getattr(typer.main.get_command(app), "commands", {})


def command_exists(words: str) -> bool:
    first, *rest = words.split()
    commands = command_line()
    return first in commands and (
        not rest or not hasattr(commands[first], "commands") or rest[0] in commands[first].commands
    )


@pytest.mark.parametrize("path", [p for p in TEXTS if p.suffix == ".md"], ids=name_of)
def test_text__links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", [p for p in TEXTS if p.suffix == ".md"], ids=name_of)
def test_text__links_to_sections_lead_somewhere(path):
    for link, section in re.findall(r"\]\(([^)#:]*\.md)?#([^)]+)\)", path.read_text(encoding="utf-8")):
        text = (path.parent / link if link else path).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert section in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_prompts__are_there_in_both_languages():
    prompts = {path.name for path in (ROOT / "pipeline" / "prompts").glob("*.md")}
    assert prompts
    assert {name.replace(".en.", ".zh.") for name in prompts if ".en." in name} == {n for n in prompts if ".zh." in n}


def test_named_queries__of_the_handbook_exist():
    from db.inspection import list_inspections

    text = "\n".join(path.read_text(encoding="utf-8") for path in TEXTS)
    named = set(re.findall(r"`refdesk sql ([a-z_]+)", text))
    assert named
    assert named <= set(list_inspections())
