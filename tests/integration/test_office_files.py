"""The workbooks and presentations of the test collection: no word is lost, and the field inputs keep their facts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.backends.documents.extraction import READERS, extract
from pipeline.backends.documents.reading import File, Reading
from pipeline.backends.documents.sniffing import sniff_binary
from pipeline.backends.documents.verification import SECOND_READINGS, find_missing_texts
from pipeline.errors import InvalidInput
from pipeline.types import Source

FACTS = {
    "xlsx-time-duration-percent/members_dates.xlsx": ("| 2019-03-14 | 145.50 EUR | 12.5% | 07:30 |", "| 50% | 31:15 |"),
    "docx-ampersand-less-greater/canteen.xlsx": ("| Dish & size | A < B |", "Fish & chips", "| 0.3 | 0.0000001 |"),
    "faq-answers-with-the-question/theatre_merged.xlsx": (
        "| Block | Weekday Adult | Weekday Child | Weekend Adult | Weekend Child |",
        "| Gallery | 22 | 12 | 27 | 14 |",
        "| Play | Director |",
    ),
    "pptx-speaker-notes-chart/orchard.pptx": (
        "Speaker notes: Remind everyone that the ladder is at the house of Mrs Quast.",
        "| Apples in tonnes | Pears in tonnes |",
        "| 2024 | 9.1 | 4.4 |",
        "Left column: juice is pressed on Fridays.\n\nRight column: cider is pressed on Sundays.",
    ),
    "docx-ampersand-less-greater/canteen.pptx": ("R&D > sales",),
}
HIDDEN = {"xlsx-time-duration-percent/members_dates.xlsx": ("4471", "Secret Member")}


def _read(path: Path) -> str:
    document = extract(Source(path.name, path.read_bytes()), max_unpacked_mb=100)
    return "\n".join(block.text for block in document.blocks)


@pytest.mark.parametrize("path", FACTS)
def test_field_input__keeps_its_facts(shared: Path, path):
    text = _read(shared / "field" / path)
    assert [fact for fact in FACTS[path] if fact not in text] == []


@pytest.mark.parametrize("path", HIDDEN)
def test_field_input__keeps_what_is_hidden_to_itself(shared: Path, path):
    text = _read(shared / "field" / path)
    assert [secret for secret in HIDDEN[path] if secret in text] == []


def _read_nothing(source: Source, depth: int) -> Reading:
    raise InvalidInput(f"{source.name} at depth {depth} is not part of this check.")


@pytest.mark.parametrize(("extension", "files"), [("xlsx", 15), ("pptx", 10), ("ods", 1)])
def test_collection__no_word_is_lost(shared: Path, extension, files):
    lost: dict[str, list[str]] = {}
    read = 0
    for path in sorted(path for folder in ("documents", "field") for path in (shared / folder).rglob(f"*.{extension}")):
        content = path.read_bytes()
        try:
            file = File(path.name, content, sniff_binary(content, path.name) or "")
            elements = READERS[file.media_type](file, _read_nothing).elements
        except InvalidInput:  # encrypted; see test_documents.py
            continue
        read += 1
        missing = find_missing_texts(SECOND_READINGS[file.media_type](file), elements)
        lost |= {path.name: missing} if missing else {}
    assert lost == {}
    assert read >= files
