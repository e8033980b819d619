"""Temporary folders of parsers do not accumulate when workers are killed."""

import os
import subprocess
import sys

import pytest

from pipeline.backends.documents.private_folder import PREFIX, PrivateFolder


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_folder__is_private_and_deleted(tmp_path):
    folder = PrivateFolder()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "page.png").write_bytes(b"x")
    folder.delete()
    assert list(tmp_path.iterdir()) == []


def test_folder__of_a_killed_process_is_deleted_with_the_next_one(tmp_path):
    script = "import os; from pipeline.backends.documents.private_folder import PrivateFolder; f = PrivateFolder();"
    script += "(f.path / 'page.png').write_bytes(b'x'); os.kill(os.getpid(), 9)"
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    (left,) = tmp_path.iterdir()
    used = PrivateFolder()
    assert left.exists(), "its owner may be about to lock it"
    other = tmp_path / "another-folder"
    other.mkdir()
    link = tmp_path / f"{PREFIX}link"
    link.symlink_to(other)
    for path in (left, used.path, other):
        os.utime(path, (0, 0))
    PrivateFolder().delete()
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == {used.path, other, link}
    used.delete()
