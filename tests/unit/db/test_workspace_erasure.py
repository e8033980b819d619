"""The tables of an erasure do not depend on which modules a process has imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import db
from db.workspace_erasure import _list_tables

LIST = "from db.workspace_erasure import _list_tables; print(*(table.name for table in _list_tables()))"


def test_tables__include_those_of_every_module_of_models() -> None:
    listed = subprocess.run([sys.executable, "-c", LIST], check=True, capture_output=True, text=True).stdout.split()
    for file in Path(db.__path__[0]).glob("*models.py"):
        import_module(f"db.{file.stem}")
    assert set(listed) == {table.name for table in _list_tables()}
