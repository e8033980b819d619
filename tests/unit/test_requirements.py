"""The lock files in `requirements/`, and the programs that read them: the installation, the images and the audit."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.script_loader import load_script

ROOT = Path(__file__).parent.parent.parent
LOCKS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES: dict[str, list[str]] = {
    "base": PROJECT["project"]["dependencies"],
    "build": PROJECT["build-system"]["requires"],
    **PROJECT["project"]["optional-dependencies"],
}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def read_lock(name: str) -> dict[str, str]:
    """Return the locked versions by package; every package must have hashes."""
    versions: dict[str, str] = {}
    text = (LOCKS / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        written, *hashes = re.split(r"\s+(?=--hash)", line.strip())
        assert hashes, line
        assert all(HASH.fullmatch(found) for found in hashes), line
        requirement = Requirement(written)
        assert re.fullmatch(r"==[^*+]+", str(requirement.specifier)), line
        versions[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return versions


def test_lock__has_a_file_for_each_extra():
    assert {path.stem for path in LOCKS.iterdir()} == {*DEPENDENCIES, "torch"}


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_lock__pins_every_dependency(name):
    pinned = read_lock(name) | read_lock("base") | read_lock("torch")
    for requirement in map(Requirement, DEPENDENCIES[name]):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version, f"requirements/{name}.txt lacks {requirement}; run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement}, but locked is {version}; run `make lock`"


def test_lock__files_agree_on_every_version():
    versions: dict[str, set[str]] = {}
    for path in LOCKS.iterdir():
        for package, version in read_lock(path.stem).items():
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_lock__only_one_file_contains_torch_and_its_cuda_libraries():
    for name in DEPENDENCIES:
        assert [package for package in read_lock(name) if package.startswith(("torch", "nvidia-", "cuda-"))] == []
    assert read_lock("torch")["torch"]


def test_install__rejects_a_package_with_another_hash(tmp_path, capfd):
    install = load_script("install")
    install.LOCKS, install.PYTHON = tmp_path, Path(sys.executable)
    wheel = tmp_path / "parcel-1-py3-none-any.whl"
    wheel.write_bytes(b"what the index offers")
    (tmp_path / "parcel.txt").write_text(f"parcel @ {wheel.as_uri()} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SystemExit, match="a hash does not match"):
        install.pip_locked("parcel")
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err


def test_install__names_the_lock_files_when_there_is_none_for_an_extra():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "install", "absent"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no lock file absent.txt" in done.stderr
    assert "worker" in done.stderr


def test_dockerfile__installs_from_lock_files_with_hashes():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = set(re.findall(r"requirements/(\w+)\.txt", text))
    assert named == {"build", "base", "worker", "evaluate", "ocr", "metrics", "traces", "bot", "torch"}
    assert "!requirements" in patterns
    for command in re.findall(r"pip install (?:\\\n|[^\n])*", text):
        from_lock = "-r requirements/" in command
        assert from_lock == ("--require-hashes" in command), command
        assert from_lock or "torch==" in command or command.endswith("--no-deps --no-build-isolation ."), command


def run_audit(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with a program in the place of pip-audit."""
    (folder / "pip-audit").write_text(f"#!/bin/sh\n{program}\n")
    (folder / "pip-audit").chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    return subprocess.run([folder / "python", ROOT / "scripts" / "audit"], capture_output=True, text=True, check=False)


def test_audit__reports_findings(tmp_path):
    done = run_audit(tmp_path, "echo 'pillow 13.0.0 PYSEC-2026-1'; echo 'Found 1 known vulnerability' >&2; exit 1")
    assert done.returncode == 1
    assert "PYSEC-2026-1" in done.stdout
    assert "Found 1" in done.stderr


def test_audit__without_the_service_is_no_success(tmp_path):
    done = run_audit(tmp_path, "echo 'ConnectionError: api.example' >&2; exit 1")
    assert done.returncode == 2
    assert "The audit did not finish: ConnectionError: api.example" in done.stderr
    assert "-s osv" in done.stderr


def test_audit__asks_about_every_lock_file(tmp_path):
    done = run_audit(tmp_path, 'echo "$@"; echo "No known vulnerabilities found" >&2')
    assert done.returncode == 0
    assert {f"{LOCKS / name}.txt" for name in (*DEPENDENCIES, "torch")} <= set(done.stdout.split())
    assert "--strict" in done.stdout, "a package that the service does not know must not count as checked"
