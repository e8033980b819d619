import os
import time
from pathlib import Path

from pipeline.backends.documents.recognised_pages import KEEP_DAYS, RecognisedPages

CONTENT = b"scan"


def start(pages: RecognisedPages, number: int, total: int = 10) -> None:
    pages.handle({"event": "started", "number": number, "done": number - 1, "total": total})


def finish(pages: RecognisedPages, number: int) -> None:
    pages.handle({"event": "recognised", "number": number, "outcome": "text", "paragraphs": ["x"], "confidence": 0.9})


def test_later_attempt__continues_after_the_last_page(tmp_path: Path):
    pages = RecognisedPages(tmp_path / "pages", CONTENT)
    for number in (1, 2):
        start(pages, number)
        finish(pages, number)
    start(pages, 3)
    later = RecognisedPages(tmp_path / "pages", CONTENT).build_request()
    assert sorted(later["recognised"]) == [1, 2]
    assert RecognisedPages(tmp_path / "pages", b"another").build_request()["recognised"] == {}
    assert [oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == ["0o700"]


def test_incomplete_last_line__is_ignored(tmp_path: Path):
    pages = RecognisedPages(tmp_path, CONTENT)
    finish(pages, 1)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + b'{"number": 2, "para')
    assert sorted(RecognisedPages(tmp_path, CONTENT).build_request()["recognised"]) == [1]


def test_discard__deletes_the_pages(tmp_path: Path):
    finish(RecognisedPages(tmp_path, CONTENT), 1)
    RecognisedPages(tmp_path, CONTENT).discard()
    assert list(tmp_path.iterdir()) == []


def test_old_pages__are_deleted_with_the_next_file(tmp_path: Path):
    finish(RecognisedPages(tmp_path, CONTENT), 1)
    (old,) = tmp_path.iterdir()
    os.utime(old, (0, time.time() - KEEP_DAYS * 86_400 - 60))
    finish(RecognisedPages(tmp_path, b"another"), 1)
    assert old not in list(tmp_path.iterdir())


def test_folder_that_cannot_be_written__keeps_pages_in_memory(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    pages = RecognisedPages(blocked / "pages", CONTENT)
    finish(pages, 1)
    assert sorted(pages.build_request()["recognised"]) == [1]


def test_page_that_ends_two_processes__is_left_out():
    pages = RecognisedPages(None, CONTENT)
    start(pages, 4)
    assert pages.note_death()
    assert pages.build_request()["lost"] == []
    start(pages, 4)
    assert pages.note_death()
    assert pages.build_request()["lost"] == [4]
    assert not pages.note_death()


def test_three_lost_pages_in_a_row__give_up_the_rest():
    pages = RecognisedPages(None, CONTENT)
    for number in (3, 4, 5):
        for _ in range(2):
            start(pages, number, total=8)
            pages.note_death()
    assert pages.build_request()["lost"] == [3, 4, 5, 6, 7, 8]
